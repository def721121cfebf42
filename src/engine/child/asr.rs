//! Speech to text through whisper.cpp.
//!
//! A recording is read piece by piece ([`pieces`]); in each, speech is found ([`speech`]) and put together to windows
//! ([`windows`]), of which several are heard at once ([`lanes`]). A window that was heard poorly ([`hearing`]) is heard again
//! in other ways, and what nobody said is left out ([`guards`]).
//! Only `whisper_*` functions may be called from Rust: whisper-rs' own `ggml_*` bindings would reach llama.cpp's ggml.

mod guards;
mod hearing;
mod lanes;
mod pieces;
mod speech;
mod weights;
mod windows;
mod words;

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    fs::File,
    os::fd::OwnedFd,
    path::Path,
    sync::Once,
};

use whisper_rs::{WhisperContext, WhisperContextParameters, WhisperState, whisper_rs_sys as native};

use self::{
    hearing::Heard,
    lanes::{Hearing, Listener, hear_windows},
    pieces::{Piece, Pieces},
    speech::Speech,
    windows::{Window, windows},
    words::Word,
};
use super::{ModelFacts, Reply, Worker};
use crate::engine::{
    EngineError, EngineOptions, TranscriptSegment, TranscriptWord, TranscriptionEvent, TranscriptionRequest,
    wire::{Event, Request},
};

pub use pieces::LONGEST_PIECE;

const SAMPLES_PER_SECOND: usize = 16_000;
/// Bytes of a prompt that are used: about as many as Whisper has tokens for.
const MOST_PROMPT_BYTES: usize = 1000;
/// What is taken for the language until something was heard.
const FIRST_GUESS: &str = "en";
/// Windows that are heard at once, if there are as many threads: two on two threads take 0.75 of the time, and each takes
/// memory of its own.
const MOST_LANES: usize = 2;

/// Loads a Whisper model in ggml's format.
pub fn load(model: &Path, options: &EngineOptions, loading: &dyn Fn(f32)) -> Result<(Box<dyn Worker>, ModelFacts), EngineError> {
    hook_log();
    loading(0.0);
    let on_gpu = options.gpu_layers > 0;
    let mut parameters = WhisperContextParameters::default();
    parameters.use_gpu(on_gpu);
    // On a processor, ours ([`super::kernels`]).
    parameters.flash_attn(true);
    let in_8_bits = if on_gpu { None } else { weights::in_8_bits(model) };
    let context = match in_8_bits {
        Some(weights) => WhisperContext::new_from_buffer_with_params(&weights, parameters),
        None => WhisperContext::new_with_params(model, parameters),
    };
    let context = context.map_err(|error| EngineError::Failed(format!("whisper.cpp could not load {}: {error}", model.display())))?;
    // Whether there is memory for one is better known now.
    drop(new_state(&context)?);
    loading(1.0);
    let lanes = if on_gpu { 1 } else { usize::from(options.threads).clamp(1, MOST_LANES) };
    let transcriber =
        WhisperTranscriber { context, states: Vec::new(), lanes, threads: c_int::from(options.threads.max(1)), guess: FIRST_GUESS };
    Ok((Box::new(transcriber), ModelFacts::default()))
}

struct WhisperTranscriber {
    context: WhisperContext,
    /// Of the recording that is heard: one at first, the others when they are needed. New ones for every recording: whisper.cpp
    /// draws the candidates of its beams by lot, and only a new state draws the same ones again.
    states: Vec<WhisperState>,
    lanes: usize,
    threads: c_int,
    /// The language that was heard last: those who use one appliance mostly speak the same.
    guess: &'static str,
}

/// What is being transcribed.
struct Task {
    words: bool,
    temperature: f32,
    prompt: Vec<c_int>,
    /// `None` until it was given or heard.
    language: Option<&'static str>,
    segments: u32,
}

impl Worker for WhisperTranscriber {
    fn serve(&mut self, request: Request, descriptors: Vec<OwnedFd>, reply: &Reply) -> Result<(), EngineError> {
        let Request::Transcribe(request) = request else {
            return Err(EngineError::InvalidRequest("a speech model only transcribes".into()));
        };
        let recording = descriptors.into_iter().next();
        let recording = recording.ok_or_else(|| EngineError::InvalidRequest("the request came without a recording".into()))?;
        let outcome = self.transcribe(&request, recording.into(), reply);
        self.states.clear();
        give_memory_back();
        outcome
    }
}

/// What a recording took goes back to the system: the allocator would keep some 250 MiB of it, and others each time.
fn give_memory_back() {
    // SAFETY: the allocator's own call, which takes its locks; it touches nothing that is in use.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0)
    };
}

impl WhisperTranscriber {
    fn transcribe(&mut self, request: &TranscriptionRequest, recording: File, reply: &Reply) -> Result<(), EngineError> {
        let mut task = self.task(request)?;
        self.states = vec![new_state(&self.context)?];
        let mut pieces = Pieces::new(recording, request.samples);
        while let Some(piece) = pieces.next()? {
            if !self.hear_piece(&piece, &mut task, reply)? {
                return Ok(());
            }
            progress(piece.start + piece.samples.len() as u64, reply)?;
        }
        let language = task.language.unwrap_or("und").to_owned();
        let duration_milliseconds = milliseconds(request.samples);
        reply.send(Event::Transcription(TranscriptionEvent::Finished { language, duration_milliseconds }))
    }

