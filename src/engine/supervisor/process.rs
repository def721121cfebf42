//! One child process as its parent sees it: its end, its stderr, its memory.

use std::{
    collections::VecDeque,
    io,
    os::{fd::OwnedFd, unix::process::ExitStatusExt},
    process::{Child, ChildStderr, ExitStatus},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::{
    io::AsyncReadExt,
    net::unix::pipe,
    sync::watch,
    time::{Instant, timeout},
};

/// How much of a child's stderr is kept.
const TAIL_BYTES: usize = 8 * 1024;

/// Enough for a thread that only waits.
const REAPER_STACK_BYTES: usize = 64 * 1024;

/// A running child. Dropping it kills it.
pub(in crate::engine) struct ChildProcess {
    pid: u32,
    handle: OwnedFd,
    /// How it ended, once it has. A thread of its own waits for that, so that no zombie stays.
    end: watch::Receiver<Option<String>>,
    stderr: StderrTail,
}

impl ChildProcess {
    pub(super) fn new(mut child: Child) -> io::Result<Self> {
        let stderr = StderrTail::default();
        let pid = child.id();
        let handle = match watch(&mut child, &stderr) {
            Ok(handle) => handle,
            Err(error) => {
                // It cannot be watched, so it must not live on.
                let _ = child.kill();
                let _ = child.wait();
                return Err(error);
            }
        };
        let (ended, end) = watch::channel(None);
        let process = Self { pid, handle, end, stderr };
        std::thread::Builder::new().name("reaper".into()).stack_size(REAPER_STACK_BYTES).spawn(move || {
            // Nobody listens once the process is dropped.
            let _ = ended.send(Some(describe(child.wait())));
        })?;
        Ok(process)
    }

    pub(in crate::engine) fn pid(&self) -> u32 {
        self.pid
    }

    /// When the child last wrote to stderr.
    pub(super) fn last_words_at(&self) -> Instant {
        self.stderr.lock().written_at
    }

    /// Gives the child `patience` to end by itself, then kills it. Tells how it ended, with the tail of its stderr.
    pub(in crate::engine) async fn end(&mut self, patience: Duration) -> String {
        let in_time = timeout(patience, self.ended()).await;
        let mut text = match &in_time {
            Ok(end) => end.clone(),
            Err(_) => {
                self.kill();
                format!("{}, for it did not end by itself", self.ended().await)
            }
        };
        // The last words may still be in the pipe.
        self.stderr.finished(Duration::from_millis(50)).await;
        let tail = self.stderr.text();
        if !tail.is_empty() {
            text.push_str("; its last words:\n");
            text.push_str(&tail);
        }
        text
    }

    async fn ended(&mut self) -> String {
        match self.end.wait_for(Option::is_some).await {
            Ok(end) => end.clone().unwrap_or_default(),
            Err(_) => "its end could not be observed".into(),
        }
    }

    /// By a handle that cannot mean another process. An error means that the child has ended.
    fn kill(&self) {
        let _ = pidfd_send_signal(&self.handle, Signal::KILL);
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Memory of a process that is in RAM, from `/proc/PID/statm` (proc(5)); `None` when it has gone.
pub fn resident_bytes(pid: u32) -> Option<u64> {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

fn watch(child: &mut Child, tail: &StderrTail) -> io::Result<OwnedFd> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or_else(|| io::Error::other("the child has no process id"))?;
    if let Some(stderr) = child.stderr.take() {
        tail.follow(stderr)?;
    }
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

fn describe(status: io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => format!("it ended with exit code {code}"),
            (None, Some(signal)) => format!("it was killed by signal {signal}"),
            (None, None) => format!("it ended: {status}"),
        },
        Err(error) => format!("its end could not be observed: {error}"),
    }
}

/// The last [`TAIL_BYTES`] of a child's stderr.
#[derive(Clone, Default)]
struct StderrTail(Arc<Mutex<Tail>>);

struct Tail {
    bytes: VecDeque<u8>,
    written_at: Instant,
    reader: Option<tokio::task::JoinHandle<()>>,
}

impl Default for Tail {
    fn default() -> Self {
        Self { bytes: VecDeque::new(), written_at: Instant::now(), reader: None }
    }
}

impl StderrTail {
    fn lock(&self) -> std::sync::MutexGuard<'_, Tail> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn follow(&self, stderr: ChildStderr) -> io::Result<()> {
        let mut pipe = pipe::Receiver::from_owned_fd(stderr.into())?;
        let tail = self.clone();
        let reader = tokio::spawn(async move {
            let mut buffer = [0; 1024];
            while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
                let mut tail = tail.lock();
                tail.bytes.extend(&buffer[..read]);
                let surplus = tail.bytes.len().saturating_sub(TAIL_BYTES);
                tail.bytes.drain(..surplus);
                tail.written_at = Instant::now();
            }
        });
        self.lock().reader = Some(reader);
        Ok(())
    }

    /// Waits until the pipe is read to its end, for at most `patience`.
    async fn finished(&self, patience: Duration) {
        let reader = self.lock().reader.take();
        if let Some(reader) = reader {
            // Too late or failed: what there is by now is what is shown.
            let _ = timeout(patience, reader).await;
        }
    }

    /// As text without control characters other than line ends.
    fn text(&self) -> String {
        let bytes: Vec<u8> = self.lock().bytes.iter().copied().collect();
        let printable = |character: char| if character.is_control() && character != '\n' { ' ' } else { character };
        String::from_utf8_lossy(&bytes).trim().chars().map(printable).collect()
    }
}
