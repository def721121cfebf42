//! `/v1/embeddings`.

use std::sync::Arc;

use axum::{Json, extract::State};

use super::{
    super::{
        ModelApi,
        embedding::embed,
        model::{EmbeddingObjects, EmbeddingsRequest},
    },
    ApiBody, ApiProblems,
};
use crate::{error::Result, features::accounts::Principal};

/// Turn texts into vectors of length 1.
///
/// A text that is longer than the model's context is refused unless `truncate` is true.
#[utoipa::path(post, path = "/v1/embeddings", tag = "openai", security(("key" = ["inference"])), request_body = EmbeddingsRequest, responses(
    (status = 200, body = EmbeddingObjects), ApiProblems,
))]
pub async fn create_embeddings(
    State(api): State<Arc<ModelApi>>,
    principal: Principal,
    ApiBody(request): ApiBody<EmbeddingsRequest>,
) -> Result<Json<EmbeddingObjects>> {
    Ok(Json(embed(&api, request, Some(&principal)).await?))
}
