//! HTTP: the router's assembly, what holds for every request, and the sockets.
//!
//! Owns middleware ([`guard`], headers, request log, panics), the API document and its reference page, and the server
//! loop. Operations are the features' own; errors and extractors are [`crate::error`]'s, so that features can use them.

mod guard;
mod headers;
pub mod listeners;
mod log;
mod openapi;
mod reference;
mod server;
mod stages;

use std::{sync::Arc, time::Duration};

use axum::{
    http::header,
    middleware,
    response::Redirect,
    routing::{MethodRouter, get},
};
use tower_http::catch_panic::CatchPanicLayer;

pub use axum::Router;
pub use listeners::Listeners;
pub use openapi::document;
pub use server::serve;
pub use stages::staged;

use crate::{
    error::Error,
    features::{
        dreams::DreamService,
        speech::SpeechService,
        system::{self, SystemService, UNCONFINED},
    },
};

/// When a client that came too early may ask again.
const COMING_UP: Duration = Duration::from_secs(5);

/// What the router hands to the features. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    pub dreams: Arc<DreamService>,
    pub speech: Arc<SpeechService>,
    pub system: Arc<SystemService>,
    /// The operator allowed engines that the kernel does not confine: every page says so.
    pub unsandboxed_allowed: bool,
}

/// Every route, with what holds for all of them.
pub fn router(services: Services) -> Router {
    let warning = services.unsandboxed_allowed.then_some(UNCONFINED);
    let (features, document) = openapi::assemble(services).split_for_parts();
    let json = document.to_json().expect("the API document is plain data with string keys, which JSON can hold");
    let page = reference::page(&document, warning);
    let routes = features
        .route("/", get(|| async { Redirect::temporary("/reference") }))
        .route("/openapi.json", fixed("application/json", json))
        .route("/reference", fixed("text/html; charset=utf-8", page))
        .route("/reference.css", fixed("text/css; charset=utf-8", reference::STYLE.to_owned()))
        .fallback(|| async { Error::NotFound("page") });
    guarded(routes)
}

/// What is served while the appliance comes up: its state, and word that everything else comes later.
pub fn starting_router(system: Arc<SystemService>) -> Router {
    let coming =
        || async { Error::Unavailable { what: "the appliance is starting; /readyz says what is missing".into(), retry_after: COMING_UP } };
    guarded(Router::from(system::routes::router(system)).fallback(coming))
}

/// What holds for every request.
fn guarded(routes: Router) -> Router {
    routes
        .method_not_allowed_fallback(|| async { Error::MethodNotAllowed })
        .layer(middleware::from_fn(guard::own_origin))
        .layer(middleware::from_fn(guard::own_host))
        .layer(CatchPanicLayer::custom(log::panicked))
        .layer(middleware::from_fn(headers::secure))
        .layer(middleware::from_fn(log::requests))
}

/// An answer that never changes while the server runs.
fn fixed(media_type: &'static str, body: String) -> MethodRouter {
    let body: Arc<str> = body.into();
    get(move || async move { ([(header::CONTENT_TYPE, media_type)], body.to_string()) })
}
