//! Keeps engine children alive: starts them, notices their end, restarts them, stops them in order.
//!
//! One task (`run`) owns each engine; [`Supervisor`] and [`super::client::EngineClient`] talk to it. A child's single
//! life, from start to end, is in `life`; the process itself in `process`.

mod conversation;
#[cfg(test)]
mod hostile;
mod life;
mod line;
#[cfg(test)]
mod on_demand;
mod process;
mod run;
mod spawner;
mod status;
mod tally;

use std::{
    os::fd::OwnedFd,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

pub use process::resident_bytes;
pub use spawner::Spawner;
pub use status::{EngineState, EngineStatus};
use tally::Tally;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use self::process::ChildProcess;
pub(super) use self::{conversation::Conversation, line::Told};
use super::{
    Asker, EngineError, EngineOptions, Place, Places,
    backend::Backend,
    client::EngineClient,
    confinement::{Confinement, ConfinementReport},
    pool::Share,
    wire::{EngineKind, ReadyReport, STARTING},
};

/// Requests that are served or wait.
const MOST_REQUESTS: usize = 72;
/// Of these, requests of one asker.
pub const MOST_OF_ONE_ASKER: usize = MOST_REQUESTS / 2;

/// An engine that comes and goes stays at least so long after a request, whatever is wished: who asks several things in a row
/// is not to have it loaded for each.
const LINGER: Duration = Duration::from_secs(1);

/// How long whoever has a model leave waits to see it gone: longer than a child takes to end.
const LEAVING: Duration = Duration::from_secs(5);

/// Which engine to run and how.
#[derive(Debug, Clone)]
pub struct EngineSpec {
    pub kind: EngineKind,
    /// The catalogue id of its model.
    pub model_id: String,
    /// The model's file or folder.
    pub model: Option<PathBuf>,
    pub backend: Backend,
    pub confinement: Confinement,
    pub options: EngineOptions,
    /// Start it even if the kernel cannot confine it.
    pub allow_unsandboxed: bool,
    pub presence: Presence,
}

/// When an engine has its model in memory.
#[derive(Debug, Clone)]
pub enum Presence {
    /// From the start to the end.
    Always,
    /// From a request on, until it has been idle for `keep_alive`, or for less when another engine needs the memory; for good
    /// if its share stays.
    OnDemand { share: Arc<Share>, keep_alive: Duration },
}

/// How patient a supervisor is.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// A starting child that reports no progress and logs nothing for so long is killed.
    pub start: Duration,
    /// A child that works on a request and sends nothing for so long is killed. Speech adds its own duration.
    pub answer: Duration,
    /// A child that goes on with a cancelled request for so long is killed.
    pub cancel: Duration,
    /// The first wait before a restart; it doubles with every quick failure.
    pub first_restart: Duration,
    pub longest_restart: Duration,
    /// A child that served for so long was healthy: counting begins anew.
    pub healthy: Duration,
    /// After so many quick failures in a row the engine rests until it is asked again.
    pub attempts: u32,
    /// How long a patient request stands in line for an engine that is not there.
    pub comeback: Duration,
    /// How long a request may take from its arrival to the end of its answer. Speech adds its own duration.
    pub whole: Duration,
    /// How long a child may take to end once its socket is closed.
    pub stop: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            start: Duration::from_secs(60),
            answer: Duration::from_secs(120),
            cancel: Duration::from_secs(10),
            first_restart: Duration::from_millis(250),
            longest_restart: Duration::from_secs(30),
            // Killed in mid-answer, again and again, it must come back at once; only one that falls as soon as it stands waits.
            healthy: Duration::from_millis(200),
            attempts: 8,
            comeback: Duration::from_secs(30),
            whole: Duration::from_secs(15 * 60),
            stop: Duration::from_secs(3),
        }
    }
}

/// One supervised engine. Dropping it stops the engine too, without waiting for it.
pub struct Supervisor {
    shared: Arc<Shared>,
    running: JoinHandle<()>,
    stop: DropGuard,
}

