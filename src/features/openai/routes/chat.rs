//! `/v1/chat/completions`.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};

use super::{
    super::{
        ModelApi,
        chat::{ChatNarrator, completion, writing},
        model::{ChatChunk, ChatCompletion, ChatRequest},
    },
    ApiBody, ApiProblems, stream,
};
use crate::{error::Result, features::accounts::Principal};

/// Continue a dialog.
///
/// With `stream` the answer is a stream of events without names, each a `ChatChunk`, and `[DONE]` at its end; an error in
/// mid-answer is an event of its own. A client that goes away stops the work.
#[utoipa::path(post, path = "/v1/chat/completions", tag = "openai", security(("key" = ["inference"])), request_body = ChatRequest, responses(
    (status = 200, content((ChatCompletion = "application/json"), (ChatChunk = "text/event-stream"))), ApiProblems,
))]
pub async fn create_chat_completion(
    State(api): State<Arc<ModelApi>>,
    principal: Principal,
    ApiBody(request): ApiBody<ChatRequest>,
) -> Result<Response> {
    let answers = api.write(&request.model, writing(&request)?.on_behalf_of(&principal)).await?;
    if request.stream.unwrap_or(false) {
        let narrator = ChatNarrator::new(&request, &answers);
        return Ok(stream::answer(answers, narrator));
    }
    Ok(Json(completion(answers, &request).await?).into_response())
}
