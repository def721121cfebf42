//! The line of requests before one engine: who is served, who waits, and whose turn is next.
//!
//! A child is given as many requests as it works on at the same time. The rest waits here, and turns go round among the
//! askers (start-time fair queueing, Goyal et al. 1996, with equal weights and each request counted as one), so that one
//! who asks for much delays himself. The line outlives a child: who waits stands in line for the next one, if patient.

use std::{collections::HashMap, os::fd::OwnedFd};

use tokio::{
    sync::mpsc::UnboundedSender,
    time::{Duration, Instant},
};

use super::{EngineState, Patience, Submission, View};
use crate::engine::{
    Asker, EngineError, Place, Wait,
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
    /// For each asker with requests here: the turn that its next one gets.
    turns: HashMap<Asker, u64>,
    /// The latest turn that has begun.
    now: u64,
}

struct Standing {
    id: u64,
    asker: Asker,
    /// Those of the lowest turn are served first, and of equal ones the first that came.
    turn: u64,
    events: UnboundedSender<Result<Told, EngineError>>,
    frame: Vec<u8>,
    descriptors: Vec<OwnedFd>,
    /// It waits for a child that is not there.
    patient: bool,
    /// How long the engine stays after it.
    stay: Option<Duration>,
    /// The child of now has it.
    sent: bool,
    /// While no child can take it: when its asker is refused.
    gives_up_at: Instant,
    /// When it is ended, served or not.
    ends_at: Instant,
    told: Option<Wait>,
    /// How long the child may say nothing while it works on it.
    patience: Duration,
    cancelled_at: Option<Instant>,
    /// What of its answer may still come.
    bytes_left: usize,
    _place: Option<Place>,
}

/// What the child works on, if it is not an idle one.
pub(super) struct Served {
    /// Of the most patient asker.
    pub(super) patience: Duration,
    /// Of the first that left.
    pub(super) cancelled_at: Option<Instant>,
}

impl Line {
    pub(super) fn join(&mut self, submission: Submission, patience: &Patience) {
        let Submission { id, asker, frame, descriptors, expected, events, patient, stay, place } = submission;
        let next = self.turns.entry(asker.clone()).or_default();
        let turn = self.now.max(*next);
        *next = turn + 1;
        let now = Instant::now();
        self.requests.push(Standing {
            id,
            asker,
            turn,
            events,
            frame,
            descriptors,
            patient,
            stay,
            sent: false,
            gives_up_at: now + patience.comeback,
            ends_at: now + patience.whole + expected,
            told: None,
            patience: patience.answer + expected,
            cancelled_at: None,
            bytes_left: MAX_ANSWER_BYTES,
            _place: place,
        });
    }

    /// Hands requests to the child, whose turn it is, until it works on `places`. Returns how long the engine is to stay after
    /// the last of them.
    pub(super) fn send(&mut self, outgoing: &Outgoing, places: usize) -> Option<Duration> {
        let mut stay = None;
        let free = places.saturating_sub(self.requests.iter().filter(|request| request.sent).count());
        for index in self.waiting().into_iter().take(free) {
            let request = &mut self.requests[index];
            request.sent = true;
            self.now = self.now.max(request.turn);
            stay = request.stay;
            // When the writing task is gone, so is the child, and the reading task tells.
            let _ = outgoing.send((std::mem::take(&mut request.frame), std::mem::take(&mut request.descriptors)));
        }
        stay
    }

    /// Whether nobody is here, neither waiting nor served.
    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Where those stand who wait, in the order of their turns.
    fn waiting(&self) -> Vec<usize> {
        let mut waiting: Vec<usize> = (0..self.requests.len()).filter(|index| !self.requests[*index].sent).collect();
        waiting.sort_by_key(|index| (self.requests[*index].turn, self.requests[*index].id));
        waiting
    }

