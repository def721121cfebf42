//! `/v1/models`.

use std::sync::Arc;

use axum::{Json, extract::State};

use super::{
    super::{
        ModelApi,
        model::{ModelObject, ModelObjects},
    },
    ApiProblems,
};
use crate::error::{Result, extract::PathName};

/// The models that can be asked, and the names that mean them.
#[utoipa::path(get, path = "/v1/models", tag = "openai", security(("key" = ["inference"])), responses((status = 200, body = ModelObjects), ApiProblems))]
pub async fn list_served_models(State(api): State<Arc<ModelApi>>) -> Json<ModelObjects> {
    Json(api.objects().await)
}

/// One model, by its name or an alias.
#[utoipa::path(get, path = "/v1/models/{model}", tag = "openai", security(("key" = ["inference"])), params(("model" = String, Path)), responses(
    (status = 200, body = ModelObject), ApiProblems,
))]
pub async fn show_served_model(State(api): State<Arc<ModelApi>>, PathName(model): PathName) -> Result<Json<ModelObject>> {
    Ok(Json(api.find_object(&model).await?))
}
