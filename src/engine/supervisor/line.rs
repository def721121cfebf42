//! The line of requests before one engine, in the order in which it serves them.
//!
//! It outlives a child: what a child had not begun when it ended stands in line for the next one, if its asker is
//! patient.

use std::os::fd::OwnedFd;

use tokio::{
    sync::{OwnedSemaphorePermit, mpsc::UnboundedSender},
    time::{Duration, Instant},
};

use super::{EngineState, Patience, Submission, View};
use crate::engine::{
    EngineError, Wait,
    wire::{Event, MAX_ANSWER_BYTES, ToChild, connection},
};

/// What an asker hears.
#[derive(Debug)]
pub(in crate::engine) enum Told {
    /// Its request has not begun, and why.
    Waiting(Wait),
    Event(Event),
}

/// A frame for the child and its descriptors.
pub(super) type Outgoing = UnboundedSender<(Vec<u8>, Vec<OwnedFd>)>;

/// Empty at first.
#[derive(Default)]
pub(super) struct Line {
    requests: Vec<Standing>,
}

struct Standing {
    id: u64,
    events: UnboundedSender<Result<Told, EngineError>>,
    /// For the child; a patient request keeps it for the next one.
    frame: Vec<u8>,
    descriptors: Vec<OwnedFd>,
    /// It waits for a child, and for the next one while it can be sent again: not once its descriptors are gone.
    patient: bool,
    /// The child of now has it.
    sent: bool,
    /// While no child can take it: when its asker is refused.
    gives_up_at: Instant,
    told: Option<Wait>,
    /// How long the child may say nothing while it works on it.
    patience: Duration,
    cancelled_at: Option<Instant>,
    /// What of its answer may still come.
    bytes_left: usize,
    _place: OwnedSemaphorePermit,
}

/// The request that a child works on, if it is not an idle one.
pub(super) struct Served {
    pub(super) patience: Duration,
    pub(super) cancelled_at: Option<Instant>,
}

impl Line {
    pub(super) fn join(&mut self, submission: Submission, patience: &Patience) {
        let Submission { id, frame, descriptors, expected, events, patient, place } = submission;
        self.requests.push(Standing {
            id,
            events,
            frame,
            descriptors,
            patient,
            sent: false,
            gives_up_at: Instant::now() + patience.comeback,
            told: None,
            patience: patience.answer + expected,
            cancelled_at: None,
            bytes_left: MAX_ANSWER_BYTES,
            _place: place,
        });
    }

    /// Hands everything that the child has not got yet to it, in order.
    pub(super) fn send(&mut self, outgoing: &Outgoing) {
        for request in self.requests.iter_mut().filter(|request| !request.sent) {
            request.sent = true;
            request.patient &= request.descriptors.is_empty();
            let frame = if request.patient { request.frame.clone() } else { std::mem::take(&mut request.frame) };
            // When the writing task is gone, so is the child, and the reading task tells.
            let _ = outgoing.send((frame, std::mem::take(&mut request.descriptors)));
        }
    }

    /// The asker is gone. What no child has leaves the line, what a child has is left to the child to end.
    pub(super) fn cancel(&mut self, id: u64, outgoing: Option<&Outgoing>) {
        let Some(at) = self.requests.iter().position(|request| request.id == id) else { return };
        let request = &mut self.requests[at];
        if !request.sent {
            self.requests.remove(at);
        } else if request.cancelled_at.is_none() {
            request.cancelled_at = Some(Instant::now());
            match connection::frame(&ToChild::Cancel { id }) {
                Ok(frame) => drop(outgoing.map(|outgoing| outgoing.send((frame, Vec::new())))),
                Err(error) => tracing::error!(%error, "a cancellation could not be encoded"),
            }
        }
    }

    /// The child is done with a request. `false` when it has none of that id.
    pub(super) fn done(&mut self, id: u64) -> bool {
        let before = self.requests.len();
        self.requests.retain(|request| request.id != id || !request.sent);
        self.requests.len() < before
    }

    /// Passes an answer's event of `bytes` on; an id that is not here is nobody's. `Err`: the answer does not end.
    pub(super) fn pass_on(&mut self, id: u64, event: Result<Event, EngineError>, bytes: usize) -> Result<bool, ()> {
        let Some(request) = self.requests.iter_mut().find(|request| request.id == id && request.sent) else { return Ok(false) };
        request.bytes_left = request.bytes_left.checked_sub(bytes).ok_or(())?;
        // Nobody minds an answer whose asker is gone.
        let _ = request.events.send(event.map(Told::Event));
        Ok(true)
    }

    /// The oldest request that the child has: requests are served in order.
    pub(super) fn served(&self) -> Option<Served> {
        let request = self.requests.iter().find(|request| request.sent)?;
        Some(Served { patience: request.patience, cancelled_at: request.cancelled_at })
    }

    /// Tells each asker why it still waits, if that is news.
    pub(super) fn tell(&mut self, view: &View) {
        for (ahead, request) in (0..).zip(&mut self.requests) {
            let wait = if request.sent { Wait::Queue { ahead } } else { reason(view) };
            // Who is served at once never waited.
            let news = request.told != Some(wait) && (request.told.is_some() || wait != Wait::Queue { ahead: 0 });
            if news {
                request.told = Some(wait);
                let _ = request.events.send(Ok(Told::Waiting(wait)));
            }
        }
    }

