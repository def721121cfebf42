//! Speech: a recording becomes text.
//!
//! Owns the way from an uploaded file to a transcript: the upload lands in a file without a name, a confined child
//! decodes it into another, the transcriber hears that. A recording is never kept.

mod decoder;
mod line;
pub mod routes;
mod service;

pub use decoder::AudioDecoder;
pub use routes::{AUDIO_LIMIT_BYTES, Form, receive_form};
pub use service::{Listening, Progress, Segment, SpeechEvent, SpeechModel, SpeechService, Transcription};
