//! The feature over HTTP.

use std::sync::Arc;

use axum::{Json, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Health, SystemReport, SystemService};
use crate::error::{
    Result,
    problem::{CommonProblems, Problem},
};

/// The feature's operations.
pub fn operations() -> OpenApiRouter<Arc<SystemService>> {
    OpenApiRouter::new().routes(routes!(system)).routes(routes!(healthz)).routes(routes!(readyz))
}

/// Hardware, models, database, and what is enforced on each engine.
#[utoipa::path(get, path = "/api/v1/system", tag = "system", security(("key" = ["dreams:read"])), responses((status = 200, body = SystemReport), CommonProblems))]
async fn system(State(service): State<Arc<SystemService>>) -> Json<SystemReport> {
    Json(service.report().await)
}

/// Whether the server runs.
#[utoipa::path(get, path = "/healthz", tag = "system", security(()), responses((status = 200, body = Health)))]
async fn healthz() -> Json<Health> {
    Json(Health { status: "ok".into() })
}

/// Whether every task has an engine and the database answers.
#[utoipa::path(get, path = "/readyz", tag = "system", security(()), responses(
    (status = 200, body = Health),
    (status = 503, description = "What is missing", body = Problem, content_type = "application/problem+json"),
))]
async fn readyz(State(service): State<Arc<SystemService>>) -> Result<Json<Health>> {
    service.ready().await?;
    Ok(Json(Health { status: "ready".into() }))
}
