//! What the dreamer says of a dream and its readings.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::features::lore::LensId;

/// What the dreamer thinks of the reading through one lens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Opinion {
    pub lens: LensId,
    /// 1 (says nothing to me) to 5 (says much).
    #[schema(required)]
    pub rating: Option<u8>,
    /// Whether it is the one of this dream's readings that fits.
    pub chosen: bool,
}

/// What comes to the dreamer's mind about an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Association {
    /// The image's id in the dictionary, or the word itself.
    pub symbol: String,
    pub note: String,
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

/// A question about a reading and the answer of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DialogTurn {
    pub id: Uuid,
    pub lens: LensId,
    pub question: String,
    pub answer: String,
    /// The language of the answer, ISO 639-1.
    pub language: String,
    /// The catalogue id of the model that answered.
    pub model: String,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}
