//! What the feature does: judge a recording and hear it.

use std::{fs::File, path::PathBuf, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use utoipa::ToSchema;

use super::{
    AudioDecoder,
    line::{Line, Place},
};
use crate::{
    engine::{Asker, EngineError, Transcriber, TranscriptSegment, TranscriptionEvent, TranscriptionRequest, parse::Audio},
    error::{Error, Result},
};

/// Recordings that are sent, wait or are heard at the same time. Each takes disk: 256 MiB as it came, then 2 MB for each of
/// its minutes; memory does not grow with them.
const MOST_RECORDINGS: usize = 16;
const BUSY_RETRY: Duration = Duration::from_secs(10);
/// Until accounts exist, everybody is the person at this machine.
const LOCAL: &str = "local";
/// The shortest that can hold a word.
const LEAST_MILLISECONDS: u64 = 100;
/// Loudness below which a recording is silence: −60 dB of full scale.
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
    /// What the recording was, by its content: `wav`, `mp3`, `flac`, `aac`, `ogg-vorbis`, `ogg-opus`, `webm-opus`,
    /// `m4a-aac`, …
    pub source_format: String,
    pub segments: Vec<Segment>,
}

/// A piece of a transcript, from and to in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Segment {
    pub start_ms: u64,
    pub end_ms: u64,
    pub text: String,
}

/// What happens before the transcript is whole.
#[derive(Debug, Clone, PartialEq)]
pub enum SpeechEvent {
    /// So many recordings are heard before this one.
    Waiting {
        place: u32,
    },
    Segment(Segment),
}

/// Where these go; nowhere when nobody asked for them.
pub type Progress = Option<mpsc::Sender<SpeechEvent>>;

/// The feature's face to `http/` and the command line.
pub struct SpeechService {
    decoder: Arc<dyn AudioDecoder>,
    model: watch::Receiver<Option<SpeechModel>>,
    uploads: PathBuf,
    max_milliseconds: u64,
    places: Arc<Semaphore>,
    line: Arc<Line>,
}

