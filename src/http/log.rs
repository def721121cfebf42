//! One log line for each request, and what becomes of a panic.
//!
//! A line holds no body, no query and no header, and of a path none of a dreamer's words: dreams and keys stay out of logs.

use std::{any::Any, time::Instant};

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::error::Error;

/// Logs method, path, status and milliseconds to the head of the answer.
pub async fn requests(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let path = logged_path(&request);
    let response = next.run(request).await;
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let status = response.status().as_u16();
    // Watchdogs and health checks ask every few seconds.
    match path.as_str() {
        "/healthz" | "/readyz" => tracing::debug!(%method, path, status, milliseconds, "request"),
        _ => tracing::info!(%method, path, status, milliseconds, "request"),
    }
    response
}

/// The path, without the dreamer's own words where it holds some.
fn logged_path(request: &Request) -> String {
    let operation = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    operation.filter(|operation| operation.contains("{symbol}")).unwrap_or_else(|| request.uri().path()).to_owned()
}

/// The answer to a request whose handler panicked: an incident number, the cause in the log.
#[expect(clippy::needless_pass_by_value, reason = "the layer's signature")]
pub fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    Error::Internal(anyhow::anyhow!("panic: {}", text.unwrap_or("of no text"))).into_response()
}
