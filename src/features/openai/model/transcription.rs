//! `/v1/audio/transcriptions`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The form that a recording comes in.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form in the API document; the form itself is read as a stream")]
pub struct ApiTranscriptionForm {
    /// A recording of at most 256 MiB and 60 minutes, or what the operator set; taken for what it holds, whatever it is called.
    #[schema(value_type = String, format = Binary, content_media_type = "application/octet-stream")]
    file: Vec<u8>,
    /// A model that `/v1/models` lists, or one of its aliases.
    model: String,
    /// ISO 639-1; detected when absent.
    language: Option<String>,
    response_format: Option<TranscriptFormat>,
    /// What was said before, or names that come up.
    prompt: Option<String>,
    /// 0 to 1; 0 when absent.
    temperature: Option<f32>,
    /// For `verbose_json`: `segment`, which is the default, and `word`.
    #[serde(rename = "timestamp_granularities[]")]
    timestamp_granularities: Option<Vec<Granularity>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Granularity {
    Segment,
    Word,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TranscriptFormat {
    /// The text as JSON.
    #[default]
    Json,
    /// The text alone.
    Text,
    /// SubRip subtitles.
    Srt,
    /// WebVTT subtitles.
    Vtt,
    /// With language, duration and segments.
    VerboseJson,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TranscriptObject {
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct VerboseTranscript {
    /// `transcribe`.
    pub task: &'static str,
    /// In English and lower case, as `english`.
    pub language: String,
    /// Seconds.
    pub duration: f64,
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segments: Option<Vec<VerboseSegment>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<Vec<VerboseWord>>,
}

/// A piece of a transcript. The figures are those of the window of at most 30 seconds that it was heard in.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct VerboseSegment {
    pub id: u32,
    /// Where that window begins, in hundredths of a second.
    pub seek: u64,
    /// Seconds.
    pub start: f64,
    /// Seconds.
    pub end: f64,
    pub text: String,
    /// The speech model's numbers of its tokens.
    pub tokens: Vec<u32>,
    /// What its tokens were sampled at.
    pub temperature: f32,
    /// Mean natural logarithm of its tokens' probabilities.
    pub avg_logprob: f32,
    /// High where the text repeats itself.
    pub compression_ratio: f32,
    /// The model's own estimate that nothing was said, 0 to 1.
    pub no_speech_prob: f32,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct VerboseWord {
    pub word: String,
    /// Seconds.
    pub start: f64,
    /// Seconds.
    pub end: f64,
}
