//! A running server of the real executable.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    ops::Deref,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use tempfile::NamedTempFile;
use tokio::sync::{OnceCell, RwLockReadGuard};

use super::{
    api::Api,
    command_line::oneiros,
    processes::{self, Signal},
    state::StateDirectory,
    turn,
};

/// Time for an address to be printed and, after that, for every engine to be there.
const START: Duration = Duration::from_secs(120);
const STOP: Duration = Duration::from_secs(15);
/// Ends what a test process that was itself killed, or holds in a static, would leave behind: it waits for the end of
/// its standard input, which the kernel closes with the test process.
const GUARD: &str = r#"
read -r _
kill -TERM "$SERVER"
for _ in $(seq 50); do kill -0 "$SERVER" || break; sleep 0.2; done
kill -KILL "$SERVER"
find "$STATE" -name postmaster.pid -exec head -n 1 {} \; | xargs -r kill -QUIT
sleep 1
rm -rf "$STATE" "$LOG"
"#;

/// How to start a server.
pub struct Launch<'a> {
    pub profile: &'a str,
    /// A program with arguments that runs the executable, such as strace.
    pub wrapper: &'a [&'a str],
    pub environment: &'a [(String, String)],
    /// Nothing may leave it.
    pub sealed: bool,
}

impl Default for Launch<'_> {
    fn default() -> Self {
        Self { profile: "starter", wrapper: &[], environment: &[], sealed: true }
    }
}

impl Launch<'_> {
    /// Starts a server and waits for its address and all its engines.
    pub async fn start(&self, state: &Arc<StateDirectory>) -> Server {
        let mut server = self.start_unready(state).await;
        server.until_ready(START).await;
        server
    }

    /// Starts a server and waits for its address only.
    pub async fn start_unready(&self, state: &Arc<StateDirectory>) -> Server {
        let mut command = self.command(state);
        let log = NamedTempFile::new().expect("a file for the server's log");
        // Two writers, so both append.
        let appended = || File::options().append(true).open(log.path()).expect("log");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(appended());
        let mut child = command.spawn().expect("the executable starts");
        let guard = guard(child.id(), state, &log);
        let printed = watch(child.stdout.take().expect("piped"), appended());
        let start = Instant::now();
        let base = loop {
            if let Ok(address) = printed.try_recv() {
                break address;
            }
            let ended = child.try_wait().expect("the server is our child");
            if ended.is_some() || start.elapsed() > START {
                let _ = child.kill();
                let said = std::fs::read_to_string(log.path()).unwrap_or_default();
                panic!("the server printed no address ({ended:?}):\n{said}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        Server { child, guard, log, base, state: Arc::clone(state), wrapped: !self.wrapper.is_empty(), ended: None }
    }

    /// The command line itself.
    pub fn command(&self, state: &StateDirectory) -> Command {
        let mut command = oneiros(self.wrapper);
        command.args(["serve", "--listen", "127.0.0.1:0", "--profile", self.profile]).arg("--state-dir").arg(state.path());
        command.args(self.sealed.then_some("--sealed"));
        command.envs(self.environment.iter().cloned());
        command
    }
}

fn guard(pid: u32, state: &StateDirectory, log: &NamedTempFile) -> Child {
    let mut command = Command::new("sh");
    // By environment: its command line must not look like one of the server's processes.
    command.args(["-c", GUARD]).env("SERVER", pid.to_string()).env("STATE", state.path()).env("LOG", log.path());
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("sh starts")
}

/// Copies what the server prints to its log and sends the address it prints.
fn watch(stdout: ChildStdout, mut log: File) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = writeln!(log, "{line}");
            if let Some(at) = line.find("http://") {
                let address = line[at..].split_whitespace().next().unwrap_or_default();
                let _ = sender.send(address.trim_end_matches(['/', '.', ',']).to_owned());
            }
        }
    });
    receiver
}

/// A server that this test started. Dropping it stops it in an orderly way.
pub struct Server {
    child: Child,
    guard: Child,
    log: NamedTempFile,
    /// `http://127.0.0.1:PORT`
    pub base: String,
    pub state: Arc<StateDirectory>,
    wrapped: bool,
    ended: Option<ExitStatus>,
}

impl Server {
    /// A server of this test alone, in a state directory of its own.
    pub async fn start() -> Self {
        Self::start_in(&StateDirectory::with_models()).await
    }

    pub async fn start_in(state: &Arc<StateDirectory>) -> Self {
        Launch::default().start(state).await
    }

    pub fn api(&self) -> Api {
        Api::new(&self.base)
    }

    /// Waits until `/readyz` says that every task has an engine.
    pub async fn until_ready(&mut self, within: Duration) {
        let (api, start) = (self.api(), Instant::now());
        loop {
            if api.is_ready().await {
                return;
            }
            let ended = self.child.try_wait().expect("the server is our child");
            assert!(ended.is_none(), "the server ended before it was ready ({ended:?}):\n{}", self.log());
            assert!(start.elapsed() < within, "the server was not ready within {within:?}:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The server's own process.
    pub fn pid(&self) -> i32 {
        let started = i32::try_from(self.child.id()).expect("process ids fit");
        if !self.wrapped {
            return started;
        }
        processes::descendants(started)
            .into_iter()
            .find(|&pid| processes::name(pid) == "oneiros")
            .expect("the server runs below its wrapper")
    }

    /// Every process that exists because of this server.
    pub fn processes(&self) -> Vec<i32> {
        let mut found = processes::descendants(self.pid());
        found.extend(processes::of_directory(self.state.path()));
        found.push(self.pid());
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Sends a signal and waits for the end; panics when it takes longer than `within`.
    pub async fn end(&mut self, signal: Signal, within: Duration) -> ExitStatus {
        processes::signal(self.pid(), signal);
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the server is our child") {
                self.ended = Some(status);
                return status;
            }
            assert!(start.elapsed() < within, "the server still runs {within:?} after {signal:?}:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// All that the server printed.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap_or_default()
    }

    fn print_log(&self) {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        eprintln!("--- the last lines of the server's log\n{}\n---", lines[lines.len().saturating_sub(80)..].join("\n"));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if thread::panicking() {
            self.print_log();
        }
        if self.ended.is_none() && self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            processes::signal(self.pid(), Signal::TERM);
            let start = Instant::now();
            while start.elapsed() < STOP && self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
                thread::sleep(Duration::from_millis(20));
            }
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
        let _ = self.guard.kill();
        let _ = self.guard.wait();
    }
}

/// The server that tests share when none of them disturbs it. It ends with the test process.
pub struct Shared {
    server: &'static Server,
    _turn: RwLockReadGuard<'static, ()>,
}

/// Starts the shared server when it is first asked for.
pub async fn shared() -> Shared {
    static SERVER: OnceCell<Server> = OnceCell::const_new();
    let turn = turn::together().await;
    Shared { server: SERVER.get_or_init(Server::start).await, _turn: turn }
}

impl Deref for Shared {
    type Target = Server;

    fn deref(&self) -> &Server {
        self.server
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if thread::panicking() {
            self.server.print_log();
        }
    }
}
