//! Speech to text through whisper.cpp.
//!
//! A recording is read piece by piece ([`pieces`]); whisper.cpp cuts each into windows of 30 seconds itself. Segments leave
//! as soon as it has found them.
//! Only `whisper_*` functions may be called from Rust: whisper-rs' own `ggml_*` bindings would reach llama.cpp's ggml.

mod pieces;

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    fs::File,
    ops::Range,
    os::fd::OwnedFd,
    path::Path,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
};

use whisper_rs::{
    FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperState, WhisperSysContext, WhisperSysState,
    whisper_rs_sys as native,
};

use self::pieces::{Piece, Pieces};
use super::{ModelFacts, Reply, Worker};
use crate::engine::{
    EngineError, EngineOptions, TranscriptSegment, TranscriptionEvent, TranscriptionRequest,
    wire::{Event, Request},
};

pub use pieces::LONGEST_PIECE;

const SAMPLES_PER_SECOND: usize = 16_000;
/// Below this loudness (root mean square of the loudest tenth of a second, −60 dB) there is nothing to hear.
const SILENCE: f32 = 0.001;
/// Whisper makes words up where nobody speaks and says so: such segments are dropped.
const NO_SPEECH: f32 = 0.8;
/// Shorter audio is filled up with silence: whisper.cpp refuses less than a tenth of a second.
const MIN_SAMPLES: usize = SAMPLES_PER_SECOND;
/// How much of the audio tells its language, and the encoder positions (50 a second) for that much.
const DETECTION_SECONDS: usize = 10;
const DETECTION_POSITIONS: c_int = 512;

/// Loads a Whisper model in ggml's format.
pub fn load(model: &Path, options: &EngineOptions, loading: &dyn Fn(f32)) -> Result<(Box<dyn Worker>, ModelFacts), EngineError> {
    hook_log();
    loading(0.0);
    let mut parameters = WhisperContextParameters::default();
    parameters.use_gpu(options.gpu_layers > 0);
    let context = WhisperContext::new_with_params(model, parameters)
        .map_err(|error| EngineError::Failed(format!("whisper.cpp could not load {}: {error}", model.display())))?;
    let state = new_state(&context)?;
    loading(1.0);
    let transcriber = WhisperTranscriber { context, state, detector: None, threads: c_int::from(options.threads.max(1)) };
    Ok((Box::new(transcriber), ModelFacts::default()))
}

struct WhisperTranscriber {
    context: WhisperContext,
    state: WhisperState,
    /// A second state whose encoder looks at ten seconds instead of thirty; made when first needed.
    detector: Option<WhisperState>,
    threads: c_int,
}

impl Worker for WhisperTranscriber {
    fn serve(&mut self, request: Request, descriptors: Vec<OwnedFd>, reply: &Reply) -> Result<(), EngineError> {
        let Request::Transcribe(request) = request else {
            return Err(EngineError::InvalidRequest("a speech model only transcribes".into()));
        };
        let recording = descriptors.into_iter().next();
        let recording = recording.ok_or_else(|| EngineError::InvalidRequest("the request came without a recording".into()))?;
        self.transcribe(request, recording.into(), reply)
    }
}

impl WhisperTranscriber {
    fn transcribe(&mut self, request: TranscriptionRequest, recording: File, reply: &Reply) -> Result<(), EngineError> {
        if request.samples == 0 {
            return Err(EngineError::InvalidRequest("the recording is empty".into()));
        }
        let mut language = request.language.map(|language| self.known_language(&language)).transpose()?;
        let duration_milliseconds = milliseconds(request.samples);
        let mut pieces = Pieces::new(recording, request.samples);
        while let Some(Piece { start, mut samples }) = pieces.next()? {
            let end = start + samples.len() as u64;
            if let Some(speech) = first_sound(&samples) {
                samples.resize(samples.len().max(MIN_SAMPLES), 0.0);
                let known = match language {
                    Some(language) => language,
                    None => *language.insert(self.detect(&samples[speech..])?),
                };
                if reply.is_cancelled() || !self.run(known, &samples, milliseconds(start)..milliseconds(end), reply)? {
                    return Ok(());
                }
            }
            reply.send(Event::Transcription(TranscriptionEvent::Progress { milliseconds: milliseconds(end) }))?;
        }
        let language = language.unwrap_or("und").to_owned();
        reply.send(Event::Transcription(TranscriptionEvent::Finished { language, duration_milliseconds }))
    }

