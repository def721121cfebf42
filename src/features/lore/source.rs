//! What lenses and symbols lean on, named so that a reader can look it up.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What kind of ground something stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// Handed down: told as what people hold, never as what is so.
    Tradition,
    /// Found by research.
    Science,
}

/// A book or a paper.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoreSource {
    /// As lenses and symbols name it.
    pub id: String,
    pub kind: SourceKind,
    /// Author and title, in the original.
    pub reference: String,
}
