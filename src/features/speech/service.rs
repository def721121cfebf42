//! What the feature does: judge a recording and hear it.

use std::{fs::File, path::PathBuf, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use utoipa::ToSchema;

use super::{
    AudioDecoder,
    line::{Line, Place},
};
use crate::{
    engine::{
        Asker, EngineError, Place as Admission, Places, Transcriber, TranscriptSegment, TranscriptionEvent, TranscriptionRequest,
        parse::Audio,
    },
    error::{Error, Result},
    features::accounts::Principal,
};

/// Recordings that are sent, wait or are heard at the same time. Each takes disk: 256 MiB as it came, then 2 MB for each of
/// its minutes; memory does not grow with them.
const MOST_RECORDINGS: usize = 16;
/// Of them, so many may be one person's.
const MOST_OF_ONE: usize = MOST_RECORDINGS / 2;
/// As the engine knows everybody: recordings have a line of their own.
const EVERYBODY: &str = "speech";
/// The shortest that can hold a word.
const LEAST_MILLISECONDS: u64 = 100;
/// Loudness below which a recording is silence: −60 dB of full scale.
const SILENCE: f32 = 0.001;
/// The longest text that a recording may be heard as a continuation of.
const MOST_PROMPT_CHARACTERS: usize = 2000;

/// The model that hears.
#[derive(Clone)]
pub struct SpeechModel {
    /// Its catalogue id.
    pub id: String,
    pub engine: Arc<dyn Transcriber>,
}

/// How a recording is to be heard.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listening {
    /// ISO 639-1; detected when absent.
    pub language: Option<String>,
    /// Whether each word's times are wanted; they take a little longer.
    pub words: bool,
    /// What was said or written before, or names that come up: the transcript is spelled like it.
    pub prompt: Option<String>,
    /// 0 to 1. 0 takes the likeliest words and tries others only where the outcome is poor.
    pub temperature: f32,
}

impl From<Option<String>> for Listening {
    fn from(language: Option<String>) -> Self {
        Self { language, ..Self::default() }
    }
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
    /// The same segments as the engine tells of them: with words, when they were asked for, and figures.
    #[serde(skip)]
    pub heard: Vec<TranscriptSegment>,
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
    places: Arc<Places>,
    line: Arc<Line>,
}

impl SpeechService {
    /// Uploads are buffered in `uploads`, a folder that exists. Recordings of more than `max_minutes` are refused.
    pub fn new(decoder: Arc<dyn AudioDecoder>, model: watch::Receiver<Option<SpeechModel>>, uploads: PathBuf, max_minutes: u16) -> Self {
        let max_milliseconds = u64::from(max_minutes) * 60 * 1000;
        Self { decoder, model, uploads, max_milliseconds, places: Places::new(MOST_RECORDINGS, MOST_OF_ONE), line: Line::new() }
    }

    /// A place for one more recording, held until it is heard; an error when all are taken, or half of them by this person.
    pub(in crate::features::speech) fn admit(&self, principal: &Principal) -> Result<Admission> {
        let place = if principal.has_account() { self.places.take(&principal.asker()) } else { self.places.take_unnamed() };
        place.map_err(|retry_after| Error::Busy { retry_after })
    }

    /// A file of no name to put an upload into; it is gone when it is closed.
    pub(in crate::features::speech) fn buffer(&self) -> Result<File> {
        tempfile::tempfile_in(&self.uploads).map_err(disk_error)
    }

    /// Hears a recording. Errors about the recording name the field `file`. Dropping the future stops the work.
    pub async fn transcribe(&self, recording: File, listening: impl Into<Listening>, progress: &Progress) -> Result<Transcription> {
        let model = self.model.borrow().clone().ok_or_else(|| Error::Unavailable {
            what: "no speech model is ready yet; see /readyz".into(),
            retry_after: Duration::from_secs(5),
        })?;
        self.transcribe_with(model, recording, listening.into(), progress).await
    }

