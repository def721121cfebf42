//! An image's way through a person's dreams.

use std::sync::Arc;

use axum::{Json, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    error::{
        Result,
        extract::PathName,
        problem::{CommonProblems, Problem},
    },
    features::{
        accounts::Principal,
        dreams::{Dream, DreamService},
    },
};

pub fn operations() -> OpenApiRouter<Arc<DreamService>> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Your dreams that hold an image of the dictionary: the newest 20.
///
/// Images are looked for when a dream is read. What no dream holds has none, whether the dictionary knows it or not.
#[utoipa::path(get, operation_id = "dreams_of_symbol", path = "/api/v1/symbols/{id}/dreams", tag = "dreams", security(("key" = ["dreams:read"])),
    params(("id" = String, Path)), responses(
    (status = 200, body = Vec<Dream>),
    (status = 422, description = "That is no name of an image", body = Problem, content_type = "application/problem+json"),
    CommonProblems,
))]
async fn list(State(service): State<Arc<DreamService>>, principal: Principal, PathName(symbol): PathName) -> Result<Json<Vec<Dream>>> {
    Ok(Json(service.dreams_with(principal.user, &symbol).await?))
}
