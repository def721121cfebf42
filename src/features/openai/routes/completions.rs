//! `/v1/completions`.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};

use super::{
    super::{
        ModelApi,
        completion::{CompletionNarrator, completion, writing},
        model::{Completion, CompletionRequest},
    },
    ApiBody, ApiProblems, stream,
};
use crate::{error::Result, features::accounts::Principal};

/// Continue a text.
///
/// With `stream` the answer is a stream of events without names, each a `Completion` that holds a piece, and `[DONE]` at its
/// end.
#[utoipa::path(post, path = "/v1/completions", tag = "openai", security(("key" = ["inference"])), request_body = CompletionRequest, responses(
    (status = 200, content((Completion = "application/json"), (Completion = "text/event-stream"))), ApiProblems,
))]
pub async fn create_completion(
    State(api): State<Arc<ModelApi>>,
    principal: Principal,
    ApiBody(request): ApiBody<CompletionRequest>,
) -> Result<Response> {
    let answers = api.write(&request.model, writing(&request)?.on_behalf_of(&principal)).await?;
    if request.stream.unwrap_or(false) {
        let narrator = CompletionNarrator::new(&request, &answers);
        return Ok(stream::answer(answers, narrator));
    }
    Ok(Json(completion(answers, &request).await?).into_response())
}
