//! The feature's types as the API shows them.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// What became of a dream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    Kept,
    /// A reading of it was kept.
    Read,
    Deleted,
}

impl Change {
    const ALL: [Self; 3] = [Self::Kept, Self::Read, Self::Deleted];

    /// As the API and the database call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Read => "read",
            Self::Deleted => "deleted",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|change| change.name() == name)
    }
}

/// Something of one's own journal changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct DreamsEvent {
    pub dream_id: Uuid,
    pub change: Change,
}

/// What a stream tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// From now on nothing is missed.
    Ready,
    Dreams(DreamsEvent),
    /// Something may have been missed: whoever shows the journal looks again.
    Lost,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_api() {
        for change in Change::ALL {
            assert_eq!(serde_json::to_value(change).unwrap(), change.name());
            assert_eq!(Change::named(change.name()), Some(change));
        }
    }
}
