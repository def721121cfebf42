//! What is wrong with a pack, in words for whoever made it.

use crate::error::Error;

/// What is wrong and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct PackProblem {
    /// The pack's name, as far as it could be read.
    pub pack: String,
    /// `line 3, column 7`, `lens sailors, wording.en.stance`, …
    pub place: String,
    /// What is wrong there and what would be right.
    pub message: String,
}

impl PackProblem {
    pub(super) fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pack: String::new(), place: place.into(), message: message.into() }
    }

    pub(super) fn of(self, pack: &str) -> Self {
        Self { pack: pack.to_owned(), ..self }
    }

    /// Says in which part it is.
    pub(super) fn within(self, part: &str) -> Self {
        let place = if self.place.is_empty() { part.to_owned() } else { format!("{part}, {}", self.place) };
        Self { place, ..self }
    }
}

impl From<PackProblem> for Error {
    fn from(problem: PackProblem) -> Self {
        Self::invalid(problem.place, problem.message)
    }
}
