//! How an error looks in OpenAI's words.

use super::model::{ErrorBody, ErrorDetail};
use crate::error::{Error, problem::Problem};

/// An error's status and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub status: u16,
    pub body: ErrorBody,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        Self::from(&Problem::from(error))
    }
}

impl From<&Problem> for Failure {
    fn from(problem: &Problem) -> Self {
        let field = problem.errors.first().map(|error| error.field.clone());
        let (status, code, param) = match problem.kind.trim_start_matches("/problems/") {
            // A field that is wrong is 400 here.
            "invalid-field" => (400, is_too_long(&problem.detail).then_some("context_length_exceeded"), field),
            "unknown-model" => (404, Some("model_not_found"), Some("model".to_owned())),
            "busy" => (429, Some("rate_limit_exceeded"), None),
            "not-found" => (404, Some("unknown_url"), None),
            _ => (problem.status, None, field),
        };
        let kind = match status {
            429 => "rate_limit_error",
            500.. => "server_error",
            _ => "invalid_request_error",
        };
        let message = match problem.incident {
            Some(incident) => format!("{}; the server's log has more under {incident}", problem.detail),
            None => problem.detail.clone(),
        };
        let error = ErrorDetail { message, r#type: kind.into(), param, code: code.map(str::to_owned) };
        Self { status, body: ErrorBody { error } }
    }
}

/// Whether an engine refused a prompt for its length.
pub(super) fn is_too_long(detail: &str) -> bool {
    detail.contains("too long for the model's context")
        || detail.contains("too long for a context")
        || detail.contains("do not fit the model's context")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::engine::EngineError;

    fn shown(error: Error) -> (u16, ErrorDetail) {
        let failure = Failure::from(&error);
        (failure.status, failure.body.error)
    }

    #[test]
    fn errors_have_the_protocols_statuses_and_codes() {
        let (status, error) = shown(Error::invalid("top_p", "must be from 0 to 1, not 7"));
        assert_eq!((status, error.param.as_deref(), error.r#type.as_str()), (400, Some("top_p"), "invalid_request_error"));
        assert_eq!(error.message, "top_p: must be from 0 to 1, not 7");
        let (status, error) = shown(Error::UnknownModel { name: "gpt-9".into(), known: vec!["a".into()] });
        assert_eq!((status, error.code.as_deref()), (404, Some("model_not_found")));
        let long = "the prompt of 9000 tokens is too long for the model's context of 2048 tokens: shorten it";
        let (status, error) = shown(Error::invalid("prompt", long));
        assert_eq!((status, error.code.as_deref(), error.param.as_deref()), (400, Some("context_length_exceeded"), Some("prompt")));
        let (status, error) = shown(EngineError::Busy { retry_after: Duration::from_secs(5) }.into());
        assert_eq!((status, error.r#type.as_str()), (429, "rate_limit_error"));
        let (status, error) = shown(Error::Internal(anyhow::anyhow!("SELECT secret")));
        assert!(status == 500 && !error.message.contains("secret"), "{error:?}");
    }
}
