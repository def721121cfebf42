//! Questions about a reading.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    error::{
        Error, Result,
        extract::{JsonBody, PathId},
        problem::{BodyProblems, CommonProblems, Problem},
    },
    features::{
        accounts::Principal,
        dreams::{DialogAnswer, DialogRequest, DreamService},
    },
};

pub fn operations() -> OpenApiRouter<Arc<DreamService>> {
    OpenApiRouter::new().routes(routes!(ask, forget))
}

/// Ask about a reading of a dream.
///
/// A model answers in a few sentences, in the same bounds as a reading; where none of its words may be shown, a fixed sentence says
/// so. The question and its answer are kept with the dream, at most 50 of them. A question counts as a reading does. A client that
/// goes away stops the answer.
#[utoipa::path(post, operation_id = "ask_about_reading", path = "/api/v1/dreams/{id}/dialog", tag = "dreams", security(("key" = ["dreams:write"])),
    params(("id" = uuid::Uuid, Path)), request_body = DialogRequest, responses(
    (status = 200, body = DialogAnswer),
    (status = 404, description = "There is no such dream, or no reading of it through this lens", body = Problem, content_type = "application/problem+json"),
    BodyProblems, CommonProblems,
))]
async fn ask(
    State(service): State<Arc<DreamService>>,
    principal: Principal,
    PathId(dream): PathId,
    body: Result<JsonBody<DialogRequest>, Error>,
) -> Result<Json<DialogAnswer>> {
    let JsonBody(request) = body.map_err(|error| error.blaming("question"))?;
    Ok(Json(service.ask(&principal, dream, &request).await?))
}

/// Delete all questions about a dream's readings with their answers.
#[utoipa::path(delete, operation_id = "delete_dialog", path = "/api/v1/dreams/{id}/dialog", tag = "dreams", security(("key" = ["dreams:write"])),
    params(("id" = uuid::Uuid, Path)), responses(
    (status = 204, description = "The dialog is gone"),
    (status = 404, description = "There is no such dream", body = Problem, content_type = "application/problem+json"),
    CommonProblems,
))]
async fn forget(State(service): State<Arc<DreamService>>, principal: Principal, PathId(dream): PathId) -> Result<StatusCode> {
    service.forget_dialog(principal.user, dream).await?;
    Ok(StatusCode::NO_CONTENT)
}
