//! Several windows at once.
//!
//! Half the threads on each of two windows finish sooner than all of them on one after the other: the work on one token
//! is too little to be shared out. Each lane has a state of its own; the model is shared.

use std::{
    collections::BTreeMap,
    ffi::c_int,
    sync::{
        atomic::AtomicBool,
        mpsc::{self, Receiver},
    },
};

use whisper_rs::{WhisperContext, WhisperState};

use super::{
    SAMPLES_PER_SECOND, Task, guards,
    hearing::{Heard, Manner, Search, hear, positions},
    new_state,
    windows::Window,
};
use crate::engine::EngineError;

/// Temperatures that a poor window is heard at after 0. A window takes so many hearings and three more at most.
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
        let way = self.ways(samples.len())[0];
        let Some(heard) = self.hear_once(state, threads, &samples, way)? else { return Ok((Ok(None), self.language)) };
        let language = heard.language.unwrap_or(self.language);
        let hearing = if language == self.language && guards::is_good(&heard) && way.is_believed(&heard, samples.len()) {
            self.hear_rest(state, threads, window, guards::clean(heard, samples.len()))
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
        for way in self.ways(samples.len()) {
            let Some(heard) = self.hear_once(state, threads, &samples, way)? else { return Ok(None) };
            if self.task.temperature == 0.0 && !way.is_believed(&heard, samples.len()) {
                continue;
            }
            // Nobody spoke, as far as the whole context tells; a short one is not believed.
            let done = guards::is_good(&heard) || (guards::is_no_speech(&heard) && way.positions.is_none());
            if best.as_ref().is_none_or(|best| guards::is_better(&heard, best)) {
                best = Some(heard);
            }
            if done {
                break;
            }
        }
        Ok(best.map(|best| guards::clean(best, samples.len())))
    }

    fn hear_once(
        &self,
        state: &mut WhisperState,
        threads: c_int,
        samples: &[f32],
        Way { search, positions }: Way,
    ) -> Result<Option<Heard>, EngineError> {
        let mut whole;
        let state = if positions.is_none() {
            whole = new_state(self.context)?;
            &mut whole
        } else {
            state
        };
        let Task { words, prompt, .. } = self.task;
        let manner = Manner { threads, language: self.language, search, positions, words: *words, prompt };
        hear(self.context, state, samples, &manner, self.cancelled)
    }

    /// In the order in which they are tried.
    fn ways(&self, samples: usize) -> Vec<Way> {
        let short = positions(samples, self.context.n_audio_ctx());
        let asked = Search::Temperature(self.task.temperature);
        // A temperature that was asked for is kept to.
        if self.task.temperature != 0.0 {
            return vec![Way { search: asked, positions: short }];
        }
        let mut ways = vec![Way { search: Search::Beams, positions: short }, Way { search: asked, positions: short }];
        ways.extend(short.map(|_| Way { search: asked, positions: None }));
        ways.extend(FALLBACK.map(|temperature| Way { search: Search::Temperature(temperature), positions: None }));
        ways
    }
}

/// One way to hear a window.
#[derive(Clone, Copy)]
struct Way {
    search: Search,
    /// Of the encoder, as in [`Manner`].
    positions: Option<c_int>,
}

impl Way {
    /// Whether there is speech at all, the likeliest words tell: of what several texts at once or chance come to, only a full
    /// text is taken, and one that does not repeat itself.
    fn is_believed(self, heard: &Heard, samples: usize) -> bool {
        match self.search {
            Search::Beams => guards::is_good(heard) && !guards::is_sparse(heard, samples) && !guards::ends_in_repetition(heard),
            Search::Temperature(0.0) => true,
            Search::Temperature(_) => !guards::is_sparse(heard, samples),
        }
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
    let lanes = states.len();
    let threads = (threads / c_int::try_from(lanes).unwrap_or(1)).max(1);
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        for (lane, state) in states.iter_mut().enumerate() {
            let sender = sender.clone();
            // In turns, not whichever lane is free: what a state hears depends on what it drew by lot before.
            let windows = windows.iter().enumerate().skip(lane).step_by(lanes);
            scope.spawn(move || {
                for (index, window) in windows {
                    if sender.send((index, listener.hear(state, threads, window))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        in_order(receiver, send)
    })
}

/// Hands on what comes in any order; false when it is cut short. Lanes then find nobody who listens, and end.
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
