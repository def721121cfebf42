//! Dreams as they were told, and what is kept of them.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Association, DialogTurn, Interpretation, InterpretationFailure, Opinion};

/// A dream as it was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Dream {
    pub id: Uuid,
    pub text: String,
    /// ISO 639-1.
    pub language: String,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// A dream like another one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SimilarDream {
    pub dream: Dream,
    /// Cosine similarity, −1 to 1.
    pub similarity: f32,
}

/// One page of dreams, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DreamPage {
    pub dreams: Vec<Dream>,
    /// Give this as `cursor` to get the next page; absent on the last.
    pub next_cursor: Option<String>,
}

/// An image of the dictionary that a dream holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NamedSymbol {
    /// Its id in the dictionary.
    pub id: String,
    /// Its name in the dream's language.
    pub name: String,
}

/// An image of this dream that earlier dreams of the same person hold, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecurringSymbol {
    pub id: String,
    pub name: String,
    /// How many other dreams hold it.
    pub dreams: u32,
}

/// A dream, its latest reading through each lens, and what the dreamer said of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DreamWithReadings {
    pub dream: Dream,
    pub interpretations: Vec<Interpretation>,
    /// The last attempt's failure, when there was no reading since.
    pub failure: Option<InterpretationFailure>,
    /// Images of the dictionary, by name.
    pub symbols: Vec<NamedSymbol>,
    /// Those of them that come back, most often first.
    pub recurring: Vec<RecurringSymbol>,
    pub associations: Vec<Association>,
    pub opinions: Vec<Opinion>,
    /// Questions about the readings with their answers, oldest first.
    pub dialog: Vec<DialogTurn>,
}
