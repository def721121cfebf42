//! HTTP: the router's assembly, what holds for every request, and the sockets.
//!
//! Owns middleware ([`access`], [`guard`], headers, request log, panics), the API document and its reference page, the web app, and
//! the server loop. Operations are the features' own; errors and extractors are [`crate::error`]'s, so that features can use them.

mod access;
mod descriptors;
mod guard;
mod headers;
pub mod listeners;
mod log;
mod openapi;
mod proxies;
mod reference;
mod server;
mod stages;
mod tls;
mod web_app;

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use axum::{
    http::{HeaderMap, Method, Uri, header},
    middleware,
    routing::{MethodRouter, get},
};
use ipnet::IpNet;
use tower_http::catch_panic::CatchPanicLayer;

pub use access::Doorkeeper;
pub use axum::Router;
pub use descriptors::raise_limit as raise_descriptor_limit;
pub use listeners::Listeners;
pub use openapi::document;
pub use server::serve;
pub use stages::staged;
pub use tls::{Acme, Authority, Tls, own_names};

use crate::{
    error::Error,
    features::{
        accounts::{self, AccountService},
        care::{self, CareCheck},
        dreams::{self, DreamService},
        events::{self, EventService},
        lore::{self, LoreService},
        models::{self, ModelService},
        ollama,
        openai::{self, ModelApi},
        speech::{self, SpeechService},
        system::{self, SystemService, UNCONFINED},
    },
};
use access::{Access, Rules};
use guard::OwnNames;
use web_app::WebApp;

/// When a client that came too early may ask again.
const COMING_UP: Duration = Duration::from_secs(5);

/// What the router hands to the features. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    pub accounts: Arc<AccountService>,
    pub care: Arc<CareCheck>,
    pub dreams: Arc<DreamService>,
    pub events: Arc<EventService>,
    pub lore: Arc<LoreService>,
    pub speech: Arc<SpeechService>,
    pub openai: Arc<ModelApi>,
    pub first: FirstServices,
}

/// What is there from the first moment on. Cheap to clone.
#[derive(Clone)]
pub struct FirstServices {
    pub system: Arc<SystemService>,
    pub models: Arc<ModelService>,
    /// The operator allowed engines that the kernel does not confine: every page says so.
    pub unsandboxed_allowed: bool,
    /// Accounts exist, as far as is known before the database is open.
    pub claimed: bool,
    /// What is spoken to browsers, where that is TLS.
    pub tls: Option<Arc<Tls>>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Arc<[IpNet]>,
}

/// Every route, with what holds for all of them.
pub fn router(services: Services) -> Router {
    let Services { accounts, care, dreams, events, lore, speech, openai, first } = services;
    let routes = first_routes(&first)
        .merge(Router::from(accounts::routes::operations()).with_state(Arc::clone(&accounts)))
        .merge(Router::from(care::routes::operations()).with_state(care))
        .merge(Router::from(dreams::routes::operations()).with_state(dreams))
        .merge(Router::from(events::routes::operations()).with_state(events))
        .merge(Router::from(lore::routes::operations()).with_state(lore))
        .merge(Router::from(speech::routes::operations()).with_state(speech))
        .merge(Router::from(openai::routes::operations()).with_state(openai));
    guarded(routes, Doorkeeper::Accounts(accounts), &first, || Error::NotFound("page"))
}

/// What is served while the appliance comes up: its state, its models, the web app, and word that everything else comes
/// later.
pub fn starting_router(first: &FirstServices) -> Router {
    guarded(first_routes(first), Doorkeeper::ComingUp { claimed: first.claimed }, first, starting)
}