    /// The child has ended for `reason`: what it worked on has failed, what is patient and had not begun stays in line.
    pub(super) fn bereaved(&mut self, reason: &str, patience: &Patience) {
        let mut begun = true;
        self.requests.retain_mut(|request| {
            if !request.sent {
                return true;
            }
            let stays = request.patient && !begun && request.cancelled_at.is_none();
            begun = false;
            if stays {
                (request.sent, request.gives_up_at) = (false, Instant::now() + patience.comeback);
            } else {
                // An asker that is gone needs no answer.
                let _ = request.events.send(Err(EngineError::Died(reason.to_owned())));
            }
            stays
        });
    }

    /// When the next asker has waited long enough for a child.
    pub(super) fn next_to_give_up(&self) -> Option<Instant> {
        self.requests.iter().filter(|request| !request.sent).map(|request| request.gives_up_at).min()
    }

    /// Refuses those that have waited long enough for a child.
    pub(super) fn give_up(&mut self, reason: &str) {
        let now = Instant::now();
        self.refuse(reason, |request| !request.sent && request.gives_up_at <= now);
    }

    /// Refuses all.
    pub(super) fn refuse_all(&mut self, reason: &str) {
        self.refuse(reason, |_| true);
    }

    fn refuse(&mut self, reason: &str, which: impl Fn(&Standing) -> bool) {
        self.requests.retain(|request| {
            let refused = which(request);
            if refused {
                let _ = request.events.send(Err(EngineError::Unavailable(reason.to_owned())));
            }
            !refused
        });
    }
}

fn reason(view: &View) -> Wait {
    match view.state {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the fraction is 0 to 1")]
        EngineState::Starting { fraction } if view.restarts == 0 => Wait::Loading { percent: (fraction * 100.0) as u8 },
        _ => Wait::Restart,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::{Semaphore, mpsc};

    use super::*;

    struct Asker(mpsc::UnboundedReceiver<Result<Told, EngineError>>);

    impl Asker {
        /// What it was told since it last listened, in words.
        fn hears(&mut self) -> Vec<String> {
            let words = |told: Result<Told, EngineError>| match told {
                Ok(Told::Waiting(Wait::Queue { ahead })) => format!("{ahead} ahead"),
                Ok(Told::Waiting(wait)) => format!("{wait:?}"),
                Ok(Told::Event(_)) => "answer".into(),
                Err(error) => error.to_string(),
            };
            std::iter::from_fn(|| self.0.try_recv().ok()).map(words).collect()
        }
    }

    fn ask(line: &mut Line, id: u64, patient: bool) -> Asker {
        ask_with(line, id, patient, &Patience::default())
    }

    fn ask_with(line: &mut Line, id: u64, patient: bool, patience: &Patience) -> Asker {
        let (events, told) = mpsc::unbounded_channel();
        let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        line.join(Submission { id, frame: vec![1], descriptors: Vec::new(), expected: Duration::ZERO, events, patient, place }, patience);
        Asker(told)
    }

    fn ready() -> View {
        View { state: EngineState::Ready, ..View::default() }
    }

    #[tokio::test]
    async fn a_place_is_how_many_come_before_also_when_somebody_leaves() {
        let (outgoing, _child) = mpsc::unbounded_channel();
        let mut line = Line::default();
        let mut askers: Vec<Asker> = (1..=4).map(|id| ask(&mut line, id, true)).collect();
        line.send(&outgoing);
        line.tell(&ready());
        let heard: Vec<_> = askers.iter_mut().flat_map(Asker::hears).collect();
        assert_eq!(heard, ["1 ahead", "2 ahead", "3 ahead"], "the first is served at once");
        // The second leaves: it counts until the child has let go of it.
        line.cancel(2, Some(&outgoing));
        line.tell(&ready());
        assert!(askers[2].hears().is_empty());
        assert!(line.done(2) && !line.done(2));
        line.tell(&ready());
        assert_eq!((askers[2].hears(), askers[3].hears()), (vec!["1 ahead".into()], vec!["2 ahead".into()]));
        line.done(1);
        line.tell(&ready());
        assert_eq!((askers[2].hears(), askers[3].hears()), (vec!["0 ahead".into()], vec!["1 ahead".into()]));
    }

    #[tokio::test]
    async fn what_had_not_begun_waits_for_the_next_child() {
        let (outgoing, mut child) = mpsc::unbounded_channel();
        let mut line = Line::default();
        let mut askers: Vec<Asker> = [true, true, false].into_iter().zip(1..).map(|(patient, id)| ask(&mut line, id, patient)).collect();
        line.send(&outgoing);
        line.bereaved("killed", &Patience::default());
        let view = View { state: EngineState::Restarting { attempt: 1, reason: String::new() }, ..View::default() };
        line.tell(&view);
        assert!(askers[0].hears()[0].contains("killed"), "it was served");
        assert_eq!(askers[1].hears(), ["Restart"]);
        assert!(askers[2].hears()[0].contains("killed"), "it is not patient");
        line.tell(&View { restarts: 1, ..View::default() });
        assert!(askers[1].hears().is_empty(), "loading again is still a restart");
        while child.try_recv().is_ok() {}
        line.send(&outgoing);
        assert_eq!(child.try_recv().unwrap().0, [1], "the next child gets it");
        line.tell(&ready());
        assert_eq!(askers[1].hears(), ["0 ahead"]);
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let mut line = Line::default();
        let mut calm = ask(&mut line, 1, true);
        let mut asker = ask_with(&mut line, 2, true, &Patience { comeback: Duration::ZERO, ..Patience::default() });
        line.give_up("it does not come back");
        assert!(calm.hears().is_empty() && line.next_to_give_up().is_some());
        assert!(asker.hears()[0].contains("does not come back"));
    }
}