    /// Transcribes one piece, which lies at these milliseconds of the recording, and sends segments; false when cancelled.
    fn run(&mut self, language: &'static str, samples: &[f32], place: Range<u64>, reply: &Reply) -> Result<bool, EngineError> {
        let mut parameters = quiet_parameters(self.threads, language);
        let mut listener = Listener { reply, place, failure: None };
        // SAFETY: the callbacks match whisper.cpp's types. `listener` and the cancel flag outlive the call to `full`,
        // the only one that uses them, and nothing else touches `listener` while it runs: callbacks come on this thread,
        // or, for the flag, from threads that end before `full` returns.
        unsafe {
            parameters.set_progress_callback(Some(on_progress));
            parameters.set_progress_callback_user_data((&raw mut listener).cast());
            parameters.set_new_segment_callback(Some(on_segments));
            parameters.set_new_segment_callback_user_data((&raw mut listener).cast());
            parameters.set_abort_callback(Some(is_cancelled));
            parameters.set_abort_callback_user_data(std::ptr::from_ref(reply.cancel_flag()).cast_mut().cast());
        }
        let outcome = self.state.full(parameters, samples);
        if let Some(error) = listener.failure {
            return Err(error);
        }
        if reply.is_cancelled() {
            return Ok(false);
        }
        outcome.map(|()| true).map_err(|error| EngineError::Failed(format!("whisper.cpp could not transcribe: {error}")))
    }

    fn known_language(&self, language: &str) -> Result<&'static str, EngineError> {
        let unknown = || EngineError::InvalidRequest(format!("Whisper knows no language {language:?}"));
        // Two or three letters: whisper.cpp's own look-up would also take English names, and a NUL would stop it.
        if !(2..=3).contains(&language.len()) || !language.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return Err(unknown());
        }
        let id = whisper_rs::get_lang_id(language).ok_or_else(unknown)?;
        let language = whisper_rs::get_lang_str(id).ok_or_else(unknown)?;
        if language != "en" && !self.context.is_multilingual() {
            return Err(EngineError::InvalidRequest("this speech model knows English only".into()));
        }
        Ok(language)
    }

    fn detect(&mut self, samples: &[f32]) -> Result<&'static str, EngineError> {
        if !self.context.is_multilingual() {
            return Ok("en");
        }
        let failed = |error: whisper_rs::WhisperError| EngineError::Failed(format!("the language could not be detected: {error}"));
        if self.detector.is_none() {
            self.detector = Some(self.new_detector()?);
        }
        let detector = self.detector.as_mut().ok_or_else(|| EngineError::Failed("there is no language detector".into()))?;
        let threads = usize::try_from(self.threads).unwrap_or(1);
        let mut beginning = samples[..samples.len().min(DETECTION_SECONDS * SAMPLES_PER_SECOND)].to_vec();
        beginning.resize(beginning.len().max(MIN_SAMPLES), 0.0);
        detector.pcm_to_mel(&beginning, threads).map_err(failed)?;
        let (id, _) = detector.lang_detect(0, threads).map_err(failed)?;
        whisper_rs::get_lang_str(id).ok_or_else(|| EngineError::Failed(format!("Whisper has no language number {id}")))
    }

    /// A state keeps the encoder length of its last run, and detection has no parameter for it: one short run sets it.
    fn new_detector(&self) -> Result<WhisperState, EngineError> {
        let mut detector = new_state(&self.context)?;
        let mut parameters = quiet_parameters(self.threads, "en");
        parameters.set_audio_ctx(DETECTION_POSITIONS.min(self.context.n_audio_ctx()));
        parameters.set_max_tokens(1);
        parameters.set_temperature_inc(0.0);
        detector
            .full(parameters, &vec![0.0; MIN_SAMPLES])
            .map_err(|error| EngineError::Failed(format!("the language detector could not be made: {error}")))?;
        Ok(detector)
    }
}

fn new_state(context: &WhisperContext) -> Result<WhisperState, EngineError> {
    context.create_state().map_err(|error| EngineError::Failed(format!("no memory to transcribe with: {error}")))
}

fn quiet_parameters<'a>(threads: c_int, language: &'static str) -> FullParams<'a, 'a> {
    let mut parameters = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
    parameters.set_n_threads(threads);
    parameters.set_language(Some(language));
    parameters.set_no_context(true);
    parameters.set_suppress_nst(true);
    parameters.set_print_special(false);
    parameters.set_print_progress(false);
    parameters.set_print_realtime(false);
    parameters.set_print_timestamps(false);
    parameters
}

