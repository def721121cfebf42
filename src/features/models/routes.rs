//! The feature over HTTP.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{ModelList, ModelService};
use crate::error::{
    Result,
    extract::PathName,
    problem::{CommonProblems, Problem},
};

/// The feature's operations.
pub fn operations() -> OpenApiRouter<Arc<ModelService>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(pull, stop_pull)).routes(routes!(remove))
}

/// What models and run-time parts there are, which are here, and the pulls under way.
#[utoipa::path(get, operation_id = "list_models", path = "/api/v1/models", tag = "models", security(("key" = ["inference"])), responses((status = 200, body = ModelList), CommonProblems))]
async fn list(State(service): State<Arc<ModelService>>) -> Result<Json<ModelList>> {
    Ok(Json(service.list().await?))
}

/// Fetch a model of the catalogue. Its progress shows in the list; asking again while it goes on starts nothing new.
#[utoipa::path(post, operation_id = "pull_model", path = "/api/v1/models/{id}/pull", tag = "models", security(("key" = ["models"])), params(("id" = String, Path)), responses(
    (status = 202, description = "It is being pulled"),
    (status = 404, description = "The catalogue has no such model", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The server is sealed", body = Problem, content_type = "application/problem+json"),
    (status = 507, description = "It would not fit on the disk", body = Problem, content_type = "application/problem+json"),
    CommonProblems,
))]
async fn pull(State(service): State<Arc<ModelService>>, PathName(id): PathName) -> Result<StatusCode> {
    service.pull(&id)?;
    Ok(StatusCode::ACCEPTED)
}

/// Stop a pull, or dismiss one that failed. What came so far is kept for the next try.
#[utoipa::path(delete, operation_id = "stop_pull", path = "/api/v1/models/{id}/pull", tag = "models", security(("key" = ["models"])), params(("id" = String, Path)), responses(
    (status = 204, description = "No pull of it goes on"),
    (status = 404, description = "There is no such model", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The appliance itself fetches it", body = Problem, content_type = "application/problem+json"),
    CommonProblems,
))]
async fn stop_pull(State(service): State<Arc<ModelService>>, PathName(id): PathName) -> Result<StatusCode> {
    service.stop_pull(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Delete a model's files. One that an engine or the database uses stays.
#[utoipa::path(delete, operation_id = "remove_model", path = "/api/v1/models/{id}", tag = "models", security(("key" = ["models"])), params(("id" = String, Path)), responses(
    (status = 204, description = "It is gone"),
    (status = 404, description = "It is not here", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "It is used or being pulled", body = Problem, content_type = "application/problem+json"),
    CommonProblems,
))]
async fn remove(State(service): State<Arc<ModelService>>, PathName(id): PathName) -> Result<StatusCode> {
    service.remove(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
