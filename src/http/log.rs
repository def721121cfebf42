//! One log line for each request, and what becomes of a panic.
//!
//! A line holds no body, no query and no header: dreams and keys stay out of logs.

use std::{any::Any, time::Instant};

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::error::Error;

/// Logs method, path, status and milliseconds to the head of the answer.
pub async fn requests(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
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

/// The answer to a request whose handler panicked: an incident number, the cause in the log.
#[expect(clippy::needless_pass_by_value, reason = "the layer's signature")]
pub fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    Error::Internal(anyhow::anyhow!("panic: {}", text.unwrap_or("of no text"))).into_response()
}