impl Supervisor {
    /// Starts an engine inside a tokio runtime. It is not ready yet: see [`Self::ready`].
    pub fn start(spec: EngineSpec, spawner: Spawner) -> Self {
        Self::start_with(spec, spawner, Patience::default())
    }

    pub fn start_with(spec: EngineSpec, spawner: Spawner, mut patience: Patience) -> Self {
        let (commands, received) = mpsc::unbounded_channel();
        let (on_demand, keep_alive) = match &spec.presence {
            Presence::Always => (false, None),
            Presence::OnDemand { share, keep_alive } => (true, Some(*keep_alive).filter(|_| !share.stays())),
        };
        if on_demand {
            // Others may have the memory for a while, and whoever asked knew that a model may have to be loaded.
            patience.comeback = patience.whole;
        }
        let view = View { state: if on_demand { EngineState::Resting } else { View::default().state }, ..View::default() };
        let shared = Arc::new(Shared {
            kind: spec.kind,
            model_id: spec.model_id.clone(),
            commands,
            places: Places::new(MOST_REQUESTS, MOST_OF_ONE_ASKER),
            next_id: AtomicU64::new(STARTING + 1),
            view: watch::Sender::new(view),
            on_demand,
            keep_alive,
            longest_wait: patience.whole,
            tally: Tally::default(),
        });
        let stop = CancellationToken::new();
        let runner = run::Runner { spec, spawner, patience, shared: Arc::clone(&shared), stop: stop.clone() };
        let running = tokio::spawn(runner.run(received));
        Self { shared, running, stop: stop.drop_guard() }
    }

    /// Speaks to the engine; clones are cheap.
    pub fn client(&self) -> EngineClient {
        EngineClient::new(Arc::clone(&self.shared))
    }

    pub fn status(&self) -> EngineStatus {
        self.shared.status()
    }

    /// Every change of state; the newest is what a late reader sees.
    pub fn states(&self) -> impl futures_util::Stream<Item = EngineState> + use<> {
        use tokio_stream::{StreamExt, wrappers::WatchStream};
        WatchStream::new(self.shared.view.subscribe()).map(|view| view.state)
    }

    /// Waits until the engine can be asked; one that was never in memory is loaded. An error when it has given up or was
    /// stopped.
    pub async fn ready(&self) -> Result<ReadyReport, EngineError> {
        self.shared.ready().await
    }

    /// Stops the engine once nobody waits for it or is answered by it, or as soon as there is a `hurry`.
    pub async fn retire(self, hurry: CancellationToken) {
        let unneeded = async {
            // Whoever has just found it may be about to ask.
            sleep(LINGER).await;
            while self.shared.is_awaited() {
                sleep(LINGER / 10).await;
            }
        };
        tokio::select! {
            () = unneeded => {}
            () = hurry.cancelled() => {}
        }
        self.stop().await;
    }

    /// Stops the engine in order: no new requests, socket closed, killed if it does not end by itself.
    pub async fn stop(self) {
        drop(self.stop);
        // A task that panicked has dropped its child, which killed it.
        let _ = self.running.await;
    }
}

/// What the supervisor's task and its clients share.
pub(in crate::engine) struct Shared {
    kind: EngineKind,
    model_id: String,
    commands: mpsc::UnboundedSender<Command>,
    places: Arc<Places>,
    next_id: AtomicU64,
    view: watch::Sender<View>,
    /// Its model is loaded when somebody asks for it.
    on_demand: bool,
    /// How long it usually stays in memory without a request; `None`: for good, once it is there.
    keep_alive: Option<Duration>,
    /// How long whoever needs it in memory waits for that.
    longest_wait: Duration,
    tally: Tally,
}

/// What is seen from outside.
#[derive(Debug, Clone)]
struct View {
    state: EngineState,
    report: Option<ReadyReport>,
    confinement: Option<ConfinementReport>,
    pid: Option<u32>,
    restarts: u32,
}

