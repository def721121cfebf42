//! Error kinds and where each is used.
//!
//! | type | where |
//! |---|---|
//! | [`Error`] | features and everything a request passes through; `http/` turns it into an RFC 9457 problem |
//! | [`crate::engine::EngineError`] | the engine traits |
//! | [`anyhow::Error`] | start-up and the command line: its text says in one sentence what is wrong and what to do |
//!
//! A message in [`Error`] is shown to users. Causes that are not theirs go to the log, never into the answer.

use std::time::Duration;

use crate::engine::EngineError;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request was not served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A field of the request is wrong. 422.
    #[error("{field}: {message}")]
    Invalid { field: String, message: String },
    /// The request cannot be read at all (bad JSON, invalid UTF-8). 400.
    #[error("{0}")]
    Malformed(String),
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// 413; `limit_bytes` is what would have been accepted.
    #[error("the request is larger than {limit_bytes} bytes")]
    TooLarge { limit_bytes: u64 },
    /// 415.
    #[error("{0}")]
    UnsupportedMedia(String),
    /// 429 with `Retry-After`.
    #[error("too much is being asked of this server right now")]
    Busy { retry_after: Duration },
    /// 503 with `Retry-After`: an engine or the database is not there; the text says which.
    #[error("{what}")]
    Unavailable { what: String, retry_after: Duration },
    /// 507.
    #[error("the disk is full: nothing was saved; free some space and try again")]
    StorageFull,
    /// 500: the cause is logged, the user sees an incident number.
    #[error("something went wrong inside the server")]
    Internal(#[source] anyhow::Error),
}

impl Error {
    /// A wrong field.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), message: message.into() }
    }
}

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::InvalidRequest(message) => Self::Malformed(message),
            EngineError::Busy => Self::Busy { retry_after: Duration::from_secs(5) },
            EngineError::Unavailable(_) | EngineError::Died(_) => {
                Self::Unavailable { what: error.to_string(), retry_after: Duration::from_secs(2) }
            }
            EngineError::Failed(_) => Self::Internal(error.into()),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as Sql;
        let lost = |error: Sql| {
            tracing::warn!(%error, "the database did not answer");
            Self::Unavailable { what: "the database is not available".into(), retry_after: Duration::from_secs(2) }
        };
        match &error {
            Sql::Io(_) | Sql::PoolTimedOut | Sql::PoolClosed | Sql::Tls(_) | Sql::Protocol(_) => lost(error),
            Sql::Database(database) => match database.code().as_deref() {
                // disk_full, and the class of "operator intervention": shutdown, crash, cannot_connect_now
                Some("53100") => Self::StorageFull,
                Some(code) if code.starts_with("57P") || code.starts_with("08") => lost(error),
                _ => Self::Internal(error.into()),
            },
            _ => Self::Internal(error.into()),
        }
    }
}
