//! The feature's types as the API shows them.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::engine::{EmbeddingRole, Wait};

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

/// Through which eyes a dream is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Lens {
    #[default]
    Psychological,
    Jungian,
    Scientific,
    Islamic,
    Folk,
}

/// The overall mood of a dream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mood {
    Joyful,
    Peaceful,
    Hopeful,
    Neutral,
    Confused,
    Sad,
    Anxious,
    Fearful,
    Angry,
}

/// A reading of one dream through one lens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Interpretation {
    pub title: String,
    pub summary: String,
    pub interpretation: String,
    pub symbols: Vec<Symbol>,
    pub emotions: Vec<Emotion>,
    pub mood: Mood,
    pub archetypes: Vec<String>,
    pub advice: String,
    pub questions: Vec<String>,
    /// 0 to 1.
    pub confidence: f32,
    pub sources: Vec<Source>,
    pub lens: Lens,
    /// The language it is written in, ISO 639-1.
    pub language: String,
    /// The catalogue id of the model that wrote it.
    pub model: String,
    pub prompt_version: String,
    pub tokens: TokenCounts,
    pub latency_ms: u64,
    /// Whether it was kept from an earlier, identical request.
    pub cached: bool,
    /// Share of quotes that were in the dream's text before any was dropped, 0 to 1.
    pub grounding: f32,
    /// What the reader should know, such as an answer in another language than the dream's.
    pub notices: Vec<String>,
}

/// Something in the dream and what it may stand for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Symbol {
    pub name: String,
    /// A passage of the dream, word for word.
    pub quote: String,
    pub meaning: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Emotion {
    pub name: String,
    /// 0 to 1.
    pub intensity: f32,
}

/// What a reading leans on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Source {
    /// `dream` (the text itself), `tradition`, `science`, `similar-dream`.
    pub kind: String,
    pub reference: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenCounts {
    pub prompt: u32,
    pub generated: u32,
}

/// Why a dream has no reading. The dream itself is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InterpretationFailure {
    pub reason: FailureReason,
    /// For people.
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FailureReason {
    Ungrounded,
    Repetitive,
    WrongLanguage,
    Incomplete,
    EngineUnavailable,
}

/// A reading has to wait. Sent when the wait begins and whenever what it says changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaitingEvent {
    #[serde(rename = "for")]
    pub reason: WaitReason,
    /// How many readings come before this one; 0: they are done, it is its turn. Absent unless it waits for those.
    #[schema(required)]
    pub place: Option<u32>,
    /// How far what it waits for is, for people.
    #[schema(required)]
    pub detail: Option<String>,
}

/// What a reading waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum WaitReason {
    /// Other readings come first.
    Queue,
    /// A model is being fetched or loaded.
    Loading,
    /// The engine starts again after a fault.
    Restart,
}

impl From<Wait> for WaitingEvent {
    fn from(wait: Wait) -> Self {
        match wait {
            Wait::Queue { ahead } => Self { reason: WaitReason::Queue, place: Some(ahead), detail: None },
            Wait::Loading { percent } => Self { reason: WaitReason::Loading, place: None, detail: Some(format!("{percent} %")) },
            Wait::Restart => Self { reason: WaitReason::Restart, place: None, detail: None },
        }
    }
}

/// A dream like another one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SimilarDream {
    pub dream: Dream,
    /// Cosine similarity, −1 to 1.
    pub similarity: f32,
}

/// A dream and its latest reading through each lens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DreamWithReadings {
    pub dream: Dream,
    pub interpretations: Vec<Interpretation>,
    /// The last attempt's failure, when there was no reading since.
    pub failure: Option<InterpretationFailure>,
}

/// One page of dreams, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DreamPage {
    pub dreams: Vec<Dream>,
    /// Give this as `cursor` to get the next page; absent on the last.
    pub next_cursor: Option<String>,
}

/// A dream to be interpreted.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InterpretRequest {
    /// The dream as it was told: 20 to 4,000 characters as people count them.
    #[schema(min_length = 20, example = "I was crossing a narrow bridge over a dark river, and my grandmother waited with a lantern.")]
    pub text: String,
    /// `psychological` when absent.
    #[serde(default)]
    pub lens: Option<Lens>,
    /// The dream's language, ISO 639-1; detected when absent.
    #[serde(default)]
    #[schema(example = "en")]
    pub language: Option<String>,
}

/// How a kept dream is to be read again.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadAgainRequest {
    /// `psychological` when absent.
    #[serde(default)]
    pub lens: Option<Lens>,
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
