//! One postmaster: started here or adopted, watched and stopped through its process descriptor.

use std::fs::OpenOptions;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::unix::AsyncFd;
use tokio::process::Child;

use super::directories::{Directories, explain};
use super::settings::{ClusterSettings, PORT};

/// A fast shutdown ends sessions and writes a checkpoint.
const FAST_SHUTDOWN: Duration = Duration::from_secs(30);
const IMMEDIATE_SHUTDOWN: Duration = Duration::from_secs(10);

/// The log starts anew when it has grown beyond this.
const LOG_LIMIT_BYTES: u64 = 8 << 20;
/// How much of the log's end explains a failed start.
const LOG_TAIL_BYTES: u64 = 8 << 10;

/// A postmaster that ran when it was last looked at.
pub struct Postmaster {
    pid: Pid,
    /// Refers to this very process, also when its number is used again.
    process: AsyncFd<OwnedFd>,
    /// Present when we are its parent and must reap it.
    child: Option<Child>,
    /// Present when it was adopted.
    socket: Option<PathBuf>,
    log: Option<(PathBuf, u64)>,
}

/// How a postmaster ended, or why it counts as failed.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Exit {
    reason: String,
    /// What it logged since it was started.
    log: String,
}

/// What `postmaster.pid` says about a process that was checked to be the data directory's postmaster.
pub struct RunningPostmaster {
    pub pid: Pid,
    socket: Option<PathBuf>,
}

impl Postmaster {
    /// Starts PostgreSQL on the cluster's data directory.
    pub fn spawn(settings: &ClusterSettings, directories: &Directories) -> anyhow::Result<Self> {
        let path = directories.log();
        let (log, log_start) = open_log(&path).map_err(|error| explain(&path, error))?;
        let errors = log.try_clone().map_err(|error| explain(&path, error))?;
        let mut command = settings.command("postgres");
        command.arg("-D").arg(directories.cluster()).stdout(log).stderr(errors);
        for parameter in settings.parameters(directories.socket()) {
            command.arg("-c").arg(parameter);
        }
        let child = command.spawn().with_context(|| format!("{} cannot be run", settings.program("postgres").display()))?;
        let number = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let pid = number.context("PostgreSQL ended at once")?;
        Ok(Self { pid, process: descriptor(pid)?, child: Some(child), socket: None, log: Some((path, log_start)) })
    }

    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// The socket directory that an adopted postmaster was started with.
    pub fn socket_directory(&self) -> Option<PathBuf> {
        self.socket.clone()
    }

    /// Whether it runs this program (and not one that was replaced or lives elsewhere).
    pub fn runs(&self, program: &Path) -> bool {
        let running = std::fs::read_link(format!("/proc/{}/exe", self.pid()));
        matches!((running, program.canonicalize()), (Ok(running), Ok(program)) if running == program)
    }

    /// Returns when the process has ended.
    pub async fn exited(&mut self) -> Exit {
        // An error here would mean that epoll itself is gone; the child's own wait still holds for what we started.
        if let Err(error) = self.process.readable().await {
            tracing::warn!(%error, "the database's process cannot be watched");
        }
        let reason = match &mut self.child {
            Some(child) => match child.wait().await {
                Ok(status) => format!("PostgreSQL ended with {status}"),
                Err(error) => format!("PostgreSQL ended ({error})"),
            },
            None => "PostgreSQL ended".into(),
        };
        Exit { reason, log: self.log_tail() }
    }

    /// It lives but has not answered.
    pub fn unresponsive(&self, waited: Duration) -> Exit {
        Exit { reason: format!("PostgreSQL runs but has not answered for {} s", waited.as_secs()), log: self.log_tail() }
    }

    /// A fast shutdown; after a deadline an immediate one, from which the next start recovers.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        for (signal, deadline) in [(Signal::INT, FAST_SHUTDOWN), (Signal::QUIT, IMMEDIATE_SHUTDOWN)] {
            match pidfd_send_signal(self.process.get_ref(), signal) {
                Err(rustix::io::Errno::SRCH) | Ok(()) => {}
                Err(error) => return Err(error).context("the database cannot be told to stop"),
            }
            if tokio::time::timeout(deadline, self.exited()).await.is_ok() {
                return Ok(());
            }
            tracing::warn!(pid = self.pid(), seconds = deadline.as_secs(), "the database takes long to stop");
        }
        bail!("PostgreSQL (process {}) does not stop", self.pid())
    }

    fn log_tail(&self) -> String {
        self.log.as_ref().and_then(|(path, start)| read_log(path, *start).ok()).unwrap_or_default()
    }
}

impl Exit {
    /// Backends of a killed postmaster still hold its shared memory; they end by themselves within moments.
    pub fn memory_still_in_use(&self) -> bool {
        self.log.contains("pre-existing shared memory block")
    }

    pub fn into_error(self, directories: &Directories) -> anyhow::Error {
        anyhow::anyhow!("{}", failure_sentence(&self.reason, &self.log, directories.cluster()))
    }
}

