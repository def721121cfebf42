//! What is asked and answered.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{DialogTurn, Dream, Interpretation, InterpretationFailure, SimilarDream};
use crate::{
    engine::EmbeddingRole,
    features::{care::CareMessage, lore::LensId},
};

/// A dream to be interpreted.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InterpretRequest {
    /// The dream as it was told: 20 to 4,000 characters as people count them.
    #[schema(min_length = 20, example = "I was crossing a narrow bridge over a dark river, and my grandmother waited with a lantern.")]
    pub text: String,
    /// The lens that the dreamer chose most often lately when absent, else `psychological`.
    #[serde(default)]
    pub lens: Option<LensId>,
    /// The dream's language, ISO 639-1; detected when absent.
    #[serde(default)]
    #[schema(example = "en")]
    pub language: Option<String>,
}

/// How a kept dream is to be read again.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadAgainRequest {
    /// The lens that the dreamer chose most often lately when absent, else `psychological`.
    #[serde(default)]
    pub lens: Option<LensId>,
}

/// The dream that was kept and what came of reading it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InterpretResponse {
    pub dream: Dream,
    /// `null` when no answer of the model may be shown; `failure` says why.
    #[schema(required)]
    pub interpretation: Option<Interpretation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<InterpretationFailure>,
    /// The owner's own dreams that are most like this one, nearest first.
    pub similar: Vec<SimilarDream>,
    /// Words of help, where the text says that somebody awake may need it; nothing of it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub care: Option<CareMessage>,
}

/// Texts whose vectors are wanted.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EmbedRequest {
    /// 1 to 256 texts of at most 16,000 bytes.
    #[schema(min_items = 1, max_items = 256)]
    pub texts: Vec<String>,
    pub role: EmbeddingRole,
}

/// Vectors of length 1, in the order of the texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EmbedResponse {
    /// The catalogue id of the model.
    pub model: String,
    pub dimensions: u32,
    pub vectors: Vec<Vec<f32>>,
}

/// What the dreamer thinks of a reading. What is left out stays as it was.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpinionRequest {
    /// 1 (says nothing to me) to 5 (says much); `null` takes it back.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<u8>, minimum = 1, maximum = 5)]
    pub rating: Option<Option<u8>>,
    /// Whether it is the one of this dream's readings that fits; no other one is then.
    #[serde(default)]
    pub chosen: Option<bool>,
}

/// Tells null from absence.
fn present<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// What comes to the dreamer's mind about an image.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssociationRequest {
    /// 1 to 500 characters; line breaks become spaces.
    #[schema(min_length = 1, example = "My grandmother's house stood by a river like that.")]
    pub note: String,
}

/// A question about a reading.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DialogRequest {
    /// The lens of the reading that the question is about.
    pub lens: LensId,
    /// 2 to 500 characters; line breaks become spaces.
    #[schema(min_length = 2, example = "What else could the river mean?")]
    pub question: String,
}

/// The question with its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DialogAnswer {
    /// `null` where the operator wants words of help in an answer's place; the question is not kept then.
    #[schema(required)]
    pub turn: Option<DialogTurn>,
    /// Words of help, where the question says that somebody awake may need it; nothing of it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub care: Option<CareMessage>,
}