impl Default for View {
    fn default() -> Self {
        Self { state: EngineState::Starting { fraction: 0.0 }, report: None, confinement: None, pid: None, restarts: 0 }
    }
}

/// What clients ask of the supervisor's task.
pub(in crate::engine) enum Command {
    Submit(Submission),
    Cancel {
        id: u64,
    },
    /// Somebody wants an engine that rests or had given up.
    Wanted,
    /// Somebody who waited for it has left.
    Left,
    /// How long it stays without a request from now on.
    Stay(Duration),
}

/// A request on its way, with its place in the queue.
pub(in crate::engine) struct Submission {
    pub(in crate::engine) id: u64,
    pub(in crate::engine) asker: Asker,
    /// The encoded request.
    pub(in crate::engine) frame: Vec<u8>,
    pub(in crate::engine) descriptors: Vec<OwnedFd>,
    /// How long the work may take by its nature without a word, on top of the usual patience.
    pub(in crate::engine) expected: Duration,
    /// Unbounded, so that a slow asker never holds up the engine's other frames; an answer is bounded by itself.
    pub(in crate::engine) events: mpsc::UnboundedSender<Result<Told, EngineError>>,
    /// It may stand in line while the engine starts or starts again.
    pub(in crate::engine) patient: bool,
    /// How long the engine stays after it; `None`: for good.
    pub(in crate::engine) stay: Option<Duration>,
    /// `None`: its asker holds one.
    pub(in crate::engine) place: Option<Place>,
}

impl Shared {
    pub(in crate::engine) fn model_id(&self) -> &str {
        &self.model_id
    }

    /// Whether it is loaded when it is asked: then everybody waits for that.
    pub(in crate::engine) fn comes_and_goes(&self) -> bool {
        self.on_demand
    }

    /// How long it stays after a request that `wishes` so, or as usual; `None`: for good.
    pub(in crate::engine) fn stay(&self, wishes: Option<Duration>) -> Option<Duration> {
        self.keep_alive.map(|usual| wishes.unwrap_or(usual).max(LINGER))
    }

    /// Has its model leave memory once the answers that it has begun are ended; one that stays for good does.
    pub(in crate::engine) async fn leave(&self) {
        if self.keep_alive.is_none() {
            return;
        }
        let mut views = self.view.subscribe();
        self.command(Command::Stay(Duration::ZERO));
        if !self.is_awaited() {
            // So that whoever looks next sees that it is gone.
            let _ = timeout(LEAVING, views.wait_for(|view| view.state != EngineState::Ready)).await;
        }
    }

    /// Whether anybody waits for it or is answered by it.
    fn is_awaited(&self) -> bool {
        self.places.taken() > 0
    }

