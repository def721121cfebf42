//! The API document, assembled from the features' own operations.

use serde_json::{Value, json};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme},
};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    error::problem::Problem,
    features::{
        accounts::{self, SESSION_COOKIE},
        care, dreams, events, lore, models, openai, speech, system,
    },
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Oneiros",
        description = "Dreams are interpreted, heard and found again by models that run on this machine and cannot reach a network. \
            Errors are problem details (RFC 9457).",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    modifiers(&WaysIn),
    components(schemas(Problem, openai::model::ErrorBody, dreams::routes::DeltaEvent, dreams::WaitingEvent, events::DreamsEvent, speech::routes::SpeechWaitingEvent)),
    tags(
        (name = "dreams", description = "Dreams: kept, read through a lens, found again by likeness"),
        (name = "embeddings", description = "Vectors of texts"),
        (name = "speech", description = "Recordings turned into text"),
        (name = "lore", description = "Lenses, the dictionary of dream symbols, and packs of both"),
        (name = "models", description = "Models and run-time parts: what there is, what is here, fetching and removing"),
        (name = "openai", description = "The same models for programs that speak OpenAI's protocol; errors have that protocol's shape"),
        (name = "accounts", description = "Coming in, and one's own account"),
        (name = "people", description = "What admins do: people, invitations, the audit, settings for all"),
        (name = "system", description = "What runs here and what is enforced"),
    )
)]
struct Document;

/// What an operation's `security` names. Each names one scope, which session and key alike must have.
struct WaysIn;

impl Modify for WaysIn {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let session = ApiKeyValue::with_description(SESSION_COOKIE, "A browser's session; changes need the header x-csrf-token, too");
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(session)));
        components.add_security_scheme("key", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

/// The API document. The same whatever the server's settings.
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    document.merge(OpenApiRouter::into_openapi(dreams::routes::operations()));
    document.merge(OpenApiRouter::into_openapi(care::routes::operations()));
    document.merge(OpenApiRouter::into_openapi(events::routes::operations()));
    document.merge(OpenApiRouter::into_openapi(lore::routes::operations()));
    document.merge(OpenApiRouter::into_openapi(speech::routes::operations()));
    document.merge(OpenApiRouter::into_openapi(openai::routes::operations()));
    document.merge(OpenApiRouter::into_openapi(models::routes::operations()));
    document.merge(OpenApiRouter::into_openapi(system::routes::operations()));
    document.merge(OpenApiRouter::into_openapi(accounts::routes::operations()));
    also_by_session(document)
}

/// What a key may do, a session of the same scope may, too.
fn also_by_session(document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let Ok(mut json) = serde_json::to_value(&document) else { return document };
    let operations = json["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut());
    for operation in operations.filter_map(Value::as_object_mut).flat_map(|item| item.values_mut()) {
        if let Some(security) = operation.get_mut("security").and_then(Value::as_array_mut)
            && let Some(scopes) = security.first().and_then(|first| first.get("key")).cloned()
        {
            security.push(json!({ "session": scopes }));
        }
    }
    serde_json::from_value(json).unwrap_or(document)
}
