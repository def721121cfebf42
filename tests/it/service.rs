//! What a service manager hears from the server: sd_notify(3), spoken to a socket of the test's own.

use std::{
    os::unix::{fs::PermissionsExt as _, net::UnixDatagram},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::support::{
    processes::{self, Signal},
    server::{Launch, Server},
    state::StateDirectory,
    turn,
};

/// The watchdog's period in these tests: pings come four times as often.
const PERIOD: Duration = Duration::from_secs(4);

struct Manager {
    socket: UnixDatagram,
    _folder: tempfile::TempDir,
}

impl Manager {
    /// A socket that the server, which may be another user, can reach.
    fn listen() -> (Self, Vec<(String, String)>) {
        let folder = tempfile::tempdir_in("/tmp").expect("folder");
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        for open in [folder.path(), &path] {
            std::fs::set_permissions(open, std::fs::Permissions::from_mode(0o777)).expect("mode");
        }
        let variables = [("NOTIFY_SOCKET", path.to_str().expect("UTF-8").to_owned()), ("WATCHDOG_USEC", PERIOD.as_micros().to_string())];
        (Self { socket, _folder: folder }, variables.map(|(name, value)| (name.to_owned(), value)).to_vec())
    }

    /// The next assignments, or nothing within `patience`.
    fn next(&self, patience: Duration) -> Option<Vec<String>> {
        self.socket.set_read_timeout(Some(patience.max(Duration::from_millis(1)))).expect("timeout");
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).ok()?;
        let text = std::str::from_utf8(&buffer[..length]).expect("UTF-8");
        Some(text.lines().map(str::to_owned).collect())
    }

    /// Waits for an assignment that holds `needle`.
    #[track_caller]
    fn hears(&self, needle: &str, within: Duration) {
        let start = Instant::now();
        let mut heard = Vec::new();
        while let Some(left) = within.checked_sub(start.elapsed()) {
            let said = self.next(left).unwrap_or_default();
            if said.iter().any(|line| line.contains(needle)) {
                return;
            }
            heard.extend(said);
        }
        panic!("no `{needle}` within {within:?}; heard: {heard:?}");
    }

    /// What is said in that time.
    fn all(&self, during: Duration) -> Vec<String> {
        let start = Instant::now();
        let mut heard = Vec::new();
        while let Some(left) = during.checked_sub(start.elapsed()) {
            heard.extend(self.next(left).unwrap_or_default());
        }
        heard
    }
}

async fn server() -> (Server, Manager) {
    let state = StateDirectory::with_models();
    let (manager, environment) = Manager::listen();
    let server = Launch { environment: &environment, ..Launch::default() }.start_unready(&state).await;
    (server, manager)
}

#[tokio::test]
async fn it_hears_that_the_server_is_there_how_far_it_is_and_that_it_ends() {
    let _turn = turn::alone().await;
    let (mut server, manager) = server().await;
    let first = manager.next(Duration::from_secs(30)).expect("word");
    assert_eq!(first, ["READY=1"], "it listens already, and says so before anything else");
    manager.hears("loading", Duration::from_secs(120));
    manager.hears("STATUS=ready", Duration::from_secs(120));
    let status = server.end(Signal::TERM, Duration::from_secs(15)).await;
    assert_eq!(status.code(), Some(0), "{status}");
    manager.hears("STOPPING=1", Duration::from_secs(1));
}

#[tokio::test]
async fn the_watchdog_is_fed_while_the_database_answers_and_starves_while_it_hangs() {
    let _turn = turn::alone().await;
    let (mut server, manager) = server().await;
    server.until_ready(Duration::from_secs(120)).await;
    for _ in 0..3 {
        manager.hears("WATCHDOG=1", PERIOD);
    }

    let state = Arc::clone(&server.state);
    let database = processes::postmaster(state.path()).expect("a database");
    processes::signal(database, Signal::STOP);
    manager.hears("STATUS=the private database lets connections wait", PERIOD);
    let meanwhile = manager.all(PERIOD + Duration::from_secs(1));
    processes::signal(database, Signal::CONT);
    assert!(!meanwhile.iter().any(|line| line.contains("WATCHDOG")), "fed although the database hangs: {meanwhile:?}");
    manager.hears("WATCHDOG=1", PERIOD);

    // A database that died is its supervisor's to start again: no reason to end everything.
    processes::signal(database, Signal::KILL);
    manager.hears("WATCHDOG=1", PERIOD);
    manager.hears("WATCHDOG=1", PERIOD);
    server.end(Signal::TERM, Duration::from_secs(30)).await;
}

#[tokio::test]
async fn a_service_manager_that_does_not_listen_holds_nothing_up() {
    let _turn = turn::alone().await;
    let (mut server, _manager) = server().await;
    // Its socket holds a few messages, and then makes whoever sends another wait.
    server.until_ready(Duration::from_secs(120)).await;
    tokio::time::sleep(PERIOD * 4).await;
    assert!(server.api().is_ready().await);
    let status = server.end(Signal::TERM, Duration::from_secs(15)).await;
    assert_eq!(status.code(), Some(0), "{status}");
}

#[tokio::test]
async fn a_server_that_is_stopped_in_its_tracks_is_not_taken_for_alive() {
    let _turn = turn::alone().await;
    let (server, manager) = server().await;
    manager.hears("WATCHDOG=1", Duration::from_secs(30));
    processes::signal(server.pid(), Signal::STOP);
    let _ = manager.all(Duration::from_millis(200));
    let meanwhile = manager.all(PERIOD);
    processes::signal(server.pid(), Signal::CONT);
    assert!(meanwhile.is_empty(), "{meanwhile:?}");
    manager.hears("WATCHDOG=1", PERIOD);
}