    /// The asker is gone. What no child has leaves the line, what a child has is left to the child to end.
    pub(super) fn cancel(&mut self, id: u64, outgoing: Option<&Outgoing>) {
        let Some(at) = self.requests.iter().position(|request| request.id == id) else { return };
        let request = &mut self.requests[at];
        if !request.sent {
            self.requests.remove(at);
            self.forget_absent();
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
        self.forget_absent();
        self.requests.len() < before
    }

    /// An asker without requests whose turn has passed begins like a new one.
    fn forget_absent(&mut self) {
        let (requests, now) = (&self.requests, self.now);
        self.turns.retain(|asker, next| *next > now || requests.iter().any(|request| request.asker == *asker));
    }

    /// Passes an answer's event of `bytes` on; an id that is not here is nobody's. `Err`: the answer does not end.
    pub(super) fn pass_on(&mut self, id: u64, event: Result<Event, EngineError>, bytes: usize) -> Result<bool, ()> {
        let Some(request) = self.requests.iter_mut().find(|request| request.id == id && request.sent) else { return Ok(false) };
        request.bytes_left = request.bytes_left.checked_sub(bytes).ok_or(())?;
        // Nobody minds an answer whose asker is gone.
        let _ = request.events.send(event.map(Told::Event));
        Ok(true)
    }

    /// What the child has in hand.
    pub(super) fn served(&self) -> Option<Served> {
        let served = || self.requests.iter().filter(|request| request.sent);
        let patience = served().map(|request| request.patience).max()?;
        Some(Served { patience, cancelled_at: served().filter_map(|request| request.cancelled_at).min() })
    }

    /// Tells each asker why it still waits, if that is news.
    pub(super) fn tell(&mut self, view: &View) {
        let ready = view.state == EngineState::Ready;
        for (before, index) in (1..).zip(self.waiting()) {
            self.requests[index].tell(if ready { Wait::Queue { ahead: before } } else { reason(view) });
        }
        for request in self.requests.iter_mut().filter(|request| request.sent && request.told.is_some()) {
            request.tell(Wait::Queue { ahead: 0 });
        }
    }

    /// The child has ended for `reason`: what it worked on has failed, what is patient and had not begun stays in line.
    pub(super) fn bereaved(&mut self, reason: &str, patience: &Patience) {
        let comeback = Instant::now() + patience.comeback;
        self.requests.retain_mut(|request| {
            if request.sent || !request.patient {
                // An asker that is gone needs no answer.
                let _ = request.events.send(Err(EngineError::Died(reason.to_owned())));
                return false;
            }
            request.gives_up_at = comeback;
            true
        });
        self.forget_absent();
    }

    /// When the next asker has had enough of waiting or of its answer.
    pub(super) fn next_to_end(&self, ready: bool) -> Option<Instant> {
        self.requests.iter().filter(|request| request.cancelled_at.is_none()).map(|request| request.end(ready)).min()
    }

    /// Ends what has had its time. `reason`: why the child of now takes nothing, if it does not.
    pub(super) fn end_overdue(&mut self, reason: Option<&str>, outgoing: Option<&Outgoing>) {
        let now = Instant::now();
        let overdue = |request: &&Standing| request.cancelled_at.is_none() && request.end(reason.is_none()) <= now;
        let ids: Vec<u64> = self.requests.iter().filter(overdue).map(|request| request.id).collect();
        for id in ids {
            let Some(request) = self.requests.iter().find(|request| request.id == id) else { continue };
            let error = match reason {
                Some(reason) if request.ends_at > now => EngineError::Unavailable(reason.to_owned()),
                _ if request.sent => EngineError::Overdue("the answer took longer than a request may".into()),
                _ => EngineError::Overdue("it waited for its turn longer than a request may".into()),
            };
            let _ = request.events.send(Err(error));
            self.cancel(id, outgoing);
        }
    }

    /// Refuses all.
    pub(super) fn refuse_all(&mut self, reason: &str) {
        for request in self.requests.drain(..) {
            let _ = request.events.send(Err(EngineError::Unavailable(reason.to_owned())));
        }
        self.turns.clear();
    }
}

impl Standing {
    fn tell(&mut self, wait: Wait) {
        if self.told != Some(wait) {
            self.told = Some(wait);
            let _ = self.events.send(Ok(Told::Waiting(wait)));
        }
    }

