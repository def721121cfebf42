//! Error kinds and where each is used.
//!
//! | type | where |
//! |---|---|
//! | [`Error`] | features and everything a request passes through; `http/` turns it into an RFC 9457 problem |
//! | [`crate::engine::EngineError`] | the engine traits |
//! | [`anyhow::Error`] | start-up and the command line: its text says in one sentence what is wrong and what to do |
//!
//! A message in [`Error`] is shown to users. Causes that are not theirs go to the log, never into the answer.
//! [`problem`] is how an error looks over HTTP, [`extract`] how a request that cannot be read becomes one.

pub mod extract;
pub mod problem;

use std::time::Duration;

use uuid::Uuid;

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
    /// A field holds bytes that are no text. 400.
    #[error("{field}: is not valid UTF-8 text")]
    NotText { field: String },
    /// Another site's page sent it. 403.
    #[error("this request comes from another site; the server answers its own pages and local programs only")]
    CrossSite,
    /// The `Host` is not a name of this server. 421.
    #[error("this server does not answer for that host name; use localhost, 127.0.0.1 or the name that an admin gave it")]
    Misdirected,
    /// Nobody is logged in, and this needs somebody. 401.
    #[error("log in first, or send an API key (Authorization: Bearer …)")]
    Unauthenticated,
    /// A page changes something and does not show that it is ours. 403.
    #[error("this request lacks the header x-csrf-token with the value of the cookie __Host-oneiros-csrf: reload the page")]
    Csrf,
    /// Who asks is known, and may not. 403.
    #[error("your account may not do this")]
    Forbidden,
    /// A name and a password that are nobody's. 401 at the door, 403 within.
    #[error("name or password is wrong")]
    WrongCredentials,
    /// The password is right, and the account has a second factor. 401.
    #[error(
        "this account has a second factor: send `code` too, what the authenticator app shows or a recovery code, or log in with a passkey"
    )]
    SecondFactorNeeded,
    /// Neither what the authenticator shows nor a recovery code. 401 at the door, 403 within.
    #[error(
        "the code is wrong, or was used already: wait for the authenticator's next one (and see that its clock is right), or use a recovery code"
    )]
    WrongSecondFactor,
    /// What a ceremony was to show (a passkey, a provider's word) is not it; the text says what to do. 403.
    #[error("{0}")]
    NotShown(String),
    /// What must be confirmed by a log-in that is fresh. 403.
    #[error("log out and in again first: this takes a log-in of the last ten minutes")]
    LogInAgain,
    /// The account's role must have a second factor, and it has none. 403.
    #[error("your account must have a second factor before it can do anything else: set one up on your account page")]
    SecondFactorMissing,
    /// A refresh token that is nobody's (any more). 401.
    #[error("this refresh token opens nothing: log in again in the app")]
    WrongRefreshToken,
    /// Not the password of the person who is logged in. 403.
    #[error("the password is wrong")]
    WrongPassword,
    /// Not the token that opens set-up. 403.
    #[error(
        "this is not the set-up token: the server prints it when it starts, and keeps it in the file setup-token of its state directory"
    )]
    WrongToken,
    /// A code that opens nothing (any more). 403.
    #[error("this code opens nothing: it is used up, too old or mistyped; ask an admin for another")]
    WrongCode,
    /// Accounts come by invitation. 403.
    #[error("new accounts come by invitation here: ask an admin for one")]
    RegistrationClosed,
    /// A limit is reached; the text says which and what to do. 429 with `Retry-After`.
    #[error("{what}")]
    TooMany { what: &'static str, retry_after: Duration },
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// No model of that name can be asked. 404.
    #[error("there is no model `{name}` here; there are: {}", known.join(", "))]
    UnknownModel { name: String, known: Vec<String> },
    /// The route exists, this method on it does not. 405.
    #[error("this address does not take that method")]
    MethodNotAllowed,
    /// The whole request did not arrive in time. 408.
    #[error("the request did not arrive in time")]
    TooSlow,
    /// 413; `limit_bytes` is what would have been accepted.
    #[error("the request is larger than {limit_bytes} bytes")]
    TooLarge { limit_bytes: u64 },
    /// One field is what makes a request too large. 413.
    #[error("{field}: the request is larger than {limit_bytes} bytes")]
    FieldTooLarge { field: &'static str, limit_bytes: u64 },
    /// 413 of a pack of lenses and symbols, which can be parted.
    #[error("the pack is larger than {limit_bytes} bytes: split it into several packs of other names")]
    PackTooLarge { limit_bytes: u64 },
    /// 415.
    #[error("{0}")]
    UnsupportedMedia(String),
    /// 429 with `Retry-After`.
    #[error("too much is being asked of this server right now")]
    Busy { retry_after: Duration },
    /// What is asked for does not go with the state of things; the text says what to do. 409.
    #[error("{0}")]
    Conflict(String),
    /// 503 with `Retry-After`: the engine stopped in mid-answer and starts again.
    #[error("{0}")]
    EngineDied(String),
    /// 503 with `Retry-After`: an engine or the database is not there; the text says which.
    #[error("{what}")]
    Unavailable { what: String, retry_after: Duration },
    /// The dream is kept, its reading failed for the cause given: the answer is the cause's, with the dream's id.
    #[error("{cause}; the dream is kept")]
    DreamKept { dream_id: Uuid, cause: Box<Error> },
    /// Words of help stand beside what went wrong; as the API has them.
    #[error("{cause}")]
    Cared { care: serde_json::Value, cause: Box<Error> },
    /// 507: it would not fit; the text says how much is missing.
    #[error("{0}")]
    NoSpace(String),
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

    /// Something that is not there yet, and will be in a moment.
    pub fn coming_up(what: impl Into<String>) -> Self {
        Self::Unavailable { what: what.into(), retry_after: Duration::from_secs(5) }
    }

    /// Whether the database will never take what it was given: SQLSTATE's classes of data and of constraints.
    pub fn is_refused_for_good(&self) -> bool {
        let Self::Internal(error) = self else { return false };
        let code = error.downcast_ref::<sqlx::Error>().and_then(|error| error.as_database_error()?.code());
        code.is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
    }

    /// Blames a request's size on a field.
    pub fn blaming(self, field: &'static str) -> Self {
        match self {
            Self::TooLarge { limit_bytes } => Self::FieldTooLarge { field, limit_bytes },
            other => other,
        }
    }
}

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::InvalidRequest(message) => Self::Malformed(message),
            EngineError::InvalidText { .. } => Self::Malformed(error.to_string()),
            EngineError::Busy { retry_after } => Self::Busy { retry_after },
            EngineError::Died(_) => {
                tracing::warn!(%error, "an engine died in mid-answer");
                Self::EngineDied(error.summary())
            }
            EngineError::Unavailable(_) | EngineError::Overdue(_) => {
                tracing::warn!(%error, "an engine gave no answer");
                Self::Unavailable { what: error.summary(), retry_after: Duration::from_secs(2) }
            }
            EngineError::Failed(_) => Self::Internal(error.into()),
            EngineError::StorageFull => Self::StorageFull,
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
                // … and of too many connections
                Some(code) if code.starts_with("57P") || code.starts_with("08") || code == "53300" => lost(error),
                _ => Self::Internal(error.into()),
            },
            _ => Self::Internal(error.into()),
        }
    }
}
