//! What the service manager hears: that the server is there, how far it is, and that it is alive.
//!
//! The protocol is sd_notify(3); without `NOTIFY_SOCKET` nothing is sent. Ready means that the server listens and tells
//! its state: pulling and loading models can take an hour, and `/readyz` is there for who waits for that. The watchdog is
//! fed by a check and not by a timer: a request through the server's own socket must be answered, and a private database
//! must answer a new connection. A database that refuses, or that is being started again, is its supervisor's to mend; one
//! that hangs is ended with the whole service, and recovers at the next start. An operator's database is the operator's:
//! no restart of ours helps it.

use std::{
    path::PathBuf,
    sync::{Arc, mpsc},
    time::Duration,
};

use http_body_util::Empty;
use hyper::{Request, StatusCode, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use sd_notify::NotifyState;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{MissedTickBehavior, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{App, snapshot::Snapshot};
use crate::http::listeners::connect_unix;

/// How often the status line may change.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);
/// Checks within one period of the watchdog: none of them may succeed before the service manager steps in.
const CHECKS_IN_A_PERIOD: u32 = 4;

/// Messages that may wait for a service manager that is slow to read.
const WAITING: usize = 16;
/// Characters of a status line.
const LONGEST_STATUS: usize = 200;

/// What the last check found wrong.
type Fault = Option<&'static str>;

/// The line to the service manager, from ready to stopping.
pub struct ServiceManager {
    line: Line,
    stopping: CancellationToken,
    tasks: Vec<JoinHandle<Option<()>>>,
}

impl App {
    /// Says that the server is ready, and goes on telling until [`ServiceManager::stopping`].
    pub fn tell_service_manager(&self) -> ServiceManager {
        let line = Line::open();
        line.say(&[NotifyState::Ready]);
        let stopping = CancellationToken::new();
        let (fault, faults) = watch::channel(None);
        let mut tasks =
            vec![tokio::spawn(stopping.clone().run_until_cancelled_owned(tell(line.clone(), Arc::clone(&self.snapshot), faults)))];
        if let Some(period) = sd_notify::watchdog_enabled() {
            let check = Check { folder: self.socket.0.clone(), name: self.socket.1, snapshot: Arc::clone(&self.snapshot) };
            tasks.push(tokio::spawn(stopping.clone().run_until_cancelled_owned(check.feed(line.clone(), period, fault))));
        }
        ServiceManager { line, stopping, tasks }
    }
}

impl ServiceManager {
    /// Says that the server stops. Returns when nothing of this module asks the server's parts any more.
    pub async fn stopping(self) {
        self.stopping.cancel();
        for task in self.tasks {
            // An error would be its panic, which is in the log.
            let _ = task.await;
        }
        self.line.say(&[NotifyState::Stopping, NotifyState::Watchdog, NotifyState::Status("stopping")]);
    }
}

/// Tells each change of the state in one line.
async fn tell(line: Line, snapshot: Arc<Snapshot>, faults: watch::Receiver<Fault>) {
    let mut told = String::new();
    loop {
        let now = faults.borrow().map_or_else(|| one_line(&snapshot.in_a_line()), str::to_owned);
        if now != told && line.say(&[NotifyState::Status(&now)]) {
            told = now;
        }
        tokio::time::sleep(STATUS_INTERVAL).await;
    }
}

/// What must hold for the watchdog to be fed.
struct Check {
    folder: PathBuf,
    name: &'static str,
    snapshot: Arc<Snapshot>,
}

impl Check {
    /// Checks a few times in each period, and feeds the watchdog when all is well.
    async fn feed(self, line: Line, period: Duration, faults: watch::Sender<Fault>) {
        let interval = period / CHECKS_IN_A_PERIOD;
        let mut checks = tokio::time::interval(interval);
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            checks.tick().await;
            let fault = self.fault(interval).await;
            match fault {
                None => {
                    line.say(&[NotifyState::Watchdog]);
                }
                Some(fault) => tracing::warn!("{fault}: the watchdog is not fed"),
            }
            faults.send_replace(fault);
        }
    }

    async fn fault(&self, patience: Duration) -> Fault {
        let (answers, hangs) = tokio::join!(timeout(patience, self.answers()), self.database_hangs(patience));
        if !matches!(answers, Ok(Ok(true))) {
            return Some("the server does not answer its own request");
        }
        hangs.then_some("the private database lets connections wait")
    }

    /// Whether a request that takes the same way as everybody's is answered.
    async fn answers(&self) -> anyhow::Result<bool> {
        let Some(stream) = connect_unix(&self.folder, self.name).await? else { return Ok(false) };
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::get("/healthz").header(header::HOST, "localhost").body(Empty::<Bytes>::new())?;
        let asked = async {
            let status = sender.send_request(request).await?.status();
            drop(sender);
            Ok::<_, hyper::Error>(status)
        };
        let (status, _) = tokio::join!(asked, connection);
        Ok(status? == StatusCode::OK)
    }

    async fn database_hangs(&self, patience: Duration) -> bool {
        match self.snapshot.database_probe() {
            Some(probe) => probe.hangs(patience).await,
            None => false,
        }
    }
}

/// A message is lines, so the status must be one: it may quote what an engine printed.
fn one_line(text: &str) -> String {
    text.chars().take(LONGEST_STATUS).map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// A thread that talks: the socket of a service manager that does not read makes its writer wait.
#[derive(Clone)]
struct Line {
    messages: mpsc::SyncSender<String>,
}

impl Line {
    fn open() -> Self {
        let (messages, said) = mpsc::sync_channel::<String>(WAITING);
        let talk = move || {
            for message in said {
                if let Err(error) = sd_notify::notify(&[NotifyState::Custom(&message)]) {
                    tracing::warn!(%error, "the service manager cannot be told");
                }
            }
        };
        if let Err(error) = std::thread::Builder::new().name("notify".into()).spawn(talk) {
            tracing::warn!(%error, "the service manager will not be told");
        }
        Self { messages }
    }

    /// Says it unless the service manager is so busy that too much waits already.
    fn say(&self, states: &[NotifyState<'_>]) -> bool {
        let message: Vec<String> = states.iter().map(ToString::to_string).collect();
        self.messages.try_send(message.join("\n")).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_engine_printed_is_no_message() {
        assert_eq!(one_line("its last words:\nWATCHDOG=1"), "its last words: WATCHDOG=1");
        assert_eq!(one_line(&"x".repeat(1000)).len(), LONGEST_STATUS);
    }
}
