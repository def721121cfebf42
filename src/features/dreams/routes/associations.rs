//! What comes to a dreamer's mind about the images.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    error::{
        Error, Result,
        extract::{JsonBody, PathIdName},
        problem::{BodyProblems, CommonProblems, Problem},
    },
    features::{
        accounts::Principal,
        dreams::{Association, AssociationRequest, DreamService},
    },
};

pub fn operations() -> OpenApiRouter<Arc<DreamService>> {
    OpenApiRouter::new().routes(routes!(keep, forget))
}

/// Note what comes to your mind about an image of a dream.
///
/// The image is an id of the dictionary, or a word of the dream; a note on it takes the place of the one that was. The next reading
/// of a dream that holds the image knows it.
#[utoipa::path(put, operation_id = "put_association", path = "/api/v1/dreams/{id}/associations/{symbol}", tag = "dreams", security(("key" = ["dreams:write"])),
    params(("id" = uuid::Uuid, Path), ("symbol" = String, Path, description = "1 to 64 characters")), request_body = AssociationRequest, responses(
    (status = 200, body = Association),
    (status = 404, description = "There is no such dream", body = Problem, content_type = "application/problem+json"),
    BodyProblems, CommonProblems,
))]
async fn keep(
    State(service): State<Arc<DreamService>>,
    principal: Principal,
    PathIdName(dream, symbol): PathIdName,
    body: Result<JsonBody<AssociationRequest>, Error>,
) -> Result<Json<Association>> {
    let JsonBody(request) = body.map_err(|error| error.blaming("note"))?;
    Ok(Json(service.associate(principal.user, dream, &symbol, &request).await?))
}

/// Delete the note on an image of a dream.
#[utoipa::path(delete, operation_id = "delete_association", path = "/api/v1/dreams/{id}/associations/{symbol}", tag = "dreams", security(("key" = ["dreams:write"])),
    params(("id" = uuid::Uuid, Path), ("symbol" = String, Path)), responses(
    (status = 204, description = "The note is gone"),
    (status = 404, description = "There is no such dream, or no note on this image", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "That is no name of an image", body = Problem, content_type = "application/problem+json"),
    CommonProblems,
))]
async fn forget(
    State(service): State<Arc<DreamService>>,
    principal: Principal,
    PathIdName(dream, symbol): PathIdName,
) -> Result<StatusCode> {
    service.forget_association(principal.user, dream, &symbol).await?;
    Ok(StatusCode::NO_CONTENT)
}
