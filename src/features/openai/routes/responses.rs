//! `/v1/responses`.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};

use super::{
    super::{
        ModelApi,
        model::{ResponseObject, ResponseRequest},
        response::{ResponseNarrator, response, writing},
    },
    ApiBody, ApiProblems, stream,
};
use crate::{error::Result, features::accounts::Principal};

/// Answer a text or a conversation. Nothing is kept.
///
/// With `stream` the answer is a stream of named events: `response.created`, `response.in_progress`,
/// `response.output_item.added`, `response.content_part.added`, `response.output_text.delta` for each piece, then the
/// `….done` of each, and `response.completed` or `response.incomplete`; `error` when an engine fails in mid-answer.
#[utoipa::path(post, path = "/v1/responses", tag = "openai", security(("key" = ["inference"])), request_body = ResponseRequest, responses(
    (status = 200, content((ResponseObject = "application/json"), (String = "text/event-stream"))), ApiProblems,
))]
pub async fn create_response(
    State(api): State<Arc<ModelApi>>,
    principal: Principal,
    ApiBody(request): ApiBody<ResponseRequest>,
) -> Result<Response> {
    let answers = api.write(&request.model, writing(&request)?.on_behalf_of(&principal)).await?;
    if request.stream.unwrap_or(false) {
        let narrator = ResponseNarrator::new(request, &answers);
        return Ok(stream::answer(answers, narrator));
    }
    Ok(Json(response(answers, request).await?).into_response())
}
