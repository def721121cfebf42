//! The feature over HTTP.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    body::Body as Stream,
    extract::{FromRequest, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures_util::StreamExt;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{
    chat,
    keep_alive::KeepAlive,
    model::{ChatRequest, EmbedRequest, EmbedResponse, EmbeddingsRequest, EmbeddingsResponse, GenerateRequest, ShowRequest, Shown, Tags},
    narration::{Form, OllamaNarrator, nanoseconds},
    tags::{loaded, own_name, shown, tag},
};
use crate::{
    error::{Error, Result, extract::body_bytes, problem::Problem},
    features::openai::{EmbeddingsRequest as Embedding, Failure, Inputs, ModelApi, Task, Vector, Wire, Writing, embed, narrate, read},
};

/// The feature's operations.
pub fn operations() -> Router<Arc<ModelApi>> {
    Router::new()
        .route("/", get(|| async { "Ollama is running" }))
        .route("/api/version", get(version))
        .route("/api/tags", get(list_tags))
        .route("/api/ps", get(list_loaded))
        .route("/api/show", post(show))
        .route("/api/chat", post(chat))
        .route("/api/generate", post(generate))
        .route("/api/embed", post(embed_texts))
        .route("/api/embeddings", post(embed_text))
}

/// A JSON body, whatever content type it claims: `curl -d` sends a form's. Pages of other sites are kept out by their
/// `Origin`.
struct Body<T>(T);

impl<T: Wire, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        read(&body_bytes(request, T::LIMIT_BYTES).await?).map(Self)
    }
}

/// Puts errors into the protocol's words.
pub async fn in_the_protocols_words(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let failure = Failure::from(&problem);
    let status = StatusCode::from_u16(failure.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut told = (status, Json(json!({"error": failure.body.error.message}))).into_response();
    if let Some(wait) = response.headers().get(header::RETRY_AFTER) {
        told.headers_mut().insert(header::RETRY_AFTER, wait.clone());
    }
    told
}

async fn version() -> Json<Value> {
    Json(json!({"version": env!("CARGO_PKG_VERSION")}))
}

async fn list_tags(State(api): State<Arc<ModelApi>>) -> Json<Tags> {
    let since = since(&api);
    Json(Tags { models: api.cards().await.iter().map(|card| tag(card, since)).collect() })
}

async fn list_loaded(State(api): State<Arc<ModelApi>>) -> Json<Tags> {
    let since = since(&api);
    Json(Tags { models: api.cards().await.iter().filter(|card| card.loaded).map(|card| loaded(card, since)).collect() })
}

async fn show(State(api): State<Arc<ModelApi>>, Body(request): Body<ShowRequest>) -> Result<Json<Shown>> {
    let card = api.find(own_name(&request.model)).await?;
    Ok(Json(shown(&card, since(&api))))
}

async fn chat(State(api): State<Arc<ModelApi>>, Body(request): Body<ChatRequest>) -> Result<Response> {
    let narrator = OllamaNarrator::new(&request.model, Form::Message, Instant::now());
    let keep_alive = wished(request.keep_alive.as_ref())?;
    if request.messages.is_empty() {
        return load(&api, &request.model, keep_alive, narrator).await;
    }
    let card = api.card(own_name(&request.model), Task::Text).await?;
    let api = api.keeping(keep_alive);
    answer(&api, &card.id, chat::chat(&request, &card)?, narrator, request.stream).await
}

async fn generate(State(api): State<Arc<ModelApi>>, Body(request): Body<GenerateRequest>) -> Result<Response> {
    let narrator = OllamaNarrator::new(&request.model, Form::Response, Instant::now());
    let keep_alive = wished(request.keep_alive.as_ref())?;
    if request.prompt.is_empty() {
        return load(&api, &request.model, keep_alive, narrator).await;
    }
    let card = api.card(own_name(&request.model), Task::Text).await?;
    let api = api.keeping(keep_alive);
    answer(&api, &card.id, chat::generate(&request, &card)?, narrator, request.stream).await
}

/// How long the model is to stay after this request. One that is pinned stays in any case.
fn wished(keep_alive: Option<&KeepAlive>) -> Result<Option<Duration>> {
    keep_alive.map(KeepAlive::duration).transpose()
}

/// Nothing to write means that the model is to be loaded, or, kept for no time, to leave.
async fn load(api: &ModelApi, model: &str, keep_alive: Option<Duration>, narrator: OllamaNarrator) -> Result<Response> {
    let card = api.find(own_name(model)).await?;
    let done = if keep_alive == Some(Duration::ZERO) {
        api.leave(&card).await?;
        "unload"
    } else {
        api.keeping(keep_alive).load(&card).await?;
        "load"
    };
    Ok(Json(narrator.nothing(done)).into_response())
}

async fn answer(api: &ModelApi, model: &str, writing: Writing, narrator: OllamaNarrator, stream: Option<bool>) -> Result<Response> {
    let answers = api.write(model, writing).await?;
    if stream == Some(false) {
        return Ok(Json(narrator.whole(answers).await?).into_response());
    }
    let lines = narrate(answers, narrator).map(|line| Ok::<_, std::convert::Infallible>(line.data + "\n"));
    let mut response = Stream::from_stream(lines).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

async fn embed_texts(State(api): State<Arc<ModelApi>>, Body(request): Body<EmbedRequest>) -> Result<Json<EmbedResponse>> {
    let began = Instant::now();
    let EmbedRequest { model, input, truncate, dimensions, keep_alive, .. } = request;
    let api = api.keeping(wished(keep_alive.as_ref())?);
    if input.is_empty() {
        api.card(own_name(&model), Task::Embedding).await?;
        // What Ollama says to nothing.
        return Ok(Json(EmbedResponse {
            model,
            embeddings: Vec::new(),
            total_duration: nanoseconds(began),
            load_duration: 0,
            prompt_eval_count: 0,
        }));
    }
    let wanted = Embedding { dimensions, truncate: Some(truncate.unwrap_or(true)), ..Embedding::of(own_name(&model), input) };
    let embedded = embed(&api, wanted, None).await?;
    Ok(Json(EmbedResponse {
        embeddings: embedded.data.into_iter().map(|object| floats(object.embedding)).collect(),
        model,
        total_duration: nanoseconds(began),
        load_duration: 0,
        prompt_eval_count: embedded.usage.prompt_tokens,
    }))
}

async fn embed_text(State(api): State<Arc<ModelApi>>, Body(request): Body<EmbeddingsRequest>) -> Result<Json<EmbeddingsResponse>> {
    let api = api.keeping(wished(request.keep_alive.as_ref())?);
    if request.prompt.is_empty() {
        api.card(own_name(&request.model), Task::Embedding).await?;
        return Ok(Json(EmbeddingsResponse { embedding: Vec::new() }));
    }
    let input = Inputs::Text(request.prompt);
    let embedded = embed(&api, Embedding { truncate: Some(true), ..Embedding::of(own_name(&request.model), input) }, None).await?;
    let embedding = embedded.data.into_iter().next().map(|object| floats(object.embedding)).unwrap_or_default();
    Ok(Json(EmbeddingsResponse { embedding }))
}

fn floats(vector: Vector) -> Vec<f32> {
    match vector {
        Vector::Floats(numbers) => numbers,
        Vector::Base64(_) => Vec::new(),
    }
}

fn since(api: &ModelApi) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(api.since()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
