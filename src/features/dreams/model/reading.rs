//! A reading, and what stands in its place when there is none.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Step;
use crate::features::lore::{LensId, LoreSource, SourceKind};

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
    /// How likely a careful reader is to find that the reading holds, 0 to 1; see `oneiros eval confidence`.
    pub confidence: f32,
    /// The same as a word.
    #[serde(default)]
    pub confidence_level: ConfidenceLevel,
    pub sources: Vec<Source>,
    pub lens: LensId,
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
    /// What is said beside every reading: who wrote it, what it is not, who decides.
    #[serde(default)]
    pub said: Vec<String>,
    /// Fields that the server composed from the dictionary because nothing of the model's could be shown there, such as
    /// `summary` or `symbols.0.meaning`.
    #[serde(default)]
    pub composed: Vec<String>,
    /// How it was made, in order.
    #[serde(default)]
    pub steps: Vec<Step>,
}

/// Something in the dream and what it may stand for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Symbol {
    pub name: String,
    /// A passage of the dream, word for word.
    pub quote: String,
    /// In the model's words.
    pub meaning: String,
    /// Its id in the dictionary, where it has one.
    #[serde(default)]
    pub id: Option<String>,
    /// What the dictionary says of it through this lens. Not the model's words.
    #[serde(default)]
    pub tradition: Option<Tradition>,
}

/// What a tradition, or science, has said of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tradition {
    pub text: String,
    pub sources: Vec<Source>,
}

/// How far a reading may be trusted, in a word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConfidenceLevel {
    #[default]
    Low,
    Fair,
    Good,
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
    /// How far it came.
    #[serde(default)]
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FailureReason {
    Ungrounded,
    Repetitive,
    WrongLanguage,
    Incomplete,
    /// It says what no reading may say: an illness, what will happen, a ruling, a link.
    Forbidden,
    /// It tells of something that the dream does not hold.
    Unsupported,
    /// It repeats the examples that the model was shown.
    Copied,
    EngineUnavailable,
}

impl FailureReason {
    /// As the API writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ungrounded => "ungrounded",
            Self::Repetitive => "repetitive",
            Self::WrongLanguage => "wrong-language",
            Self::Incomplete => "incomplete",
            Self::Forbidden => "forbidden",
            Self::Unsupported => "unsupported",
            Self::Copied => "copied",
            Self::EngineUnavailable => "engine-unavailable",
        }
    }
}

impl From<&LoreSource> for Source {
    fn from(source: &LoreSource) -> Self {
        let kind = match source.kind {
            SourceKind::Tradition => "tradition",
            SourceKind::Science => "science",
        };
        Self { kind: kind.to_owned(), reference: source.reference.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_named_as_the_api_names_it() {
        for reason in [
            FailureReason::Ungrounded,
            FailureReason::Repetitive,
            FailureReason::WrongLanguage,
            FailureReason::Incomplete,
            FailureReason::Forbidden,
            FailureReason::Unsupported,
            FailureReason::Copied,
            FailureReason::EngineUnavailable,
        ] {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
        }
    }
}