    /// False when cancelled.
    fn hear_piece(&mut self, piece: &Piece, task: &mut Task, reply: &Reply) -> Result<bool, EngineError> {
        let windows = windows(&Speech::find(&piece.samples));
        let mut windows = windows.as_slice();
        let mut segments = task.segments;
        let mut send = |heard: Vec<(Window, Heard)>| {
            heard.into_iter().try_for_each(|(window, heard)| {
                let end = window.end() as u64;
                send_segments(heard, &window, piece.start, &mut segments, reply)?;
                progress(piece.start + end, reply)
            })
        };
        if task.language.is_none()
            && let Some((first, others)) = windows.split_first()
        {
            let Some(heard) = self.hear_in_any_language(first, piece, task, reply)? else { return Ok(false) };
            send(heard)?;
            windows = others;
        }
        while self.states.len() < self.lanes.min(windows.len()) {
            self.states.push(new_state(&self.context)?);
        }
        let Self { context, states, threads, .. } = self;
        let language = task.language.unwrap_or(FIRST_GUESS);
        let listener = Listener { context, task, language, piece: &piece.samples, cancelled: reply.cancel_flag() };
        let finished = hear_windows(&listener, states, *threads, windows, &mut send)?;
        task.segments = segments;
        Ok(finished)
    }

    /// Hears a window as if it were in the language that was heard last, and again where it was not.
    fn hear_in_any_language(&mut self, window: &Window, piece: &Piece, task: &mut Task, reply: &Reply) -> Hearing {
        let Self { context, states, threads, guess, .. } = self;
        let state = states.first_mut().ok_or_else(|| EngineError::Failed("there is nothing to transcribe with".into()))?;
        let listener = Listener { context, task, language: guess, piece: &piece.samples, cancelled: reply.cancel_flag() };
        let (hearing, language) = listener.hear_any_language(state, *threads, window)?;
        *guess = language;
        task.language = Some(language);
        hearing
    }

    fn task(&self, request: &TranscriptionRequest) -> Result<Task, EngineError> {
        if request.samples == 0 {
            return Err(EngineError::InvalidRequest("the recording is empty".into()));
        }
        if !(0.0..=1.0).contains(&request.temperature) {
            return Err(EngineError::InvalidRequest("the temperature lies between 0 and 1".into()));
        }
        let given = request.language.as_deref().map(|language| self.known_language(language)).transpose()?;
        let language = given.or_else(|| (!self.context.is_multilingual()).then_some("en"));
        let prompt = request.prompt.as_deref().map(|prompt| self.tokens(prompt)).transpose()?.unwrap_or_default();
        Ok(Task { words: request.words, temperature: request.temperature, prompt, language, segments: 0 })
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

    /// The prompt's last tokens; what comes before them Whisper could not see.
    fn tokens(&self, prompt: &str) -> Result<Vec<c_int>, EngineError> {
        let prompt: String = prompt.chars().filter(|character| *character != '\0').collect();
        let start = prompt.ceil_char_boundary(prompt.len().saturating_sub(MOST_PROMPT_BYTES));
        // A token is a byte at least: there is room for all of them. whisper-rs reads past its buffer where there is not.
        let tokens = self.context.tokenize(&prompt[start..], MOST_PROMPT_BYTES + 1);
        tokens.map_err(|error| EngineError::InvalidRequest(format!("the prompt cannot be read: {error}")))
    }
}

fn new_state(context: &WhisperContext) -> Result<WhisperState, EngineError> {
    context.create_state().map_err(|error| EngineError::Failed(format!("no memory to transcribe with: {error}")))
}

/// Sends what was heard in a window of the piece that begins at `start`, counting up `id`.
fn send_segments(heard: Heard, window: &Window, start: u64, id: &mut u32, reply: &Reply) -> Result<(), EngineError> {
    let begins = |sample| milliseconds(start + window.start_of(sample) as u64);
    let ends = |sample| milliseconds(start + window.end_of(sample) as u64);
    for segment in heard.segments {
        let in_recording = |word: Word| TranscriptWord {
            start_milliseconds: begins(word.start),
            end_milliseconds: ends(word.end).max(begins(word.start)),
            text: word.text,
            probability: word.probability,
        };
        let start_milliseconds = begins(segment.start);
        reply.send(Event::Transcription(TranscriptionEvent::Segment(TranscriptSegment {
            id: *id,
            start_milliseconds,
            end_milliseconds: ends(segment.end).max(start_milliseconds),
            window_milliseconds: begins(0),
            text: segment.text,
            tokens: segment.tokens,
            temperature: heard.temperature,
            average_log_probability: heard.average_log_probability,
            compression_ratio: heard.compression_ratio,
            no_speech_probability: heard.no_speech_probability,
            words: segment.words.into_iter().map(in_recording).collect(),
        })))?;
        *id += 1;
    }
    Ok(())
}

fn progress(samples: u64, reply: &Reply) -> Result<(), EngineError> {
    reply.send(Event::Transcription(TranscriptionEvent::Progress { milliseconds: milliseconds(samples) }))
}

/// Root mean square.
fn loudness(samples: &[f32]) -> f32 {
    (samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32).sqrt()
}

fn milliseconds(samples: u64) -> u64 {
    samples * 1000 / SAMPLES_PER_SECOND as u64
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
        let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
        // That a window ends after one run of the encoder is what is wanted.
        if !text.contains("encoder_begin_callback") {
            eprint!("{text}");
        }
    }
}

#[cfg(test)]
mod tests;
