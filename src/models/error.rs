//! Why an artefact is not there, in one sentence that says what to do.

use std::{io, path::Path};

use super::files::human_bytes;
use crate::engine::EngineError;

/// What one source said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub source: String,
    pub reason: String,
}

#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("there is no model or part called {0:?}: `oneiros models list` shows what there is")]
    Unknown(String),
    #[error("{id} is not here: `oneiros models pull {id}` fetches it")]
    Missing { id: String },
    /// The file is not what it should be.
    #[error("{id} was refused: {reason}")]
    Refused { id: String, reason: String },
    #[error("{id} needs {} of disk space and {} are free in {place}: free some and try again", human_bytes(*needed), human_bytes(*available))]
    Space { id: String, needed: u64, available: u64, place: String },
    #[error("{id} could not be fetched from any source: {}", tell(tried))]
    NoSource { id: String, tried: Vec<Attempt> },
    #[error("{what}: {source}")]
    Io {
        what: String,
        #[source]
        source: io::Error,
    },
    /// The catalogue, or an extension of it, is wrong.
    #[error("{0}")]
    Catalog(String),
    /// The parse child could not do its work, through no fault of the file.
    #[error("{id} could not be read: {source}")]
    Parse {
        id: String,
        #[source]
        source: EngineError,
    },
}

impl ModelError {
    pub(super) fn refused(id: &str, reason: impl Into<String>) -> Self {
        Self::Refused { id: id.into(), reason: reason.into() }
    }

    /// A job's failure: bad bytes are refused, anything else is trouble of ours.
    pub(super) fn parse(id: &str, error: EngineError) -> Self {
        match error {
            EngineError::InvalidRequest(reason) => Self::refused(id, reason),
            source => Self::Parse { id: id.into(), source },
        }
    }

    /// An input or output error, with the sentence for a full disk.
    pub(super) fn io(what: &str, path: &Path, source: io::Error) -> Self {
        let path = path.display();
        let what = match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                format!("the disk is full, so {path} could not be {what}: free some space and try again")
            }
            io::ErrorKind::PermissionDenied => format!("{path} may not be {what} by this user: check its owner and permissions"),
            _ => format!("{path} could not be {what}"),
        };
        Self::Io { what, source }
    }
}

fn tell(tried: &[Attempt]) -> String {
    if tried.is_empty() {
        return "it has none for this machine".into();
    }
    let each: Vec<String> = tried.iter().map(|attempt| format!("{} ({})", attempt.source, attempt.reason)).collect();
    each.join("; ")
}