/// Ollama's protocol, for its own listener. Without models it says that they are coming.
pub fn ollama_router(api: Option<Arc<ModelApi>>) -> Router {
    let routes: Router = match api {
        Some(api) => ollama::routes::operations().with_state(api).fallback(|| async { Error::NotFound("address") }),
        None => Router::new().fallback(|| async { starting() }),
    };
    routes
        .method_not_allowed_fallback(|| async { Error::MethodNotAllowed })
        .layer(middleware::from_fn(guard::own_origin))
        .layer(middleware::from_fn_with_state(OwnNames::of(Doorkeeper::ComingUp { claimed: true }, None), guard::own_host))
        .layer(CatchPanicLayer::custom(log::panicked))
        .layer(middleware::from_fn(ollama::routes::in_the_protocols_words))
        .layer(middleware::from_fn(headers::secure))
        .layer(middleware::from_fn(log::requests))
}

fn starting() -> Error {
    Error::Unavailable { what: "the appliance is starting; /readyz says what is missing".into(), retry_after: COMING_UP }
}

fn first_routes(first: &FirstServices) -> Router {
    let document = document();
    let page = reference::page(&document, first.unsandboxed_allowed.then_some(UNCONFINED));
    let json = document.to_json().expect("the API document is plain data with string keys, which JSON can hold");
    Router::from(system::routes::operations())
        .with_state(first.system.clone())
        .merge(Router::from(models::routes::operations()).with_state(first.models.clone()))
        .route("/openapi.json", fixed("application/json", json))
        .route("/reference", fixed("text/html; charset=utf-8", page))
        .route("/reference.css", fixed("text/css; charset=utf-8", reference::STYLE.to_owned()))
        .route("/authority.pem", authority(first.tls.as_deref().and_then(Tls::authority)))
}

/// What the operations ask for, read once.
fn rules() -> Arc<Rules> {
    static RULES: LazyLock<Arc<Rules>> = LazyLock::new(|| {
        let document = serde_json::to_value(document()).unwrap_or_default();
        Arc::new(Rules::of(&document))
    });
    Arc::clone(&RULES)
}

/// What holds for every request. `otherwise` answers what neither a route nor the web app does.
fn guarded(routes: Router, doorkeeper: Doorkeeper, first: &FirstServices, otherwise: fn() -> Error) -> Router {
    let app = WebApp::embedded();
    let names = OwnNames::of(doorkeeper.clone(), first.tls.as_deref());
    let proxies = Arc::clone(&first.trusted_proxies);
    let access = Access { rules: rules(), doorkeeper };
    routes
        .fallback(move |method: Method, uri: Uri, headers: HeaderMap| async move { app.serve(&method, &uri, &headers, otherwise()) })
        .method_not_allowed_fallback(|| async { Error::MethodNotAllowed })
        .layer(middleware::from_fn_with_state(access, access::guard))
        .layer(middleware::from_fn(guard::own_origin))
        .layer(middleware::from_fn_with_state(names, guard::own_host))
        .layer(middleware::from_fn_with_state(proxies, proxies::true_origin))
        .layer(CatchPanicLayer::custom(log::panicked))
        .layer(middleware::from_fn(openai::routes::in_the_protocols_words))
        .layer(middleware::from_fn(headers::secure))
        .layer(middleware::from_fn(log::requests))
}

/// The certificate that devices are told to trust, as a file; there is none without an authority of our own.
fn authority(authority: Option<&Arc<Authority>>) -> MethodRouter {
    let pem: Option<Arc<str>> = authority.map(|authority| authority.pem().into());
    get(move || async move {
        let attached =
            [(header::CONTENT_TYPE, "application/x-x509-ca-cert"), (header::CONTENT_DISPOSITION, "attachment; filename=\"oneiros.crt\"")];
        pem.map(|pem| (attached, pem.to_string())).ok_or(Error::NotFound("authority"))
    })
}

/// An answer that never changes while the server runs.
fn fixed(media_type: &'static str, body: String) -> MethodRouter {
    let body: Arc<str> = body.into();
    get(move || async move { ([(header::CONTENT_TYPE, media_type)], body.to_string()) })
}
