//! What the feature does: judge a recording and hear it.

use std::{fs::File, path::PathBuf, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use utoipa::ToSchema;

use super::AudioDecoder;
use crate::{
    engine::{EngineError, Transcriber, TranscriptionEvent, TranscriptionRequest, parse::Audio},
    error::{Error, Result},
};

/// Recordings that are sent, wait or are heard at the same time: each may take 256 MiB of the disk.
const MOST_RECORDINGS: usize = 16;
/// Of those, decoded ones: half an hour takes 110 MiB of memory, here and in the engine.
const MOST_DECODED: usize = 2;
const BUSY_RETRY: Duration = Duration::from_secs(10);
/// The longest recording that is heard.
pub const MOST_MILLISECONDS: u64 = 30 * 60 * 1000;
/// The shortest that can hold a word.
const LEAST_MILLISECONDS: u64 = 100;
/// Root mean square below which a recording is silence: −60 dB of full scale.
const SILENCE: f32 = 0.001;
/// A segment that Whisper itself takes for no speech with more than this probability is dropped: it makes words up there.
const NO_SPEECH: f32 = 0.6;

/// The model that hears.
#[derive(Clone)]
pub struct SpeechModel {
    /// Its catalogue id.
    pub id: String,
    pub engine: Arc<dyn Transcriber>,
}

/// What was said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Transcription {
    pub text: String,
    /// ISO 639-1: as given, else as heard.
    pub language: String,
    pub duration_ms: u64,
    pub segments: Vec<Segment>,
}

/// A piece of a transcript, from and to in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Segment {
    pub start_ms: u64,
    pub end_ms: u64,
    pub text: String,
}

/// The feature's face to `http/` and the command line.
pub struct SpeechService {
    decoder: Arc<dyn AudioDecoder>,
    model: watch::Receiver<Option<SpeechModel>>,
    uploads: PathBuf,
    places: Arc<Semaphore>,
    decoded: Semaphore,
}

impl SpeechService {
    /// Uploads are buffered in `uploads`, a folder that exists.
    pub fn new(decoder: Arc<dyn AudioDecoder>, model: watch::Receiver<Option<SpeechModel>>, uploads: PathBuf) -> Self {
        Self { decoder, model, uploads, places: Arc::new(Semaphore::new(MOST_RECORDINGS)), decoded: Semaphore::new(MOST_DECODED) }
    }

    /// A place for one more recording, held until it is heard; an error when all are taken.
    pub(in crate::features::speech) fn admit(&self) -> Result<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| Error::Busy { retry_after: BUSY_RETRY })
    }

    /// A file of no name to put an upload into; it is gone when it is closed.
    pub(in crate::features::speech) fn buffer(&self) -> Result<File> {
        tempfile::tempfile_in(&self.uploads).map_err(disk_error)
    }

    /// Hears a recording. `language` is ISO 639-1; detected when absent. Errors about the recording name the field
    /// `file`.
    pub async fn transcribe(&self, audio: File, language: Option<String>) -> Result<Transcription> {
        let language = language.as_deref().map(known_language).transpose()?;
        let model = self.model.borrow().clone().ok_or_else(|| Error::Unavailable {
            what: "no speech model is ready yet; see /readyz".into(),
            retry_after: Duration::from_secs(5),
        })?;
        // Never closed. The others wait as files.
        let _decoded = self.decoded.acquire().await;
        let audio = self.decoder.decode(audio, MOST_MILLISECONDS).await.map_err(refused)?;
        check(&audio)?;
        let duration_ms = audio.duration_milliseconds;
        let mut events = model.engine.transcribe(TranscriptionRequest { samples: audio.samples, language });
        let mut segments = Vec::new();
        while let Some(event) = events.recv().await {
            match event? {
                TranscriptionEvent::Segment(segment) if segment.no_speech_probability > NO_SPEECH => {}
                TranscriptionEvent::Segment(segment) => segments.push(Segment {
                    start_ms: segment.start_milliseconds.min(duration_ms),
                    end_ms: segment.end_milliseconds.min(duration_ms),
                    text: segment.text.trim().to_owned(),
                }),
                TranscriptionEvent::Finished { language, .. } => return transcript(segments, language, duration_ms),
            }
        }
        Err(EngineError::Died("it ended its answer early".into()).into())
    }
}

fn known_language(code: &str) -> Result<String> {
    let code = code.trim().to_ascii_lowercase();
    match isolang::Language::from_639_1(&code) {
        Some(_) => Ok(code),
        None => Err(Error::invalid("language", "is not a language code of two letters (ISO 639-1) such as en, ru or ar")),
    }
}

/// What the decoder says of a file is about the file, not about the request.
fn refused(error: EngineError) -> Error {
    match error {
        EngineError::InvalidRequest(message) => Error::invalid("file", message),
        other => other.into(),
    }
}

pub(in crate::features::speech) fn disk_error(error: std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::StorageFull { Error::StorageFull } else { Error::Internal(error.into()) }
}

fn check(audio: &Audio) -> Result<()> {
    if audio.samples.is_empty() || audio.duration_milliseconds < LEAST_MILLISECONDS {
        return Err(Error::invalid("file", "the recording holds no sound: it is shorter than a tenth of a second"));
    }
    if !audio.loudness.is_finite() || audio.loudness < SILENCE {
        return Err(Error::invalid("file", "the recording is silent"));
    }
    Ok(())
}

fn transcript(mut segments: Vec<Segment>, language: String, duration_ms: u64) -> Result<Transcription> {
    segments.retain(|segment| segment.text.chars().any(char::is_alphanumeric) && !is_remark(&segment.text));
    if segments.is_empty() {
        return Err(Error::invalid("file", "no speech was found in the recording"));
    }
    let text = segments.iter().map(|segment| segment.text.as_str()).collect::<Vec<_>>().join(" ");
    Ok(Transcription { text, language, duration_ms, segments })
}

/// Whisper's remarks on what is no speech: `[MUSIC]`, `(wind blowing)`, `*sighs*`.
fn is_remark(text: &str) -> bool {
    [('[', ']'), ('(', ')'), ('*', '*')].iter().any(|(open, close)| text.starts_with(*open) && text.ends_with(*close))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(text: &str) -> Segment {
        Segment { start_ms: 0, end_ms: 10, text: text.into() }
    }

    #[test]
    fn remarks_are_no_speech() {
        let error = transcript(vec![segment("[MUSIC]"), segment("..."), segment("(wind blowing)")], "en".into(), 10).unwrap_err();
        assert!(error.to_string().contains("no speech"), "{error}");
        let heard = transcript(vec![segment("I was flying"), segment("[MUSIC]"), segment("over water.")], "en".into(), 10).unwrap();
        assert_eq!(heard.text, "I was flying over water.");
    }

    #[test]
    fn silence_is_named() {
        let audio = |loudness| Audio { samples: vec![0.0; 16000], duration_milliseconds: 1000, loudness, source_format: "wav".into() };
        assert!(check(&audio(0.0)).unwrap_err().to_string().contains("silent"));
        assert!(check(&audio(f32::NAN)).is_err());
        assert!(check(&audio(0.1)).is_ok());
    }
}
