//! One run of whisper.cpp over one window.

use std::{
    ffi::{c_int, c_void},
    sync::atomic::{AtomicBool, Ordering},
};

use whisper_rs::{FullParams, SamplingStrategy, WhisperContext, WhisperState, WhisperSysContext, WhisperSysState};

use super::{
    SAMPLES_PER_SECOND, guards,
    words::{Token, Word, words},
};
use crate::engine::EngineError;

/// Samples of one of the encoder's positions.
const POSITION: usize = 320;
/// What the encoder hears after the end of a shorter window. Trained on half a minute whatever was said in it, Whisper
/// repeats itself when the sound ends with the last word.
const MARGIN: usize = 64;
const LEAST_POSITIONS: usize = 512;
/// whisper.cpp attends to so many positions at a time, of which the last, where the sound has fewer, would be those of what
/// the state heard before.
const ROUND_POSITIONS: usize = 256;
/// Shorter audio is filled up with silence: whisper.cpp refuses less than a tenth of a second.
const MIN_SAMPLES: usize = SAMPLES_PER_SECOND;
/// Whisper's tokens for a second of fast speech in a script that takes many, and for a window's frame. They bound how long
/// a loop goes on.
const TOKENS_A_SECOND: usize = 20;
const TOKENS_OF_FRAME: usize = 16;

/// Texts of a window that are followed at once. The likeliest next word is often not that of the likeliest sentence: of 2,432
/// words following one alone is wrong in 100, five in 75 to 87, as sums are rounded one way or another.
const BEAMS: c_int = 5;

/// How the words of a window are found.
#[derive(Clone, Copy, PartialEq)]
pub enum Search {
    /// Several texts are followed at once. The one that is likeliest by its words' average wins, be it short.
    Beams,
    /// The likeliest word follows; above 0, one by chance.
    Temperature(f32),
}

impl Search {
    fn temperature(self) -> f32 {
        match self {
            Self::Beams => 0.0,
            Self::Temperature(temperature) => temperature,
        }
    }

    fn strategy(self) -> SamplingStrategy {
        match self {
            Self::Beams => SamplingStrategy::BeamSearch { beam_size: BEAMS, patience: -1.0 },
            Self::Temperature(_) => SamplingStrategy::Greedy { best_of: 1 },
        }
    }
}

/// How a window is to be heard.
pub struct Manner<'a> {
    pub threads: c_int,
    pub language: &'static str,
    pub search: Search,
    /// Encoder positions; `None` is all, half a minute, and takes a state that heard nothing before: they are no multiple of
    /// [`ROUND_POSITIONS`].
    pub positions: Option<c_int>,
    pub words: bool,
    /// Tokens that come before the window's own.
    pub prompt: &'a [c_int],
}

/// What was heard in a window.
#[derive(Debug, Default)]
pub struct Heard {
    pub segments: Vec<HeardSegment>,
    /// What the window sounds most like, whatever it was heard as.
    pub language: Option<&'static str>,
    pub temperature: f32,
    pub average_log_probability: f32,
    pub no_speech_probability: f32,
    pub compression_ratio: f32,
    /// The window was not heard beyond this sample of it.
    pub unheard_from: Option<usize>,
}

/// Times are samples of the window.
#[derive(Debug, Default)]
pub struct HeardSegment {
    pub start: usize,
    pub end: usize,
    pub text: String,
    /// Of its text alone, without marks of time.
    pub tokens: Vec<u32>,
    pub words: Vec<Word>,
}

/// How many encoder positions so many samples take; `None` where it is as good as all.
pub fn positions(samples: usize, all: c_int) -> Option<c_int> {
    let needed = (samples.div_ceil(POSITION) + MARGIN).max(LEAST_POSITIONS).next_multiple_of(ROUND_POSITIONS);
    c_int::try_from(needed).ok().filter(|needed| *needed < all)
}

/// Hears one window. `None`: cancelled.
pub fn hear(
    context: &WhisperContext,
    state: &mut WhisperState,
    samples: &[f32],
    manner: &Manner<'_>,
    cancelled: &AtomicBool,
) -> Result<Option<Heard>, EngineError> {
    let mut parameters = parameters(manner, samples.len());
    let mut watch = Watch { cancelled, begun: false, wants_more: false };
    // SAFETY: the callbacks match whisper.cpp's types. `watch` and the cancel flag outlive the call to `full`, the only one
    // that uses them, and nothing else touches `watch` while it runs: `may_encode` is called on this thread, and `is_cancelled`,
    // which other threads may call, reads the flag alone.
    unsafe {
        parameters.set_start_encoder_callback(Some(may_encode));
        parameters.set_start_encoder_callback_user_data((&raw mut watch).cast());
        parameters.set_abort_callback(Some(is_cancelled));
        parameters.set_abort_callback_user_data(std::ptr::from_ref(cancelled).cast_mut().cast());
    }
    let padded: Vec<f32>;
    let mut audible = samples;
    if samples.len() < MIN_SAMPLES {
        padded = samples.iter().copied().chain(std::iter::repeat(0.0)).take(MIN_SAMPLES).collect();
        audible = &padded;
    }
    let outcome = state.full(parameters, audible);
    if cancelled.load(Ordering::Relaxed) {
        return Ok(None);
    }
    outcome.map_err(|error| EngineError::Failed(format!("whisper.cpp could not transcribe: {error}")))?;
    let mut heard = read(context, state, samples, manner, watch.wants_more);
    (heard.language, heard.no_speech_probability) = first_token(context, state, manner.threads)?;
    Ok(Some(heard))
}

