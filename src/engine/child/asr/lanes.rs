//! Several windows at once.
//!
//! Half the threads on each of two windows finish sooner than all of them on one after the other: the work on one token
//! is too little to be shared out. Each lane has a state of its own; the model is shared.

use std::{
    collections::BTreeMap,
    ffi::c_int,
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{self, Receiver},
    },
};

use whisper_rs::{WhisperContext, WhisperState};

use super::{
    SAMPLES_PER_SECOND, Task, guards,
    hearing::{Heard, Manner, hear, positions},
    windows::Window,
};
use crate::engine::EngineError;

/// Temperatures that a poor window is heard at after 0. A window takes so many hearings and two more at most.
const FALLBACK: [f32; 2] = [0.4, 0.8];
/// Less of a window than this is not worth a hearing of its own.
const LEAST_REST: usize = SAMPLES_PER_SECOND / 2;

/// A window and what was heard in it. `None`: cancelled.
pub type Hearing = Result<Option<Vec<(Window, Heard)>>, EngineError>;

/// What all lanes share.
pub struct Listener<'a> {
    pub context: &'a WhisperContext,
    pub task: &'a Task,
    pub language: &'static str,
    pub piece: &'a [f32],
    pub cancelled: &'a AtomicBool,
}

impl Listener<'_> {
    /// Hears a window to its end.
    pub fn hear(&self, state: &mut WhisperState, threads: c_int, window: &Window) -> Hearing {
        match self.hear_well(state, threads, window)? {
            Some(heard) => self.hear_rest(state, threads, window, heard),
            None => Ok(None),
        }
    }

    /// As [`Listener::hear`], and finds the language; the listener's own is only a guess.
    pub fn hear_any_language(
        &self,
        state: &mut WhisperState,
        threads: c_int,
        window: &Window,
    ) -> Result<(Hearing, &'static str), EngineError> {
        let samples = window.samples(self.piece);
        let (temperature, positions) = self.ways(samples.len())[0];
        let Some(heard) = self.hear_once(state, threads, &samples, temperature, positions)? else { return Ok((Ok(None), self.language)) };
        let language = heard.language.unwrap_or(self.language);
        let hearing = if language == self.language && guards::is_good(&heard) {
            self.hear_rest(state, threads, window, guards::clean(heard))
        } else {
            Listener { language, ..*self }.hear(state, threads, window)
        };
        Ok((hearing, language))
    }

    /// Whisper may stop in mid-window to go on from there; what is left is a window of its own.
    fn hear_rest(&self, state: &mut WhisperState, threads: c_int, window: &Window, heard: Heard) -> Hearing {
        let mut all = vec![(window.clone(), heard)];
        while let Some((window, heard)) = all.last()
            // One that was hardly heard at all would come again and again.
            && let Some(from) = heard.unheard_from.filter(|&from| from >= SAMPLES_PER_SECOND && from + LEAST_REST <= window.len())
        {
            let rest = window.rest(from);
            let Some(heard) = self.hear_well(state, threads, &rest)? else { return Ok(None) };
            all.push((rest, heard));
        }
        Ok(Some(all))
    }

    /// Hears a window until it was heard well, at most as often as there are ways to; the best hearing is cleaned of what
    /// nobody said.
    fn hear_well(&self, state: &mut WhisperState, threads: c_int, window: &Window) -> Result<Option<Heard>, EngineError> {
        let samples = window.samples(self.piece);
        let mut best: Option<Heard> = None;
        for (temperature, positions) in self.ways(samples.len()) {
            let Some(heard) = self.hear_once(state, threads, &samples, temperature, positions)? else { return Ok(None) };
            // Nobody spoke, as far as the whole context tells; a short one is not believed.
            let done = guards::is_good(&heard) || (guards::is_no_speech(&heard) && positions.is_none());
            if best.as_ref().is_none_or(|best| guards::is_better(&heard, best)) {
                best = Some(heard);
            }
            if done {
                break;
            }
        }
        Ok(best.map(guards::clean))
    }

    fn hear_once(
        &self,
        state: &mut WhisperState,
        threads: c_int,
        samples: &[f32],
        temperature: f32,
        positions: Option<c_int>,
    ) -> Result<Option<Heard>, EngineError> {
        let Task { words, prompt, .. } = self.task;
        let manner = Manner { threads, language: self.language, temperature, positions, words: *words, prompt };
        hear(self.context, state, samples, &manner, self.cancelled)
    }

    /// Temperatures and encoder positions, in the order in which they are tried.
    fn ways(&self, samples: usize) -> Vec<(f32, Option<c_int>)> {
        let short = positions(samples, self.context.n_audio_ctx());
        let mut ways = vec![(self.task.temperature, short)];
        // A temperature that was asked for is kept to.
        if self.task.temperature == 0.0 {
            ways.extend(short.map(|_| (0.0, None)));
            ways.extend(FALLBACK.map(|temperature| (temperature, None)));
        }
        ways
    }
}

/// Hears windows and hands them on in order; false when cancelled.
pub fn hear_windows(
    listener: &Listener<'_>,
    states: &mut [WhisperState],
    threads: c_int,
    windows: &[Window],
    send: &mut dyn FnMut(Vec<(Window, Heard)>) -> Result<(), EngineError>,
) -> Result<bool, EngineError> {
    if let ([state], _) | ([state, ..], [_]) = (&mut *states, windows) {
        for window in windows {
            let Some(heard) = listener.hear(state, threads, window)? else { return Ok(false) };
            send(heard)?;
        }
        return Ok(true);
    }
    let threads = (threads / c_int::try_from(states.len()).unwrap_or(1)).max(1);
    let (next, (sender, receiver)) = (AtomicUsize::new(0), mpsc::channel());
    std::thread::scope(|scope| {
        for state in states {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(window) = windows.get(index) else { return };
                    if sender.send((index, listener.hear(state, threads, window))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let finished = in_order(receiver, send);
        if !matches!(finished, Ok(true)) {
            next.store(windows.len(), Ordering::Relaxed);
        }
        finished
    })
}

/// Hands on what comes in any order; false when it is cut short.
fn in_order(
    receiver: Receiver<(usize, Hearing)>,
    send: &mut dyn FnMut(Vec<(Window, Heard)>) -> Result<(), EngineError>,
) -> Result<bool, EngineError> {
    let (mut early, mut due) = (BTreeMap::new(), 0);
    for (index, hearing) in receiver {
        let Some(heard) = hearing? else { return Ok(false) };
        early.insert(index, heard);
        while let Some(heard) = early.remove(&due) {
            send(heard)?;
            due += 1;
        }
    }
    Ok(true)
}