    /// Takes a place in the queue for several requests, which then need none of their own: see [`Self::number`].
    pub(in crate::engine) fn hold(&self, asker: &Asker) -> Result<Hold<'_>, EngineError> {
        Ok(Hold { shared: self, place: Some(self.place(asker)?) })
    }

    /// Takes a place in the queue for somebody whose request comes later.
    fn await_it(&self) -> Result<Hold<'_>, EngineError> {
        let place = self.places.take_unnamed().map_err(|retry_after| EngineError::Busy { retry_after })?;
        Ok(Hold { shared: self, place: Some(place) })
    }

    fn place(&self, asker: &Asker) -> Result<Place, EngineError> {
        self.places.take(asker).map_err(|retry_after| EngineError::Busy { retry_after })
    }

    /// Gives back a place whose request is not in the line: the engine may have stayed for it alone.
    pub(in crate::engine) fn give_up(&self, place: Place) {
        drop(place);
        self.command(Command::Left);
    }

    /// A place in the queue and an id, or why there is none: all are taken, or half of them by this asker. A patient one gets
    /// a place while the engine starts, too.
    pub(in crate::engine) fn admit(&self, asker: &Asker, patient: bool) -> Result<(u64, Place), EngineError> {
        Ok((self.number(patient)?, self.place(asker)?))
    }

    /// An id for a request whose asker holds a place, or why it cannot be served.
    pub(in crate::engine) fn number(&self, patient: bool) -> Result<u64, EngineError> {
        let (unavailability, starts) = {
            let state = &self.view.borrow().state;
            (state.unavailability(), matches!(state, EngineState::Starting { .. } | EngineState::Restarting { .. }))
        };
        if let Some(reason) = unavailability.filter(|_| !(patient && starts)) {
            self.command(Command::Wanted);
            return Err(EngineError::Unavailable(reason));
        }
        Ok(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    /// Why a request cannot be served now; empty when it can.
    fn unavailability(&self) -> String {
        self.view.borrow().state.unavailability().unwrap_or_default()
    }

    /// Once the task is gone nobody listens; the events channel then ends, which the asker sees.
    pub(in crate::engine) fn command(&self, command: Command) {
        let _ = self.commands.send(command);
    }

    pub(in crate::engine) fn status(&self) -> EngineStatus {
        let View { state, confinement, pid, restarts, .. } = self.view.borrow().clone();
        EngineStatus {
            kind: self.kind,
            model_id: self.model_id.clone(),
            state,
            confinement,
            pid,
            resident_bytes: pid.and_then(process::resident_bytes),
            restarts,
            queued: u32::try_from(self.places.taken()).unwrap_or(u32::MAX),
            prompt_tokens: self.tally.prompt(),
            cached_tokens: self.tally.cached(),
            on_demand: self.comes_and_goes(),
        }
    }

    pub(in crate::engine) fn last_report(&self) -> Option<ReadyReport> {
        self.view.borrow().report.clone()
    }

    /// Waits until it is known what the engine is like, which its first loading tells.
    pub(in crate::engine) async fn ready(&self) -> Result<ReadyReport, EngineError> {
        self.until(|state| matches!(state, EngineState::Ready | EngineState::Resting)).await
    }

    /// Waits until the model is in memory.
    pub(in crate::engine) async fn loaded(&self) -> Result<ReadyReport, EngineError> {
        self.until(|state| *state == EngineState::Ready).await
    }

    /// What takes no longer than anybody waits for a model.
    pub(in crate::engine) async fn in_time<T>(&self, waiting: impl Future<Output = Result<T, EngineError>>) -> Result<T, EngineError> {
        let overdue = |_| EngineError::Overdue("its model was not loaded in the time that a request may take".into());
        timeout(self.longest_wait, waiting).await.map_err(overdue)?
    }

    /// Who waits here has a place in the queue: only so many may, and for nobody else is a model loaded.
    async fn until(&self, enough: fn(&EngineState) -> bool) -> Result<ReadyReport, EngineError> {
        let mut views = self.view.subscribe();
        // Held to the end.
        let mut waiting = None;
        loop {
            let View { state, report, .. } = views.borrow_and_update().clone();
            match (&state, report) {
                (state, Some(report)) if enough(state) => return Ok(report),
                (EngineState::Failed { reason }, _) => return Err(EngineError::Unavailable(reason.clone())),
                (EngineState::Stopped, _) => return Err(EngineError::Unavailable("it was stopped".into())),
                _ if waiting.is_none() => waiting = Some(self.await_it()?),
                _ => {}
            }
            if state == EngineState::Resting {
                self.command(Command::Wanted);
            }
            // The sender lives in `self`.
            let _ = views.changed().await;
        }
    }
}

/// Somebody waits for the engine, or is about to ask it more: as good as a request in its line.
pub(in crate::engine) struct Hold<'a> {
    shared: &'a Shared,
    place: Option<Place>,
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.place.take().into_iter().for_each(|place| self.shared.give_up(place));
    }
}
