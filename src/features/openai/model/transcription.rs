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
    pub segments: Vec<VerboseSegment>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct VerboseSegment {
    pub id: usize,
    /// Seconds.
    pub start: f64,
    /// Seconds.
    pub end: f64,
    pub text: String,
}