/// Where the first tenth of a second with any sound begins.
fn first_sound(samples: &[f32]) -> Option<usize> {
    let window = SAMPLES_PER_SECOND / 10;
    samples.chunks(window).position(|samples| loudness(samples) >= SILENCE).map(|index| index * window)
}

/// Root mean square.
fn loudness(samples: &[f32]) -> f32 {
    (samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32).sqrt()
}

fn milliseconds(samples: u64) -> u64 {
    samples * 1000 / SAMPLES_PER_SECOND as u64
}

/// What the segment callback needs.
struct Listener<'a> {
    reply: &'a Reply,
    /// Where the piece lies in the recording, in milliseconds.
    place: Range<u64>,
    failure: Option<EngineError>,
}

/// Called before each window. Noise brings no segments: this shows the server that the engine works on.
unsafe extern "C" fn on_progress(_: *mut WhisperSysContext, _: *mut WhisperSysState, percent: c_int, listener: *mut c_void) {
    // SAFETY: as in `on_segments`.
    let listener = unsafe { &mut *listener.cast::<Listener<'_>>() };
    let length = listener.place.end - listener.place.start;
    let milliseconds = listener.place.start + length * u64::try_from(percent).unwrap_or(0).min(100) / 100;
    if listener.failure.is_none() {
        listener.failure = listener.reply.send(Event::Transcription(TranscriptionEvent::Progress { milliseconds })).err();
    }
}

unsafe extern "C" fn on_segments(_: *mut WhisperSysContext, state: *mut WhisperSysState, fresh: c_int, listener: *mut c_void) {
    // SAFETY: `run` passes its listener, which outlives the call to `full`, and uses it only afterwards.
    let listener = unsafe { &mut *listener.cast::<Listener<'_>>() };
    // SAFETY: whisper.cpp passes its own live state.
    let count = unsafe { native::whisper_full_n_segments_from_state(state) };
    for index in (count - fresh).max(0)..count {
        // SAFETY: the index is below the number of segments of this state.
        let segment = unsafe { read_segment(state, index, &listener.place) };
        if listener.failure.is_some() || !segment.text.contains(char::is_alphanumeric) || segment.no_speech_probability > NO_SPEECH {
            continue;
        }
        listener.failure = listener.reply.send(Event::Transcription(TranscriptionEvent::Segment(segment))).err();
    }
}

/// # Safety
/// `state` is live and has a segment of that index.
unsafe fn read_segment(state: *mut WhisperSysState, index: c_int, place: &Range<u64>) -> TranscriptSegment {
    // whisper.cpp counts hundredths of a second.
    let milliseconds = |hundredths: i64| (place.start + u64::try_from(hundredths * 10).unwrap_or(0)).min(place.end);
    // SAFETY: as this function's own; the text is a string that lives as long as the segment.
    unsafe {
        let text = CStr::from_ptr(native::whisper_full_get_segment_text_from_state(state, index));
        TranscriptSegment {
            start_milliseconds: milliseconds(native::whisper_full_get_segment_t0_from_state(state, index)),
            end_milliseconds: milliseconds(native::whisper_full_get_segment_t1_from_state(state, index)),
            text: text.to_string_lossy().trim().to_owned(),
            no_speech_probability: native::whisper_full_get_segment_no_speech_prob_from_state(state, index),
        }
    }
}

unsafe extern "C" fn is_cancelled(flag: *mut c_void) -> bool {
    // SAFETY: `run` passes the reply's flag, which outlives the call to `full`.
    unsafe { &*flag.cast::<AtomicBool>() }.load(Ordering::Relaxed)
}

/// Sends what whisper.cpp warns of to standard error; the rest is noise.
fn hook_log() {
    static HOOK: Once = Once::new();
    // SAFETY: the callback has whisper.cpp's signature, lives for ever and needs no user data.
    HOOK.call_once(|| unsafe { native::whisper_log_set(Some(log_to_stderr), std::ptr::null_mut()) });
}

unsafe extern "C" fn log_to_stderr(level: native::ggml_log_level, text: *const c_char, _: *mut c_void) {
    let serious = matches!(level, native::ggml_log_level_GGML_LOG_LEVEL_WARN | native::ggml_log_level_GGML_LOG_LEVEL_ERROR);
    if serious && !text.is_null() {
        // SAFETY: whisper.cpp passes a NUL-terminated string that outlives the call.
        let text = unsafe { CStr::from_ptr(text) };
        eprint!("{}", text.to_string_lossy());
    }
}

#[cfg(test)]
mod tests;
