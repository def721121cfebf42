//! Decoding untrusted recordings out of the server's own process.

use std::fs::File;

use futures_util::future::BoxFuture;

use crate::engine::{
    EngineError,
    parse::{Audio, DECODED_BYTES_A_MILLISECOND, ParseOutcome, ParseRequest, ParseRunner},
};

/// Decodes recordings somewhere that a broken file cannot harm.
pub trait AudioDecoder: Send + Sync {
    /// Writes the samples of a recording (mono, 16 kHz, 16 bits, levelled) into `output`, which is empty. A file that is no
    /// recording, is cut short or lasts longer than `max_milliseconds` is [`EngineError::InvalidRequest`], in words for
    /// people.
    fn decode(&self, recording: File, output: File, max_milliseconds: u64) -> BoxFuture<'_, Result<Audio, EngineError>>;
}

impl AudioDecoder for ParseRunner {
    fn decode(&self, recording: File, output: File, max_milliseconds: u64) -> BoxFuture<'_, Result<Audio, EngineError>> {
        Box::pin(async move {
            let descriptors = match output.try_clone() {
                Ok(output) => vec![recording.into(), output.into()],
                Err(error) => return Err(EngineError::Failed(format!("the decoded recording's file cannot be shared: {error}"))),
            };
            match self.run(ParseRequest::DecodeAudio { max_milliseconds }, descriptors).await {
                Ok(ParseOutcome::Audio(audio)) => checked(audio, &output, max_milliseconds),
                Ok(other) => Err(EngineError::Failed(format!("the audio decoder answered with {other:?}"))),
                Err(EngineError::Died(why)) => Err(stopped(&why)),
                Err(error) => Err(error),
            }
        })
    }
}

/// The child ran into one of its limits, or a codec fell over: that is the file's doing, and nobody else's trouble.
fn stopped(why: &str) -> EngineError {
    tracing::warn!("a recording stopped its decoder: {why}");
    EngineError::InvalidRequest("the recording is damaged: reading it took more memory or time than a recording may take".into())
}

/// The child is not trusted: what it says of the output is compared with the output.
fn checked(audio: Audio, output: &File, max_milliseconds: u64) -> Result<Audio, EngineError> {
    let length = output.metadata().map(|metadata| metadata.len()).unwrap_or_default();
    let most = max_milliseconds.saturating_mul(DECODED_BYTES_A_MILLISECOND);
    if audio.samples.checked_mul(2) != Some(length) || length > most {
        return Err(EngineError::Failed("the audio decoder wrote something else than it says".into()));
    }
    Ok(Audio { duration_milliseconds: length / DECODED_BYTES_A_MILLISECOND, ..audio })
}
