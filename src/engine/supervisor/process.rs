//! One child process as its parent sees it: its end, its stderr, its memory.

use std::{
    collections::VecDeque,
    io,
    os::{fd::OwnedFd, unix::process::ExitStatusExt},
    process::{Child, ChildStderr, ExitStatus},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::{
    io::{AsyncReadExt, Interest, unix::AsyncFd},
    net::unix::pipe,
    time::{Instant, timeout},
};

/// How much of a child's stderr is kept.
const TAIL_BYTES: usize = 8 * 1024;

/// A running child. Dropping it kills it and takes its exit status, so that no zombie stays.
pub(in crate::engine) struct ChildProcess {
    child: Child,
    exited: AsyncFd<OwnedFd>,
    stderr: StderrTail,
}

impl ChildProcess {
    pub(super) fn new(mut child: Child) -> io::Result<Self> {
        let stderr = StderrTail::default();
        match watch(&mut child, &stderr) {
            Ok(exited) => Ok(Self { child, exited, stderr }),
            Err(error) => {
                // It cannot be watched, so it must not live on.
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    pub(in crate::engine) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// When the child last wrote to stderr.
    pub(super) fn last_words_at(&self) -> Instant {
        self.stderr.lock().written_at
    }

    /// Gives the child `patience` to end by itself, then kills it. Tells how it ended, with the tail of its stderr.
    pub(in crate::engine) async fn end(&mut self, patience: Duration) -> String {
        let in_time = timeout(patience, self.exited.ready(Interest::READABLE)).await.is_ok();
        if !in_time {
            // An error means that it has just ended.
            let _ = self.child.kill();
            let _ = self.exited.ready(Interest::READABLE).await;
        }
        let status = self.child.wait();
        // The last words may still be in the pipe.
        self.stderr.finished(Duration::from_millis(50)).await;
        let mut text = describe(status);
        if !in_time {
            text.push_str(", for it did not end by itself");
        }
        let tail = self.stderr.text();
        if !tail.is_empty() {
            text.push_str("; its last words:\n");
            text.push_str(&tail);
        }
        text
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        // Both fail harmlessly where the exit status was taken already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Memory of a process that is in RAM, from `/proc/PID/statm` (proc(5)); `None` when it has gone.
pub(super) fn resident_bytes(pid: u32) -> Option<u64> {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

fn watch(child: &mut Child, tail: &StderrTail) -> io::Result<AsyncFd<OwnedFd>> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or_else(|| io::Error::other("the child has no process id"))?;
    let exited = AsyncFd::register_with_interest(pidfd_open(pid, PidfdFlags::empty())?, Interest::READABLE)?;
    if let Some(stderr) = child.stderr.take() {
        tail.follow(stderr)?;
    }
    Ok(exited)
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
