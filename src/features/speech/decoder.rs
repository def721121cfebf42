//! Decoding untrusted audio out of the server's own process.

use std::fs::File;

use futures_util::future::BoxFuture;

use crate::engine::{
    EngineError,
    parse::{Audio, ParseOutcome, ParseRequest, ParseRunner},
};

/// Decodes audio somewhere that a broken file cannot harm.
pub trait AudioDecoder: Send + Sync {
    /// Mono 16 kHz samples of an audio file, at most `max_milliseconds` of it. A file that is no audio, is cut short or
    /// is too long is [`EngineError::InvalidRequest`], in words for people.
    fn decode(&self, audio: File, max_milliseconds: u64) -> BoxFuture<'_, Result<Audio, EngineError>>;
}

impl AudioDecoder for ParseRunner {
    fn decode(&self, audio: File, max_milliseconds: u64) -> BoxFuture<'_, Result<Audio, EngineError>> {
        Box::pin(async move {
            match self.run(ParseRequest::DecodeAudio { max_milliseconds }, vec![audio.into()]).await? {
                ParseOutcome::Audio(audio) => Ok(audio),
                other => Err(EngineError::Failed(format!("the audio decoder answered with {other:?}"))),
            }
        })
    }
}
