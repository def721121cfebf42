//! The feature over HTTP.

mod associations;
mod dialog;
mod opinions;
mod symbols;

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Dream, DreamPage, DreamService, DreamWithReadings, EmbedRequest, EmbedResponse, EventSink, InterpretRequest, InterpretResponse,
    KeptDream, ReadAgainRequest, ReadingEvent, SimilarDream,
};
use crate::error::{
    Error, Result,
    extract::{JsonBody, PathId, QueryString},
    problem::{BodyProblems, CommonProblems, Problem},
};
use crate::features::accounts::{Principal, UserId};

/// A comment is sent on an idle stream this often, so that neither side takes it for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The largest body of texts to embed.
const EMBEDDINGS_LIMIT_BYTES: u64 = 5 * 1024 * 1024;

/// The feature's operations.
pub fn operations() -> OpenApiRouter<Arc<DreamService>> {
    OpenApiRouter::new()
        .routes(routes!(interpret))
        .routes(routes!(interpret_again))
        .routes(routes!(list))
        .routes(routes!(show, delete))
        .routes(routes!(similar))
        .routes(routes!(embed))
        .merge(opinions::operations())
        .merge(associations::operations())
        .merge(dialog::operations())
        .merge(symbols::operations())
}

/// More text of one field of the reading that is being written.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeltaEvent {
    /// `title`, `summary`, `symbols.0.meaning`, `emotions.0.name`, …
    field: String,
    text: String,
}

/// Keep a dream and read it.
///
/// With `Accept: text/event-stream` the answer is a stream of events: `dream` (the `Dream` that was kept), `care` (a `CareMessage`,
/// where the text says that somebody awake may need help), `similar` (a list of `SimilarDream`), `waiting` (a `WaitingEvent`, as long
/// as the reading has not begun), `delta` (a `DeltaEvent`: more text of one field), then `interpretation` (the `Interpretation`;
/// final, where deltas were not) or `error` (a `Problem`; neither where the operator wants words of help in a reading's place), and
/// `done` (an empty object). The same dream read again through the same lens comes from the cache. A
/// client that goes away stops the reading; the dream stays.
#[utoipa::path(post, operation_id = "interpret_dream", path = "/api/v1/dreams/interpret", tag = "dreams", security(("key" = ["dreams:write"])), request_body = InterpretRequest, responses(
    (status = 200, description = "The dream is kept; `interpretation` is null when no answer of the model may be shown",
        content((InterpretResponse = "application/json"), (String = "text/event-stream"))),
    BodyProblems, CommonProblems,
))]
async fn interpret(
    State(service): State<Arc<DreamService>>,
    principal: Principal,
    headers: HeaderMap,
    body: Result<JsonBody<InterpretRequest>, Error>,
) -> Result<Response> {
    let JsonBody(request) = body.map_err(|error| error.blaming("text"))?;
    let kept = service.keep(&principal, request).await?;
    read(service, principal.user, &headers, kept).await
}

/// Read a kept dream again.
///
/// Through another lens, or after a reading failed. The answer has the two forms of `POST /api/v1/dreams/interpret`.
#[utoipa::path(post, operation_id = "interpret_dream_again", path = "/api/v1/dreams/{id}/interpret", tag = "dreams", security(("key" = ["dreams:write"])), params(("id" = uuid::Uuid, Path)),
    request_body = ReadAgainRequest, responses(
    (status = 200, description = "`interpretation` is null when no answer of the model may be shown",
        content((InterpretResponse = "application/json"), (String = "text/event-stream"))),
    (status = 404, description = "There is no such dream", body = Problem, content_type = "application/problem+json"),
    BodyProblems, CommonProblems,
))]
async fn interpret_again(
    State(service): State<Arc<DreamService>>,
    principal: Principal,
    PathId(id): PathId,
    headers: HeaderMap,
    JsonBody(request): JsonBody<ReadAgainRequest>,
) -> Result<Response> {
    let kept = service.kept(&principal, id, request).await?;
    read(service, principal.user, &headers, kept).await
}

/// The reading in the form that was asked for.
async fn read(service: Arc<DreamService>, owner: UserId, headers: &HeaderMap, kept: KeptDream) -> Result<Response> {
    if wants_events(headers) {
        let events = reading_events(service, owner, kept);
        return Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response());
    }
    Ok(Json(service.interpret(owner, &kept, &EventSink::none()).await?).into_response())
}

fn wants_events(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == "text/event-stream"))
}

/// The events of one reading. The reading is a task of its own that ends when nobody listens any more, so that the
/// engine's place is free within moments even while a prompt is being processed.
fn reading_events(service: Arc<DreamService>, owner: UserId, kept: KeptDream) -> impl Stream<Item = Result<Event, Infallible>> {
    let (sink, progress) = EventSink::channel();
    let (last, mut answer) = mpsc::channel::<Result<InterpretResponse>>(1);
    tokio::spawn(async move {
        tokio::select! {
            () = last.closed() => tracing::debug!(dream = %kept.dream.id, "the listener is gone: the reading stops"),
            result = service.interpret(owner, &kept, &sink) => {
                let _ = last.send(result).await;
            }
        }
        drop(sink);
    });
    let ending = stream::once(async move {
        let result = answer.recv().await;
        let result = result.unwrap_or_else(|| Err(Error::Internal(anyhow::anyhow!("a reading ended without an answer"))));
        stream::iter(last_events(result))
    });
    ReceiverStream::new(progress).map(|event| progress_event(&event)).chain(ending.flatten()).map(Ok)
}

fn event(name: &str, data: &impl Serialize) -> Event {
    let json = serde_json::to_string(data).unwrap_or_else(|_| "null".to_owned());
    Event::default().event(name).data(json)
}

