//! Bodies as they come in, errors as they go out.

use axum::{
    Json,
    extract::{FromRequest, Request},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use utoipa::IntoResponses;

use super::super::{Failure, Wire, model::ErrorBody, read};
use crate::error::{Error, extract, problem::Problem};

/// A JSON body, its fields read by name.
pub struct ApiBody<T>(pub T);

impl<T: Wire, S: Send + Sync> FromRequest<S> for ApiBody<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let bytes = extract::json_bytes(request, T::LIMIT_BYTES).await?;
        read(&bytes).map(Self)
    }
}

/// Puts errors into the protocol's words, whoever answered: a guard, the router, an operation.
pub async fn in_the_protocols_words(request: Request, next: Next) -> Response {
    let is_ours = request.uri().path().starts_with("/v1/");
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<Problem>() {
        Some(problem) if is_ours => shown(&Failure::from(&problem), response.headers().get(header::RETRY_AFTER).cloned()),
        Some(problem) => {
            response.extensions_mut().insert(problem);
            response
        }
        None => response,
    }
}

fn shown(failure: &Failure, retry_after: Option<HeaderValue>) -> Response {
    let status = StatusCode::from_u16(failure.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(&failure.body)).into_response();
    if let Some(wait) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, wait);
    }
    response
}

/// The errors of every operation of this protocol.
#[derive(IntoResponses)]
pub enum ApiProblems {
    /// The request is wrong; `param` names the field.
    #[response(status = 400)]
    Wrong(ErrorBody),
    /// The request comes from another site's page.
    #[response(status = 403)]
    CrossSite(ErrorBody),
    /// There is no such model.
    #[response(status = 404)]
    UnknownModel(ErrorBody),
    /// The body is too large.
    #[response(status = 413)]
    TooLarge(ErrorBody),
    /// Too much is being asked; see `Retry-After`.
    #[response(status = 429)]
    Busy(ErrorBody),
    /// The server failed; the message names the line in its log.
    #[response(status = 500)]
    Internal(ErrorBody),
    /// The model is not available; see `Retry-After`.
    #[response(status = 503)]
    Unavailable(ErrorBody),
}
