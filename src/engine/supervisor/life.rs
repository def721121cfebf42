//! One child from its start to its end.

use std::{
    io::{self, ErrorKind},
    os::fd::OwnedFd,
};

use tokio::{
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc::{self, UnboundedReceiver},
    task::AbortHandle,
    time::{Duration, Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    ChildProcess, Command, EngineState, Patience, Shared,
    line::{Line, Outgoing},
};
use crate::engine::{
    EngineError, GenerationEvent,
    pool::Berth,
    wire::{
        Event, FromChild, MAX_ANSWER_BYTES, ReadyReport, STARTING,
        connection::{self, Received},
    },
};

/// After its socket is closed a child gets so long to end before it is killed; those who wait must hear within a second.
const LAST_BREATH: Duration = Duration::from_millis(500);

/// How a life ended.
pub(super) enum Ended {
    /// The supervisor was told to stop.
    Stopped,
    /// It left in order, since nobody needed it or another needed its memory. Who waits stands in line.
    Rested,
    /// The child itself told that it cannot start; trying again at once would not help.
    Refused(String),
    /// It died, hung or broke the protocol. `served_for` is how long it was ready.
    Faulty { reason: String, served_for: Option<Duration> },
}

/// The most requests that a child is given at once, whatever it says.
const MOST_PLACES: usize = 256;

/// Frames that may wait while the supervisor is busy with another.
const FRAMES_WAITING: usize = 8;

/// A child that has just been started.
pub(super) struct Started {
    pub(super) child: ChildProcess,
    pub(super) socket: UnixStream,
    /// The memory that it has, if it comes and goes.
    pub(super) berth: Option<Berth>,
}

pub(super) struct Life<'a> {
    shared: &'a Shared,
    patience: Patience,
    child: ChildProcess,
    frames: mpsc::Receiver<io::Result<Received>>,
    outgoing: Outgoing,
    tasks: [AbortOnDrop; 2],
    line: &'a mut Line,
    /// How far it is with loading, 0 to 1.
    loaded: f32,
    ready_since: Option<Instant>,
    /// How many requests it works on at the same time.
    places: usize,
    heard_at: Instant,
    /// Its memory, if it comes and goes.
    berth: Option<Berth>,
    idle_since: Option<Instant>,
    /// How long it stays when it is idle: what the last request that it began wishes. `None`: for good.
    stay: Option<Duration>,
    /// Another needs its memory: it takes nothing more on.
    leaves: bool,
}

