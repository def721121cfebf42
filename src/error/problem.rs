//! How an [`Error`] looks over HTTP: problem details of RFC 9457.
//!
//! Owns the mapping from a kind of error to its status and type. Causes that are not the user's are logged here under an
//! incident number, which is all that the answer says of them.

use std::time::Duration;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoResponses, ToSchema};
use uuid::Uuid;

use super::Error;

/// The media type of every error.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// An engine that died is back within a moment.
const ENGINE_RETRY: Duration = Duration::from_secs(2);

/// An error as RFC 9457 shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Names the kind of problem; stable.
    #[serde(rename = "type")]
    #[schema(example = "/problems/invalid-field")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status code.
    pub status: u16,
    /// What went wrong this time, for people.
    pub detail: String,
    /// The fields that are wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<FieldProblem>,
    /// Names the log line that holds the cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub incident: Option<Uuid>,
    /// The dream that was kept although its reading failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub dream_id: Option<Uuid>,
    /// Words of help (a `CareMessage`), where what was sent says that somebody awake may need it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, value_type = Object)]
    pub care: Option<serde_json::Value>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldProblem {
    pub field: String,
    pub message: String,
}

impl Problem {
    fn new(kind: &str, title: &str, status: StatusCode, detail: String) -> Self {
        Self {
            kind: format!("/problems/{kind}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail,
            errors: Vec::new(),
            incident: None,
            dream_id: None,
            care: None,
        }
    }

    fn with_field(mut self, field: &str, message: &str) -> Self {
        self.errors.push(FieldProblem { field: field.to_owned(), message: message.to_owned() });
        self
    }
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        use StatusCode as Status;
        let plain = |kind, title, status| Self::new(kind, title, status, error.to_string());
        match error {
            Error::Invalid { field, message } => {
                plain("invalid-field", "A field is wrong", Status::UNPROCESSABLE_ENTITY).with_field(field, message)
            }
            Error::Malformed(_) => plain("malformed", "The request cannot be read", Status::BAD_REQUEST),
            Error::NotText { field } => {
                plain("malformed", "The request cannot be read", Status::BAD_REQUEST).with_field(field, "is not valid UTF-8 text")
            }
            Error::CrossSite => plain("cross-site", "Another site's request", Status::FORBIDDEN),
            Error::Unauthenticated => plain("unauthenticated", "Nobody is logged in", Status::UNAUTHORIZED),
            Error::WrongCredentials => plain("wrong-credentials", "Not the name and password of anybody", Status::UNAUTHORIZED),
            Error::SecondFactorNeeded => plain("second-factor-needed", "A code is needed, too", Status::UNAUTHORIZED),
            Error::WrongSecondFactor => plain("wrong-second-factor", "Not the code", Status::UNAUTHORIZED),
            Error::NotShown(_) => plain("not-shown", "Not who it should be", Status::FORBIDDEN),
            Error::LogInAgain => plain("log-in-again", "The log-in is too old for this", Status::FORBIDDEN),
            Error::SecondFactorMissing => plain("second-factor-missing", "A second factor first", Status::FORBIDDEN),
            Error::WrongRefreshToken => plain("wrong-refresh-token", "Not a token that opens something", Status::UNAUTHORIZED),
            Error::WrongPassword => plain("wrong-password", "Not the password", Status::FORBIDDEN),
            Error::Csrf => plain("csrf", "Not from a page of this server", Status::FORBIDDEN),
            Error::Forbidden => plain("forbidden", "Not with this account", Status::FORBIDDEN),
            Error::WrongToken => plain("wrong-token", "Not the set-up token", Status::FORBIDDEN),
            Error::WrongCode => plain("wrong-code", "Not a code that opens something", Status::FORBIDDEN),
            Error::RegistrationClosed => plain("registration-closed", "By invitation only", Status::FORBIDDEN),
            Error::TooMany { .. } => plain("too-many", "Too many requests", Status::TOO_MANY_REQUESTS),
            Error::Misdirected => plain("misdirected", "Not a name of this server", Status::MISDIRECTED_REQUEST),
            Error::NotFound(_) => plain("not-found", "There is no such thing", Status::NOT_FOUND),
            Error::UnknownModel { .. } => plain("unknown-model", "There is no such model", Status::NOT_FOUND),
            Error::MethodNotAllowed => plain("method-not-allowed", "Not with that method", Status::METHOD_NOT_ALLOWED),
            Error::TooSlow => plain("too-slow", "The request took too long", Status::REQUEST_TIMEOUT),
            Error::TooLarge { .. } | Error::PackTooLarge { .. } => {
                plain("too-large", "The request is too large", Status::PAYLOAD_TOO_LARGE)
            }
            Error::FieldTooLarge { field, limit_bytes } => {
                let message = format!("makes the request larger than {limit_bytes} bytes");
                plain("too-large", "The request is too large", Status::PAYLOAD_TOO_LARGE).with_field(field, &message)
            }
            Error::UnsupportedMedia(_) => plain("unsupported-media", "The content cannot be taken", Status::UNSUPPORTED_MEDIA_TYPE),
            Error::Busy { .. } => plain("busy", "The server is busy", Status::TOO_MANY_REQUESTS),
            Error::Conflict(_) => plain("conflict", "Not as things are", Status::CONFLICT),
            Error::EngineDied(_) => plain("engine-died", "The engine stopped while answering", Status::SERVICE_UNAVAILABLE),
            Error::Unavailable { .. } => plain("unavailable", "Something is not available", Status::SERVICE_UNAVAILABLE),
            Error::NoSpace(_) | Error::StorageFull => plain("storage-full", "The disk is full", Status::INSUFFICIENT_STORAGE),
            Error::Cared { care, cause } => Self { care: Some(care.clone()), ..Self::from(&**cause) },
            Error::DreamKept { dream_id, cause } => {
                let mut problem = Self::from(&**cause);
                problem.detail = error.to_string();
                problem.dream_id = Some(*dream_id);
                problem
            }
            Error::Internal(cause) => {
                let incident = Uuid::now_v7();
                tracing::error!(%incident, cause = format!("{cause:#}"), "a request failed");
                let mut problem = plain("internal", "The server failed", Status::INTERNAL_SERVER_ERROR);
                problem.incident = Some(incident);
                problem
            }
        }
    }
}

