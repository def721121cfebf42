//! The feature over HTTP.

mod chat;
mod completions;
mod embeddings;
mod models;
mod responses;
mod shape;
mod stream;
mod transcriptions;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use utoipa_axum::{router::OpenApiRouter, routes};

pub use shape::{ApiBody, ApiProblems, in_the_protocols_words};

use super::ModelApi;

/// The feature's operations.
pub fn operations() -> OpenApiRouter<Arc<ModelApi>> {
    OpenApiRouter::new()
        .routes(routes!(models::list_served_models))
        .routes(routes!(models::show_served_model))
        .routes(routes!(chat::create_chat_completion))
        .routes(routes!(completions::create_completion))
        .routes(routes!(embeddings::create_embeddings))
        .routes(routes!(responses::create_response))
        .merge(recordings())
}

/// The upload counts its own bytes while it writes them away.
fn recordings() -> OpenApiRouter<Arc<ModelApi>> {
    OpenApiRouter::new().routes(routes!(transcriptions::create_transcription)).layer(DefaultBodyLimit::disable())
}