impl SpeechService {
    /// Uploads are buffered in `uploads`, a folder that exists. Recordings of more than `max_minutes` are refused.
    pub fn new(decoder: Arc<dyn AudioDecoder>, model: watch::Receiver<Option<SpeechModel>>, uploads: PathBuf, max_minutes: u16) -> Self {
        let max_milliseconds = u64::from(max_minutes) * 60 * 1000;
        Self { decoder, model, uploads, max_milliseconds, places: Arc::new(Semaphore::new(MOST_RECORDINGS)), line: Line::new() }
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
    /// `file`. Dropping the future stops the work.
    pub async fn transcribe(&self, recording: File, language: Option<String>, progress: &Progress) -> Result<Transcription> {
        let model = self.model.borrow().clone().ok_or_else(|| Error::Unavailable {
            what: "no speech model is ready yet; see /readyz".into(),
            retry_after: Duration::from_secs(5),
        })?;
        self.transcribe_with(model, recording, language, progress).await
    }

    /// As [`Self::transcribe`], by a model of the caller's choice.
    pub async fn transcribe_with(
        &self,
        model: SpeechModel,
        recording: File,
        language: Option<String>,
        progress: &Progress,
    ) -> Result<Transcription> {
        let language = language.as_deref().map(known_language).transpose()?;
        let turn = turn(self.line.join(), progress);
        let ((audio, samples), _turn) = tokio::try_join!(self.decode(recording), turn)?;
        let request = TranscriptionRequest { samples: audio.samples, language };
        let mut events = model.engine.transcribe(request, samples, Asker::named(LOCAL));
        let mut segments = Vec::new();
        while let Some(event) = events.recv().await {
            match event? {
                TranscriptionEvent::Progress { .. } => {}
                TranscriptionEvent::Segment(segment) => {
                    if let Some(segment) = spoken(&segment, audio.duration_milliseconds) {
                        tell(progress, SpeechEvent::Segment(segment.clone())).await;
                        segments.push(segment);
                    }
                }
                TranscriptionEvent::Finished { language, .. } => return transcript(segments, language, audio),
            }
        }
        Err(EngineError::Died("it ended its answer early".into()).into())
    }

    /// The recording's samples, in a file of their own, and what is known of them.
    async fn decode(&self, recording: File) -> Result<(Audio, File)> {
        let samples = self.buffer()?;
        let output = samples.try_clone().map_err(disk_error)?;
        let audio = self.decoder.decode(recording, output, self.max_milliseconds).await.map_err(refused)?;
        check(&audio)?;
        Ok((audio, samples))
    }
}

/// Waits for the turn and tells of the wait.
async fn turn(mut place: Place, progress: &Progress) -> Result<Place> {
    loop {
        match place.moved().await {
            0 => return Ok(place),
            before => tell(progress, SpeechEvent::Waiting { place: before }).await,
        }
    }
}

/// Whoever listened and is gone ends the work in another way.
async fn tell(progress: &Progress, event: SpeechEvent) {
    if let Some(listener) = progress {
        let _ = listener.send(event).await;
    }
}

/// What was said in a segment; nothing where Whisper took noise for words or describes it.
fn spoken(segment: &TranscriptSegment, duration_ms: u64) -> Option<Segment> {
    let text = segment.text.trim();
    let is_speech = segment.no_speech_probability <= NO_SPEECH && text.chars().any(char::is_alphanumeric) && !is_remark(text);
    is_speech.then(|| Segment {
        start_ms: segment.start_milliseconds.min(duration_ms),
        end_ms: segment.end_milliseconds.min(duration_ms),
        text: text.to_owned(),
    })
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
    if audio.duration_milliseconds < LEAST_MILLISECONDS {
        return Err(Error::invalid("file", "the recording holds no sound: it is shorter than a tenth of a second"));
    }
    if !audio.loudness.is_finite() || audio.loudness < SILENCE {
        return Err(Error::invalid("file", "the recording is silent"));
    }
    Ok(())
}

fn transcript(segments: Vec<Segment>, language: String, audio: Audio) -> Result<Transcription> {
    if segments.is_empty() {
        return Err(Error::invalid("file", "no speech was found in the recording"));
    }
    let text = segments.iter().map(|segment| segment.text.as_str()).collect::<Vec<_>>().join(" ");
    let (duration_ms, source_format) = (audio.duration_milliseconds, audio.source_format);
    Ok(Transcription { text, language, duration_ms, source_format, segments })
}

/// Whisper's remarks on what is no speech: `[MUSIC]`, `(wind blowing)`, `*sighs*`.
fn is_remark(text: &str) -> bool {
    [('[', ']'), ('(', ')'), ('*', '*')].iter().any(|(open, close)| text.starts_with(*open) && text.ends_with(*close))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(text: &str, no_speech_probability: f32) -> TranscriptSegment {
        TranscriptSegment { start_milliseconds: 0, end_milliseconds: 20, text: text.into(), no_speech_probability }
    }

    fn audio(loudness: f32) -> Audio {
        Audio { samples: 16_000, duration_milliseconds: 1000, loudness, gain: 1.0, source_format: "wav".into() }
    }

    #[test]
    fn remarks_are_no_speech() {
        for remark in ["[MUSIC]", "...", " (wind blowing)", "*sighs*"] {
            assert_eq!(spoken(&segment(remark, 0.0), 10), None, "{remark}");
        }
        assert_eq!(spoken(&segment("Thank you.", 0.9), 10), None);
        let heard = spoken(&segment(" I was flying.", 0.0), 10).unwrap();
        assert_eq!((heard.text.as_str(), heard.end_ms), ("I was flying.", 10));
        let error = transcript(Vec::new(), "en".into(), audio(0.1)).unwrap_err();
        assert!(error.to_string().contains("no speech"), "{error}");
    }

    #[test]
    fn silence_is_named() {
        assert!(check(&audio(0.0)).unwrap_err().to_string().contains("silent"));
        assert!(check(&audio(f32::NAN)).is_err());
        assert!(check(&audio(0.1)).is_ok());
    }
}
