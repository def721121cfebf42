//! Requests on their way in: a thread of its own prepares them, and another those with a grammar that is to be compiled, which
//! can take seconds: it holds up neither answers nor requests that need none.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
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
        let (to_compile, new_grammars) = mpsc::channel();
        let desk = Arc::new(desk);
        let usual = Lane { desk: Arc::clone(&desk), vocabulary: Arc::clone(&vocabulary), outcomes: done.clone(), aside: Some(to_compile) };
        usual.open("intake", errands)?;
        Lane { desk, vocabulary, outcomes: done, aside: None }.open("grammars", new_grammars)?;
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

/// One thread that prepares requests.
struct Lane {
    desk: Arc<Desk>,
    vocabulary: Arc<Vocabulary>,
    outcomes: mpsc::Sender<Outcome>,
    /// Where requests with new grammars go.
    aside: Option<mpsc::Sender<Errand>>,
}

impl Lane {
    /// Until the process ends.
    fn open(self, name: &str, errands: mpsc::Receiver<Errand>) -> Result<(), EngineError> {
        let opened = thread::Builder::new().name(name.into()).spawn(move || errands.into_iter().for_each(|errand| self.run(errand)));
        opened.map(drop).map_err(|error| EngineError::Failed(format!("no thread for requests on their way in: {error}")))
    }

    fn run(&self, errand: Errand) {
        if errand.cancelled.load(Ordering::Relaxed) {
            return;
        }
        match &self.aside {
            // The other thread ends with the process, as this one does.
            Some(aside) if !self.desk.knows_grammars(&errand.request) => drop(aside.send(errand)),
            _ => self.prepare(errand),
        }
    }

    fn prepare(&self, Errand { number, request, .. }: Errand) {
        let prepared = catch_unwind(AssertUnwindSafe(|| self.desk.prepare(&request, &self.vocabulary)));
        let prepared = prepared.unwrap_or_else(|_| Err(EngineError::Failed("the request could not be looked at".into())));
        let _ = self.outcomes.send(Outcome { number, request, prepared });
    }
}
