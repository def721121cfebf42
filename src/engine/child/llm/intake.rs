//! Requests on their way in: threads of their own prepare them, so that a grammar that takes seconds to compile holds up
//! nobody else's answer, nor anybody behind it.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    prepare::{Desk, Prepared},
    vocabulary::Vocabulary,
};
use crate::engine::{EngineError, GenerationRequest, child::Reply, wire::Event};

/// Requests that are looked at at once: all but slow grammars take less than a millisecond.
const THREADS: usize = 4;
/// How often those that wait hear that they are not forgotten.
const PROGRESS: Duration = Duration::from_secs(1);

/// A request that has been looked at.
pub(super) struct Arrival {
    pub request: GenerationRequest,
    pub reply: Reply,
    /// What is to be read for it, or what is wrong with it.
    pub prepared: Result<Prepared, EngineError>,
}

/// The way in.
pub(super) struct Intake {
    requests: mpsc::Sender<Errand>,
    outcomes: mpsc::Receiver<Outcome>,
    /// Those that have not come out yet, and whose askers are there.
    waiting: HashMap<u64, Reply>,
    next: u64,
    told: Instant,
}

struct Errand {
    number: u64,
    request: GenerationRequest,
    cancelled: Arc<AtomicBool>,
}

struct Outcome {
    number: u64,
    request: GenerationRequest,
    prepared: Result<Prepared, EngineError>,
}

impl Intake {
    pub(super) fn new(desk: Desk, vocabulary: Arc<Vocabulary>) -> Result<Self, EngineError> {
        let (requests, errands) = mpsc::channel();
        let (done, outcomes) = mpsc::channel();
        let (desk, errands) = (Arc::new(desk), Arc::new(Mutex::new(errands)));
        for _ in 0..THREADS {
            let (desk, vocabulary, errands, done) = (Arc::clone(&desk), Arc::clone(&vocabulary), Arc::clone(&errands), done.clone());
            thread::Builder::new()
                .name("intake".into())
                .spawn(move || prepare_all(&desk, &vocabulary, &errands, &done))
                .map_err(|error| EngineError::Failed(format!("no thread for requests on their way in: {error}")))?;
        }
        Ok(Self { requests, outcomes, waiting: HashMap::new(), next: 0, told: Instant::now() })
    }

    pub(super) fn hand_in(&mut self, request: GenerationRequest, reply: Reply) {
        self.next += 1;
        let errand = Errand { number: self.next, request, cancelled: reply.cancel_handle() };
        match self.requests.send(errand) {
            Ok(()) => drop(self.waiting.insert(self.next, reply)),
            Err(_) => reply.fail(EngineError::Failed("requests are not taken in any more".into())),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Ends those whose askers are gone, also while they are being looked at.
    pub(super) fn drop_cancelled(&mut self) {
        self.waiting.retain(|_, reply| !reply.is_cancelled());
    }

    /// Tells those that wait, now and then, that they are not forgotten.
    pub(super) fn tell_progress(&mut self) {
        if self.told.elapsed() >= PROGRESS {
            self.told = Instant::now();
            // An asker that is gone is noticed by the step.
            self.waiting.values().for_each(|reply| drop(reply.send(Event::Working)));
        }
    }

    /// The next request that is ready, if there is one within `patience`.
    pub(super) fn take(&mut self, patience: Duration) -> Option<Arrival> {
        loop {
            let Outcome { number, request, prepared } = self.outcomes.recv_timeout(patience).ok()?;
            if let Some(reply) = self.waiting.remove(&number) {
                return Some(Arrival { request, reply, prepared });
            }
        }
    }
}

/// Until the process ends.
fn prepare_all(desk: &Desk, vocabulary: &Vocabulary, errands: &Mutex<mpsc::Receiver<Errand>>, outcomes: &mpsc::Sender<Outcome>) {
    let next = || errands.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok(Errand { number, request, cancelled }) = next() {
        if cancelled.load(Ordering::Relaxed) {
            continue;
        }
        let prepared = catch_unwind(AssertUnwindSafe(|| desk.prepare(&request, vocabulary)));
        let prepared = prepared.unwrap_or_else(|_| Err(EngineError::Failed("the request could not be looked at".into())));
        let _ = outcomes.send(Outcome { number, request, prepared });
    }
}
