//! The feature over HTTP.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{CareCheck, CarePage};
use crate::error::{
    extract::QueryString,
    problem::{CommonProblems, Problem},
};

/// The feature's operations.
pub fn operations() -> OpenApiRouter<Arc<CareCheck>> {
    OpenApiRouter::new().routes(routes!(show_care))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct CareQuery {
    /// ISO 639-1; English when absent.
    language: Option<String>,
    /// ISO 3166; the server's own when absent.
    country: Option<String>,
}

/// Words of help, with whom to turn to in a country.
#[utoipa::path(get, operation_id = "show_care", path = "/api/v1/care", tag = "care", security(("key" = ["dreams:read"])), params(CareQuery), responses(
    (status = 200, body = CarePage),
    (status = 422, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    CommonProblems,
))]
async fn show_care(State(care): State<Arc<CareCheck>>, QueryString(query): QueryString<CareQuery>) -> Json<CarePage> {
    let country = query.country.as_deref().filter(|country| !country.is_empty());
    Json(care.page(query.language.as_deref().unwrap_or("en"), country))
}