impl Error {
    /// When trying again may help.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after } | Self::Unavailable { retry_after, .. } | Self::TooMany { retry_after, .. } => Some(*retry_after),
            Self::EngineDied(_) => Some(ENGINE_RETRY),
            Self::DreamKept { cause, .. } | Self::Cared { cause, .. } => cause.retry_after(),
            _ => None,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(&self)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        // For protocols that tell errors in other words.
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = Problem::from(&self).into_response();
        if let Some(wait) = self.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        if matches!(self, Self::Unauthenticated) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// The problems that any operation may answer with; an operation names those of its own beside these.
#[derive(IntoResponses)]
pub enum CommonProblems {
    /// Nobody is logged in, and this needs somebody.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(Problem),
    /// The request comes from another site's page, or the account may not do this.
    #[response(status = 403, content_type = "application/problem+json")]
    Refused(Problem),
    /// The host name is not one of this server's.
    #[response(status = 421, content_type = "application/problem+json")]
    Misdirected(Problem),
    /// Too much is being asked; see `Retry-After`.
    #[response(status = 429, content_type = "application/problem+json")]
    Busy(Problem),
    /// The server failed; `incident` names the line in its log.
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(Problem),
    /// An engine or the database is not available; see `Retry-After`.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}

/// The problems of an operation that takes a body.
#[derive(IntoResponses)]
pub enum BodyProblems {
    /// The request cannot be read: broken JSON, invalid UTF-8.
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(Problem),
    /// The body did not arrive in time.
    #[response(status = 408, content_type = "application/problem+json")]
    TooSlow(Problem),
    /// The body is too large.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// The content type, or the content itself, is none that is taken.
    #[response(status = 415, content_type = "application/problem+json")]
    UnsupportedMedia(Problem),
    /// A field is wrong or unknown; `errors` names it.
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(Problem),
    /// The disk is full.
    #[response(status = 507, content_type = "application/problem+json")]
    StorageFull(Problem),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_of_our_own_stays_in_the_log() {
        let problem = Problem::from(&Error::Internal(anyhow::anyhow!("SELECT secret FROM dreams")));
        let shown = serde_json::to_string(&problem).unwrap();
        assert!(!shown.contains("SELECT"), "{shown}");
        assert!(problem.incident.is_some());
    }

    #[test]
    fn a_kept_dream_is_named_beside_its_cause() {
        let dream_id = Uuid::from_u128(7);
        let cause = Error::Unavailable { what: "the engine is gone".into(), retry_after: Duration::from_secs(2) };
        let response = Error::DreamKept { dream_id, cause: Box::new(cause) }.into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
        assert_eq!(response.headers()[header::CONTENT_TYPE], PROBLEM_JSON);
    }
}