fn progress_event(progress: &ReadingEvent) -> Event {
    match progress {
        ReadingEvent::Dream(dream) => event("dream", dream),
        ReadingEvent::Similar(similar) => event("similar", similar),
        ReadingEvent::Waiting(waiting) => event("waiting", waiting),
        ReadingEvent::Care(message) => event("care", message),
        ReadingEvent::Delta { field, text } => event("delta", &DeltaEvent { field: field.clone(), text: text.clone() }),
    }
}

/// The reading or the problem, then `done`.
fn last_events(result: Result<InterpretResponse>) -> Vec<Event> {
    let done = event("done", &serde_json::json!({}));
    let outcome = match result {
        Ok(InterpretResponse { interpretation: Some(reading), .. }) => event("interpretation", &reading),
        // Where the operator wants words of help in a reading's place, they are all there is.
        Ok(InterpretResponse { care: Some(_), failure: None, .. }) => return vec![done],
        Ok(InterpretResponse { dream, failure, .. }) => event("error", &no_reading(&dream, failure.map(|failure| failure.detail))),
        Err(error) => event("error", &Problem::from(&error)),
    };
    vec![outcome, done]
}

fn no_reading(dream: &Dream, detail: Option<String>) -> Problem {
    Problem {
        kind: "/problems/no-reading".into(),
        title: "The dream is kept, without a reading".into(),
        status: StatusCode::OK.as_u16(),
        detail: detail.unwrap_or_default(),
        errors: Vec::new(),
        incident: None,
        dream_id: Some(dream.id),
        care: None,
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PageQuery {
    /// A page's `next_cursor`.
    #[serde(default)]
    cursor: Option<String>,
    /// 1 to 100; 20 when absent.
    #[serde(default)]
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
}

fn checked_limit(limit: Option<u16>, default: u16, most: u16) -> Result<u16> {
    match limit.unwrap_or(default) {
        limit if (1..=most).contains(&limit) => Ok(limit),
        _ => Err(Error::invalid("limit", format!("must be 1 to {most}"))),
    }
}

/// The dreams, newest first, a page at a time.
#[utoipa::path(get, operation_id = "list_dreams", path = "/api/v1/dreams", tag = "dreams", security(("key" = ["dreams:read"])), params(PageQuery), responses(
    (status = 200, body = DreamPage),
    (status = 422, description = "The cursor or the limit is wrong", body = Problem, content_type = "application/problem+json"),
    CommonProblems,
))]
async fn list(
    State(service): State<Arc<DreamService>>,
    principal: Principal,
    QueryString(query): QueryString<PageQuery>,
) -> Result<Json<DreamPage>> {
    let limit = checked_limit(query.limit, 20, 100)?;
    Ok(Json(service.page(principal.user, query.cursor.as_deref(), limit).await?))
}

/// One dream and its latest reading through each lens.
#[utoipa::path(get, operation_id = "show_dream", path = "/api/v1/dreams/{id}", tag = "dreams", security(("key" = ["dreams:read"])), params(("id" = uuid::Uuid, Path)), responses(
    (status = 200, body = DreamWithReadings),
    (status = 404, description = "There is no such dream", body = Problem, content_type = "application/problem+json"),
    CommonProblems,
))]
async fn show(State(service): State<Arc<DreamService>>, principal: Principal, PathId(id): PathId) -> Result<Json<DreamWithReadings>> {
    Ok(Json(service.find(principal.user, id).await?))
}

/// Delete a dream with its readings, its vectors and its place in the cache.
#[utoipa::path(delete, operation_id = "delete_dream", path = "/api/v1/dreams/{id}", tag = "dreams", security(("key" = ["dreams:write"])), params(("id" = uuid::Uuid, Path)), responses(
    (status = 204, description = "The dream is gone"),
    (status = 404, description = "There is no such dream", body = Problem, content_type = "application/problem+json"),
    CommonProblems,
))]
async fn delete(State(service): State<Arc<DreamService>>, principal: Principal, PathId(id): PathId) -> Result<StatusCode> {
    service.delete(principal.user, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SimilarQuery {
    /// 1 to 50; 5 when absent.
    #[serde(default)]
    #[param(minimum = 1, maximum = 50)]
    limit: Option<u16>,
}

/// The dreams most like this one, nearest first.
#[utoipa::path(get, operation_id = "similar_dreams", path = "/api/v1/dreams/{id}/similar", tag = "dreams", security(("key" = ["dreams:read"])), params(("id" = uuid::Uuid, Path), SimilarQuery), responses(
    (status = 200, body = Vec<SimilarDream>),
    (status = 404, description = "There is no such dream", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "The limit is wrong", body = Problem, content_type = "application/problem+json"),
    CommonProblems,
))]
async fn similar(
    State(service): State<Arc<DreamService>>,
    principal: Principal,
    PathId(id): PathId,
    QueryString(query): QueryString<SimilarQuery>,
) -> Result<Json<Vec<SimilarDream>>> {
    let limit = checked_limit(query.limit, 5, 50)?;
    Ok(Json(service.similar(principal.user, id, limit).await?))
}

/// Vectors of texts, by the model that dreams are compared with.
#[utoipa::path(post, path = "/api/v1/embeddings", tag = "embeddings", security(("key" = ["inference"])), request_body = EmbedRequest, responses(
    (status = 200, body = EmbedResponse), BodyProblems, CommonProblems,
))]
async fn embed(
    State(service): State<Arc<DreamService>>,
    principal: Principal,
    JsonBody(request): JsonBody<EmbedRequest, EMBEDDINGS_LIMIT_BYTES>,
) -> Result<Json<EmbedResponse>> {
    Ok(Json(service.embed(principal.user, request).await?))
}
