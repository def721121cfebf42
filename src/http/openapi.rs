//! The API document, assembled from the features' own operations.

use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use super::Services;
use crate::{
    error::problem::Problem,
    features::{dreams, speech, system},
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Oneiros",
        description = "Dreams are interpreted, heard and found again by models that run on this machine and cannot reach a network. \
            Errors are problem details (RFC 9457).",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(Problem, dreams::routes::DeltaEvent, speech::routes::SpeechWaitingEvent)),
    tags(
        (name = "dreams", description = "Dreams: kept, read through a lens, found again by likeness"),
        (name = "embeddings", description = "Vectors of texts"),
        (name = "speech", description = "Recordings turned into text"),
        (name = "system", description = "What runs here and what is enforced"),
    )
)]
struct Document;

/// Every operation with its place in the document.
pub fn assemble(services: Services) -> OpenApiRouter {
    OpenApiRouter::with_openapi(Document::openapi())
        .merge(dreams::routes::router(services.dreams))
        .merge(speech::routes::router(services.speech))
        .merge(system::routes::router(services.system))
}

/// The API document of a router that serves `services`.
pub fn document(services: Services) -> utoipa::openapi::OpenApi {
    assemble(services).into_openapi()
}
