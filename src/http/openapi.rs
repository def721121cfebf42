//! The API document, assembled from the features' own operations.

use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    error::problem::Problem,
    features::{dreams, models, openai, speech, system},
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Oneiros",
        description = "Dreams are interpreted, heard and found again by models that run on this machine and cannot reach a network. \
            Errors are problem details (RFC 9457).",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(Problem, openai::model::ErrorBody, dreams::routes::DeltaEvent, dreams::WaitingEvent, speech::routes::SpeechWaitingEvent)),
    tags(
        (name = "dreams", description = "Dreams: kept, read through a lens, found again by likeness"),
        (name = "embeddings", description = "Vectors of texts"),
        (name = "speech", description = "Recordings turned into text"),
        (name = "models", description = "Models and run-time parts: what there is, what is here, fetching and removing"),
        (name = "openai", description = "The same models for programs that speak OpenAI's protocol; errors have that protocol's shape"),
        (name = "system", description = "What runs here and what is enforced"),
    )
)]
struct Document;

/// The API document. The same whatever the server's settings.
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    document.merge(OpenApiRouter::into_openapi(dreams::routes::operations()));
    document.merge(OpenApiRouter::into_openapi(speech::routes::operations()));
    document.merge(OpenApiRouter::into_openapi(openai::routes::operations()));
    document.merge(OpenApiRouter::into_openapi(models::routes::operations()));
    document.merge(OpenApiRouter::into_openapi(system::routes::operations()));
    document
}