fn parameters<'a>(manner: &Manner<'a>, samples: usize) -> FullParams<'a, 'a> {
    let mut parameters = FullParams::new(manner.search.strategy());
    parameters.set_n_threads(manner.threads);
    parameters.set_language(Some(manner.language));
    parameters.set_no_context(true);
    parameters.set_tokens(manner.prompt);
    parameters.set_suppress_nst(true);
    parameters.set_temperature(manner.search.temperature());
    // What comes after a poor hearing is decided here, not there.
    parameters.set_temperature_inc(0.0);
    parameters.set_audio_ctx(manner.positions.unwrap_or(0));
    parameters.set_token_timestamps(manner.words);
    let most_tokens = TOKENS_OF_FRAME + samples * TOKENS_A_SECOND / SAMPLES_PER_SECOND;
    parameters.set_max_tokens(c_int::try_from(most_tokens).unwrap_or(c_int::MAX));
    parameters.set_print_special(false);
    parameters.set_print_progress(false);
    parameters.set_print_realtime(false);
    parameters.set_print_timestamps(false);
    parameters
}

fn read(context: &WhisperContext, state: &WhisperState, samples: &[f32], manner: &Manner<'_>, wants_more: bool) -> Heard {
    let end_of_text = context.token_eot();
    let mut heard = Heard { temperature: manner.search.temperature(), ..Heard::default() };
    let (mut log_probability, mut count) = (0.0, 0_u16);
    for segment in state.as_iter() {
        let (mut tokens, mut numbers) = (Vec::new(), Vec::new());
        for token in (0..segment.n_tokens()).filter_map(|index| segment.get_token(index)) {
            let data = token.token_data();
            log_probability += data.plog;
            count = count.saturating_add(1);
            if data.id < end_of_text {
                numbers.extend(u32::try_from(data.id));
            }
            if manner.words && data.id < end_of_text {
                let bytes = token.to_bytes().unwrap_or_default().to_vec();
                tokens.push(Token { bytes, start: hundredths(data.t0), end: hundredths(data.t1), probability: data.p });
            }
        }
        let start = hundredths(segment.start_timestamp()).min(samples.len());
        let end = hundredths(segment.end_timestamp()).clamp(start, samples.len());
        let text = segment.to_str_lossy().unwrap_or_default().trim().to_owned();
        let words = words(&tokens, manner.language, start..end, samples);
        heard.segments.push(HeardSegment { start, end, text, tokens: numbers, words });
    }
    heard.average_log_probability = log_probability / f32::from(count.max(1));
    let texts: Vec<_> = heard.segments.iter().map(|segment| segment.text.as_str()).collect();
    heard.compression_ratio = guards::compression_ratio(&texts.join(" "));
    heard.unheard_from = heard.segments.last().filter(|_| wants_more).map(|segment| segment.end);
    // Nobody spoke in the silence after the end.
    heard.segments.retain(|segment| segment.start < samples.len() && !segment.text.is_empty());
    heard
}

/// whisper.cpp counts hundredths of a second.
fn hundredths(count: i64) -> usize {
    usize::try_from(count).unwrap_or(0) * (SAMPLES_PER_SECOND / 100)
}

/// What the callback before an encoder's run needs.
struct Watch<'a> {
    cancelled: &'a AtomicBool,
    begun: bool,
    /// Whisper would have gone on from within the window.
    wants_more: bool,
}

/// Lets the encoder run once: what is left of a window goes into the next, where it is not heard alone.
unsafe extern "C" fn may_encode(_: *mut WhisperSysContext, _: *mut WhisperSysState, watch: *mut c_void) -> bool {
    // SAFETY: `hear` passes its watch, which outlives the call to `full`, and uses it only afterwards.
    let watch = unsafe { &mut *watch.cast::<Watch<'_>>() };
    watch.wants_more = watch.begun;
    watch.begun = true;
    !watch.wants_more && !watch.cancelled.load(Ordering::Relaxed)
}

unsafe extern "C" fn is_cancelled(flag: *mut c_void) -> bool {
    // SAFETY: `hear` passes the request's flag, which outlives the call to `full`.
    unsafe { &*flag.cast::<AtomicBool>() }.load(Ordering::Relaxed)
}

/// What Whisper's decoder says first of what `state` heard last: its language, and how likely nobody speaks. One token more, no
/// second look at the sound. whisper.cpp's own probability of no speech is read three tokens later, where it is always 0.
fn first_token(context: &WhisperContext, state: &mut WhisperState, threads: c_int) -> Result<(Option<&'static str>, f32), EngineError> {
    let failed = |error: whisper_rs::WhisperError| EngineError::Failed(format!("the language could not be detected: {error}"));
    state.decode(&[context.token_sot()], 0, usize::try_from(threads).unwrap_or(1)).map_err(failed)?;
    let logits = state.get_logits().map_err(failed)?;
    let logit = |token: c_int| usize::try_from(token).ok().and_then(|token| logits.get(token)).copied();
    // A model of fewer languages than the library has other tokens behind its last.
    let languages = (0..=whisper_rs::get_lang_max_id()).filter(|id| context.token_lang(*id) < context.token_translate());
    let languages = languages.filter_map(|id| Some((id, logit(context.token_lang(id))?)));
    let likeliest = languages.max_by(|(_, one), (_, other)| one.total_cmp(other));
    let most = logits.iter().copied().fold(f32::MIN, f32::max);
    let sum: f32 = logits.iter().map(|logit| (logit - most).exp()).sum();
    let no_speech = logit(context.token_nosp()).map_or(0.0, |logit| (logit - most).exp() / sum);
    Ok((likeliest.and_then(|(id, _)| whisper_rs::get_lang_str(id)), no_speech))
}