    /// As [`Self::transcribe`], by a model of the caller's choice.
    pub async fn transcribe_with(
        &self,
        model: SpeechModel,
        recording: File,
        listening: Listening,
        progress: &Progress,
    ) -> Result<Transcription> {
        let listening = check_listening(listening)?;
        let turn = turn(self.line.join(), progress);
        let ((audio, samples), _turn) = tokio::try_join!(self.decode(recording), turn)?;
        let Listening { language, words, prompt, temperature } = listening;
        let request = TranscriptionRequest { samples: audio.samples, language, words, prompt, temperature };
        let mut events = model.engine.transcribe(request, samples, Asker::named(EVERYBODY));
        let mut heard = Vec::new();
        while let Some(event) = events.recv().await {
            match event? {
                TranscriptionEvent::Progress { .. } => {}
                TranscriptionEvent::Segment(segment) => {
                    tell(progress, SpeechEvent::Segment(Segment::of(&segment))).await;
                    heard.push(segment);
                }
                TranscriptionEvent::Finished { language, .. } => return transcript(heard, language, audio),
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

impl Segment {
    fn of(segment: &TranscriptSegment) -> Self {
        let TranscriptSegment { start_milliseconds, end_milliseconds, text, .. } = segment;
        Self { start_ms: *start_milliseconds, end_ms: *end_milliseconds, text: text.clone() }
    }
}

fn check_listening(listening: Listening) -> Result<Listening> {
    if !(0.0..=1.0).contains(&listening.temperature) {
        return Err(Error::invalid("temperature", "lies between 0 and 1"));
    }
    if listening.prompt.as_ref().is_some_and(|prompt| prompt.chars().count() > MOST_PROMPT_CHARACTERS) {
        return Err(Error::invalid("prompt", format!("is longer than {MOST_PROMPT_CHARACTERS} characters")));
    }
    let language = listening.language.as_deref().map(known_language).transpose()?;
    Ok(Listening { language, ..listening })
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

fn transcript(heard: Vec<TranscriptSegment>, language: String, audio: Audio) -> Result<Transcription> {
    if heard.is_empty() {
        return Err(Error::invalid("file", "no speech was found in the recording"));
    }
    let segments: Vec<_> = heard.iter().map(Segment::of).collect();
    let text = segments.iter().map(|segment| segment.text.as_str()).collect::<Vec<_>>().join(" ");
    let (duration_ms, source_format) = (audio.duration_milliseconds, audio.source_format);
    Ok(Transcription { text, language, duration_ms, source_format, segments, heard })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audio(loudness: f32) -> Audio {
        Audio { samples: 16_000, duration_milliseconds: 1000, loudness, gain: 1.0, source_format: "wav".into() }
    }

    #[test]
    fn a_recording_without_speech_is_named_and_segments_become_a_text() {
        let error = transcript(Vec::new(), "en".into(), audio(0.1)).unwrap_err();
        assert!(error.to_string().contains("no speech"), "{error}");
        let said = ["I was", "flying."].map(|text| TranscriptSegment { text: text.into(), ..TranscriptSegment::default() });
        let transcription = transcript(said.to_vec(), "en".into(), audio(0.1)).unwrap();
        assert_eq!((transcription.text.as_str(), transcription.segments.len()), ("I was flying.", 2));
    }

    #[test]
    fn what_whisper_cannot_be_asked_is_refused_by_its_name() {
        let listening = Listening::default;
        for (name, refused) in [
            ("temperature", Listening { temperature: 1.5, ..listening() }),
            ("temperature", Listening { temperature: f32::NAN, ..listening() }),
            ("prompt", Listening { prompt: Some("a".repeat(2001)), ..listening() }),
            ("language", Some("klingon".to_owned()).into()),
        ] {
            let error = check_listening(refused).unwrap_err();
            assert!(matches!(&error, Error::Invalid { .. }) && format!("{error:?}").contains(name), "{error:?}");
        }
        assert_eq!(check_listening(Some(" RU".to_owned()).into()).unwrap().language.as_deref(), Some("ru"));
    }

    #[test]
    fn silence_is_named() {
        assert!(check(&audio(0.0)).unwrap_err().to_string().contains("silent"));
        assert!(check(&audio(f32::NAN)).is_err());
        assert!(check(&audio(0.1)).is_ok());
    }
}