/// What is wrong with a frame.
enum Fault {
    /// The child cannot start, and says why.
    Refusal(EngineError),
    /// It says what cannot be said now.
    Protocol(&'static str),
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<'a> Life<'a> {
    pub(super) fn new(shared: &'a Shared, patience: Patience, line: &'a mut Line, started: Started) -> Self {
        let Started { child, socket, berth } = started;
        let (read, write) = socket.into_split();
        let (heard, frames) = mpsc::channel(FRAMES_WAITING);
        let (outgoing, to_send) = mpsc::unbounded_channel();
        let tasks = [tokio::spawn(read_all(read, heard)), tokio::spawn(write_all(write, to_send))];
        let tasks = tasks.map(|task| AbortOnDrop(task.abort_handle()));
        shared.view.send_modify(|view| view.pid = Some(child.pid()));
        Self {
            shared,
            patience,
            child,
            frames,
            outgoing,
            tasks,
            line,
            loaded: -1.0,
            ready_since: None,
            places: 1,
            heard_at: Instant::now(),
            berth,
            idle_since: None,
            stay: shared.stay(None),
            leaves: false,
        }
    }

    pub(super) async fn run(mut self, commands: &mut UnboundedReceiver<Command>, stop: &CancellationToken) -> Ended {
        loop {
            self.line.tell(&self.shared.view.borrow());
            self.note_idleness();
            let leaves_at = self.leaves_at();
            if leaves_at.is_some_and(|at| at <= Instant::now()) {
                return self.rest().await;
            }
            let hung = self.deadline();
            let ends = [self.line.next_to_end(self.ready_since.is_some()), leaves_at];
            let deadline = ends.into_iter().flatten().fold(hung, Instant::min);
            tokio::select! {
                // One that loads has not had its turn yet; the notice is kept until it has.
                () = asked_to_leave(self.berth.as_ref()), if self.ready_since.is_some() => self.leaves = true,
                () = stop.cancelled() => return self.stop().await,
                command = commands.recv() => match command {
                    Some(command) => self.command(command),
                    None => return self.stop().await,
                },
                frame = self.frames.recv() => match frame {
                    Some(Ok(frame)) => match self.frame(frame) {
                        Ok(()) => {}
                        Err(Fault::Refusal(error)) => return self.refused(error).await,
                        Err(Fault::Protocol(what)) => return self.fail(format!("it broke the protocol ({what})"), Duration::ZERO).await,
                    },
                    Some(Err(error)) => return self.fail(format!("it broke the protocol ({error})"), Duration::ZERO).await,
                    None => return self.fail(String::new(), LAST_BREATH).await,
                },
                () = sleep_until(deadline) => if self.deadline() > Instant::now() {
                    let absent = self.ready_since.is_none().then(|| self.shared.unavailability());
                    self.line.end_overdue(absent.as_deref(), Some(&self.outgoing));
                } else {
                    let what = if self.ready_since.is_some() { "it hung on a request" } else { "it hung while loading" };
                    return self.fail(what.into(), Duration::ZERO).await;
                },
            }
        }
    }

    /// Tells the pool when its work begins and ends.
    fn note_idleness(&mut self) {
        let Some(berth) = &self.berth else { return };
        let idle = self.ready_since.is_some() && self.line.is_empty() && !self.shared.is_awaited();
        if idle != self.idle_since.is_some() {
            self.idle_since = idle.then(Instant::now);
            berth.set_idle(idle);
        }
    }

    /// When it goes, if it comes and goes and has nothing in hand.
    fn leaves_at(&self) -> Option<Instant> {
        let stay = self.stay?;
        if self.leaves && self.ready_since.is_some() && self.line.served().is_none() {
            return Some(Instant::now());
        }
        self.idle_since.map(|since| since + stay)
    }

    /// When the child counts as hung if nothing more is heard of it.
    fn deadline(&self) -> Instant {
        if self.ready_since.is_none() {
            return self.heard_at.max(self.child.last_words_at()) + self.patience.start;
        }
        match self.line.served() {
            None => Instant::now() + Duration::from_secs(24 * 3600),
            Some(served) => {
                let answer = self.heard_at + served.patience;
                served.cancelled_at.map_or(answer, |cancelled| answer.min(cancelled + self.patience.cancel))
            }
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Submit(submission) => {
                self.line.join(submission, &self.patience);
                if self.ready_since.is_some() {
                    self.send();
                }
            }
            Command::Cancel { id } => self.line.cancel(id, Some(&self.outgoing)),
            Command::Stay(stay) => self.stay_for(stay),
            Command::Wanted | Command::Left => {}
        }
    }

    /// Counts from now if it is idle.
    fn stay_for(&mut self, stay: Duration) {
        self.stay = self.stay.map(|_| stay);
        self.idle_since = self.idle_since.map(|_| Instant::now());
    }

    fn send(&mut self) {
        if self.line.served().is_none() {
            self.heard_at = Instant::now();
        }
        if !self.leaves {
            self.stay = self.line.send(&self.outgoing, self.places).or(self.stay);
        }
    }

    /// Takes one frame. Only one that moves things on shows that the child is alive.
    fn frame(&mut self, Received { message, bytes }: Received) -> Result<(), Fault> {
        match message {
            FromChild::Loading { fraction } if self.ready_since.is_none() => self.is_loading(fraction),
            FromChild::Ready(report) if self.ready_since.is_none() => self.is_ready(report),
            FromChild::Error { id: STARTING, error } if self.ready_since.is_none() => return Err(Fault::Refusal(error)),
            FromChild::Event { id, event } => self.pass_on(id, Ok(event), bytes)?,
            FromChild::Error { id, error } if id != STARTING => self.pass_on(id, Err(error), bytes)?,
            FromChild::Done { id } => {
                if self.line.done(id) {
                    self.heard_at = Instant::now();
                    self.send();
                }
            }
            FromChild::Loading { .. } | FromChild::Ready(_) | FromChild::Error { .. } => {
                return Err(Fault::Protocol("it starts although it is ready"));
            }
        }
        Ok(())
    }

    fn is_loading(&mut self, fraction: f32) {
        // A number that is none, or no more than was told before, is no progress.
        if fraction > self.loaded {
            (self.loaded, self.heard_at) = (fraction, Instant::now());
            self.shared.view.send_modify(|view| view.state = EngineState::Starting { fraction: fraction.clamp(0.0, 1.0) });
        }
    }

    fn is_ready(&mut self, report: ReadyReport) {
        self.heard_at = Instant::now();
        self.ready_since = Some(self.heard_at);
        self.berth.iter().for_each(Berth::begin_turn);
        self.places = (report.places as usize).clamp(1, MOST_PLACES);
        self.shared.view.send_modify(|view| {
            view.state = EngineState::Ready;
            view.confinement = Some(report.confinement.clone());
            view.report = Some(report);
        });
        self.send();
    }

    fn pass_on(&mut self, id: u64, event: Result<Event, EngineError>, bytes: usize) -> Result<(), Fault> {
        if let Ok(Event::Generation(GenerationEvent::Finished(usage))) = &event {
            self.shared.tally.count(usage);
        }
        if self.line.pass_on(id, event, bytes).map_err(|()| Fault::Protocol("its answer does not end"))? {
            self.heard_at = Instant::now();
        }
        Ok(())
    }

    async fn refused(self, error: EngineError) -> Ended {
        let reason = error.to_string();
        let Self { mut child, tasks, .. } = self;
        drop(tasks);
        let end = child.end(LAST_BREATH).await;
        tracing::debug!("a child refused to start: {end}");
        Ended::Refused(reason)
    }

    /// Ends the child, then tells those whom it served why.
    async fn fail(self, what: String, patience: Duration) -> Ended {
        let served_for = self.ready_since.map(|since| since.elapsed());
        self.shared.view.send_modify(|view| view.state = EngineState::Restarting { attempt: 0, reason: "it stopped".into() });
        let Self { mut child, line, tasks, shared, patience: ours, .. } = self;
        let end = child.end(patience).await;
        drop(tasks);
        let reason = if what.is_empty() { end } else { format!("{what}: {end}") };
        line.bereaved(&reason, &ours);
        line.tell(&shared.view.borrow());
        Ended::Faulty { reason, served_for }
    }

    /// Leaves the line as it is.
    async fn rest(self) -> Ended {
        // Whoever needs it from here on has it loaded anew.
        self.shared.view.send_modify(|view| (view.state, view.pid) = (EngineState::Resting, None));
        let Self { mut child, tasks, patience, .. } = self;
        drop(tasks);
        let end = child.end(patience.stop).await;
        tracing::debug!("an engine has left its memory to others: {end}");
        Ended::Rested
    }

    async fn stop(self) -> Ended {
        let Self { mut child, line, tasks, patience, .. } = self;
        line.refuse_all("it is being stopped");
        // Both halves of the socket go with their tasks: the child reads the end and leaves.
        drop(tasks);
        let end = child.end(patience.stop).await;
        tracing::debug!("an engine was stopped: {end}");
        Ended::Stopped
    }
}

/// Never ends for one that always stays.
async fn asked_to_leave(berth: Option<&Berth>) {
    match berth {
        Some(berth) => berth.asked_to_leave().await,
        None => std::future::pending().await,
    }
}

async fn read_all(mut socket: OwnedReadHalf, heard: mpsc::Sender<io::Result<Received>>) {
    loop {
        let frame = match connection::receive(&mut socket, MAX_ANSWER_BYTES).await {
            Ok(Some(frame)) => Ok(frame),
            Ok(None) => return,
            // A child that is killed with unread requests resets the connection; one killed in mid-frame cuts it.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof) => return,
            Err(error) => Err(error),
        };
        let broken = frame.is_err();
        if heard.send(frame).await.is_err() || broken {
            return;
        }
    }
}

async fn write_all(mut socket: OwnedWriteHalf, mut frames: UnboundedReceiver<(Vec<u8>, Vec<OwnedFd>)>) {
    while let Some((frame, descriptors)) = frames.recv().await {
        if let Err(error) = connection::send(&mut socket, &frame, &descriptors).await {
            tracing::debug!(%error, "a message did not reach its engine");
            return;
        }
    }
}