    fn end(&self, ready: bool) -> Instant {
        if self.sent || ready { self.ends_at } else { self.ends_at.min(self.gives_up_at) }
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
    use std::os::fd::OwnedFd;

    use tokio::sync::mpsc;

    use super::*;
    use crate::engine::Places;

    struct Listener(mpsc::UnboundedReceiver<Result<Told, EngineError>>);

    impl Listener {
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

    fn ask(line: &mut Line, id: u64, patient: bool) -> Listener {
        ask_with(line, id, patient, &Patience::default())
    }

    fn ask_with(line: &mut Line, id: u64, patient: bool, patience: &Patience) -> Listener {
        let (events, told) = mpsc::unbounded_channel();
        let asker = Asker::named(if id > 100 { "late" } else { "early" });
        let place = Places::new(1, 1).take(&asker).ok().unwrap();
        line.join(
            Submission {
                id,
                asker,
                frame: vec![u8::try_from(id).unwrap()],
                descriptors: Vec::new(),
                expected: Duration::ZERO,
                events,
                patient,
                stay: None,
                place: Some(place),
            },
            patience,
        );
        Listener(told)
    }

    /// The requests that the child has been given since it was last asked.
    fn given(child: &mut mpsc::UnboundedReceiver<(Vec<u8>, Vec<OwnedFd>)>) -> Vec<u8> {
        std::iter::from_fn(|| child.try_recv().ok()).map(|(frame, _)| frame[0]).collect()
    }

    fn ready() -> View {
        View { state: EngineState::Ready, ..View::default() }
    }

    #[tokio::test]
    async fn a_place_is_how_many_come_before_also_when_somebody_leaves() {
        let (outgoing, _child) = mpsc::unbounded_channel();
        let mut line = Line::default();
        let mut askers: Vec<Listener> = (1..=4).map(|id| ask(&mut line, id, true)).collect();
        line.send(&outgoing, 1);
        line.tell(&ready());
        let heard: Vec<_> = askers.iter_mut().flat_map(Listener::hears).collect();
        assert_eq!(heard, ["1 ahead", "2 ahead", "3 ahead"], "the first is served at once");
        line.cancel(2, Some(&outgoing));
        line.tell(&ready());
        assert_eq!((askers[2].hears(), askers[3].hears()), (vec!["1 ahead".into()], vec!["2 ahead".into()]));
        assert!(line.done(1) && !line.done(1));
        line.send(&outgoing, 1);
        line.tell(&ready());
        assert_eq!((askers[2].hears(), askers[3].hears()), (vec!["0 ahead".into()], vec!["1 ahead".into()]));
    }

    #[tokio::test]
    async fn a_child_gets_as_many_as_it_works_on_and_turns_go_round_among_askers() {
        let (outgoing, mut child) = mpsc::unbounded_channel();
        let mut line = Line::default();
        // One asks for six things, another then for two.
        let mut listeners: Vec<Listener> = [1, 2, 3, 4, 5, 6, 101, 102].map(|id| ask(&mut line, id, true)).into();
        line.send(&outgoing, 2);
        assert_eq!(given(&mut child), [1, 101], "whoever comes second does not wait for all of the first one's");
        line.tell(&ready());
        assert_eq!(listeners[7].hears(), ["2 ahead"]);
        for (done, next) in [(1, 2), (2, 102), (101, 3), (102, 4)] {
            line.done(done);
            line.send(&outgoing, 2);
            assert_eq!(given(&mut child), [next]);
        }
        // Who comes back has saved nothing up.
        let _back = [103, 104].map(|id| ask(&mut line, id, true));
        line.done(3);
        line.done(4);
        line.send(&outgoing, 2);
        assert_eq!(given(&mut child), [103, 5]);
    }

    #[tokio::test]
    async fn what_had_not_begun_waits_for_the_next_child() {
        let (outgoing, mut child) = mpsc::unbounded_channel();
        let mut line = Line::default();
        let mut askers: Vec<Listener> = [true, true, false].into_iter().zip(1..).map(|(patient, id)| ask(&mut line, id, patient)).collect();
        line.send(&outgoing, 1);
        line.bereaved("killed", &Patience::default());
        let view = View { state: EngineState::Restarting { attempt: 1, reason: String::new() }, ..View::default() };
        line.tell(&view);
        assert!(askers[0].hears()[0].contains("killed"), "it was served");
        assert_eq!(askers[1].hears(), ["Restart"]);
        assert!(askers[2].hears()[0].contains("killed"), "it is not patient");
        line.tell(&View { restarts: 1, ..View::default() });
        assert!(askers[1].hears().is_empty(), "loading again is still a restart");
        assert_eq!(given(&mut child), [1]);
        line.send(&outgoing, 1);
        assert_eq!(given(&mut child), [2], "the next child gets it");
        line.tell(&ready());
        assert_eq!(askers[1].hears(), ["0 ahead"]);
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let (outgoing, mut child) = mpsc::unbounded_channel();
        let mut line = Line::default();
        let mut calm = ask(&mut line, 1, true);
        let mut asker = ask_with(&mut line, 2, true, &Patience { comeback: Duration::ZERO, ..Patience::default() });
        line.end_overdue(Some("it does not come back"), None);
        assert!(calm.hears().is_empty() && line.next_to_end(false).is_some());
        assert!(asker.hears()[0].contains("does not come back"));

        let hasty = Patience { whole: Duration::ZERO, ..Patience::default() };
        let (mut served, mut waiting) = (ask_with(&mut line, 3, true, &hasty), ask_with(&mut line, 4, true, &hasty));
        line.done(1);
        line.cancel(1, None);
        line.send(&outgoing, 1);
        line.end_overdue(None, Some(&outgoing));
        assert!(served.hears()[0].contains("answer took longer") && waiting.hears()[0].contains("waited for its turn"));
        assert_eq!(given(&mut child).len(), 2, "the request, and that it is cancelled");
        line.end_overdue(None, Some(&outgoing));
        assert!(served.hears().is_empty(), "once is enough");
    }
}