/// Turns what PostgreSQL printed into a sentence that says what to do.
pub fn failure_sentence(what: &str, log: &str, cluster: &Path) -> String {
    if log.contains("No space left on device") || log.contains("Disk quota exceeded") {
        return format!("the disk of {} is full: free some space and start again", cluster.display());
    }
    let marks = ["PANIC:", "FATAL:", "error:", "ERROR:", "could not"];
    let told = marks.iter().find_map(|mark| log.lines().rev().find(|line| line.contains(mark)));
    match told.or_else(|| log.lines().rev().find(|line| !line.trim().is_empty())) {
        Some(line) => format!("{what}: {}", line.trim()),
        None => what.to_owned(),
    }
}

/// The postmaster that runs on this data directory.
pub fn adopt(cluster: &Path) -> anyhow::Result<Option<Postmaster>> {
    let Some(found) = running(cluster) else { return Ok(None) };
    let process = match descriptor(found.pid) {
        Ok(process) => process,
        Err(_) if running(cluster).is_none() => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(Some(Postmaster { pid: found.pid, process, child: None, socket: found.socket, log: None }))
}

/// Reads `postmaster.pid` and checks that the process is a PostgreSQL that works in this very directory, as a
/// postmaster does: process numbers are used again. Format: `src/include/utils/pidfile.h` of PostgreSQL.
pub fn running(cluster: &Path) -> Option<RunningPostmaster> {
    let text = std::fs::read_to_string(cluster.join("postmaster.pid")).ok()?;
    let mut lines = text.lines();
    let pid = Pid::from_raw(lines.next()?.trim().parse().ok()?)?;
    let number = pid.as_raw_nonzero();
    let program = std::fs::read_link(format!("/proc/{number}/exe")).ok()?;
    let works_in = std::fs::read_link(format!("/proc/{number}/cwd")).ok()?;
    if works_in != cluster || !program.file_name()?.to_string_lossy().starts_with("postgres") {
        return None;
    }
    let socket = lines.nth(3).filter(|socket| !socket.is_empty()).map(PathBuf::from);
    Some(RunningPostmaster { pid, socket })
}

/// Removes PostgreSQL's lock files whose process number belongs to another program by now, or to a dead process that
/// nobody reaped: PostgreSQL looks at the number alone and would refuse to start. Those whose process is gone are left
/// to PostgreSQL, which checks more than we can. Only after [`adopt`] found nothing.
pub fn remove_misleading_locks(directories: &Directories) -> anyhow::Result<()> {
    let socket_lock = directories.socket().join(format!(".s.PGSQL.{PORT}.lock"));
    for path in [directories.cluster().join("postmaster.pid"), socket_lock] {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let pid = text.lines().next().and_then(|line| line.trim().parse::<u32>().ok());
        if pid.is_some_and(|pid| Path::new("/proc").join(pid.to_string()).exists()) {
            tracing::info!(path = %path.display(), "removing what a killed PostgreSQL left");
            std::fs::remove_file(&path).map_err(|error| explain(&path, error))?;
        }
    }
    Ok(())
}

fn descriptor(pid: Pid) -> anyhow::Result<AsyncFd<OwnedFd>> {
    let descriptor = pidfd_open(pid, PidfdFlags::empty()).context("the database's process cannot be watched")?;
    #[expect(
        deprecated,
        reason = "its replacement makes the caller vouch for the descriptor, which is for engine/child/ alone; an OwnedFd keeps that promise"
    )]
    let process = AsyncFd::new(descriptor);
    process.context("the database's process cannot be watched")
}

/// The log and where in it the new process begins to write.
fn open_log(path: &Path) -> io::Result<(std::fs::File, u64)> {
    let large = path.metadata().is_ok_and(|metadata| metadata.len() > LOG_LIMIT_BYTES);
    if large {
        std::fs::rename(path, path.with_extension("log.1"))?;
    }
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    let length = file.metadata()?.len();
    Ok((file, length))
}

fn read_log(path: &Path, start: u64) -> io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(start.max(length.saturating_sub(LOG_TAIL_BYTES))))?;
    let mut bytes = Vec::new();
    file.take(LOG_TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_at_start_says_what_to_do() {
        let log = "FATAL:  could not write lock file \"postmaster.pid\": No space left on device";
        assert_eq!(
            failure_sentence("PostgreSQL ended", log, Path::new("/state/cluster")),
            "the disk of /state/cluster is full: free some space and start again"
        );
    }

    #[test]
    fn the_line_that_matters_is_quoted() {
        let log = "LOG:  starting\n2026 FATAL:  bogus data in lock file\nLOG:  database system is shut down\n";
        assert_eq!(failure_sentence("PostgreSQL ended", log, Path::new("/c")), "PostgreSQL ended: 2026 FATAL:  bogus data in lock file");
    }

    #[test]
    fn a_process_number_that_another_program_has_now_is_no_postmaster() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("postmaster.pid"), format!("{}\n/elsewhere\n", std::process::id())).unwrap();
        assert!(running(directory.path()).is_none());
    }
}
