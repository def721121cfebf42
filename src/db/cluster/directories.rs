//! The cluster's folders and locks.
//!
//! ```text
//! <data>/            0700, the user that PostgreSQL runs as
//!   cluster/         PostgreSQL's data directory
//!   socket/          the Unix socket, unless its path would be too long
//!   start.lock       held while one server starts or stops PostgreSQL
//!   use.lock         shared by every server that uses it
//!   postgresql.log
//! ```

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use super::settings::{ClusterSettings, PORT};

/// `sun_path` of a Unix socket holds 108 bytes with the NUL that ends it.
const LONGEST_SOCKET_PATH: usize = 107;

/// A start includes `initdb` and crash recovery of the server before us.
const START_LOCK_DEADLINE: Duration = Duration::from_secs(330);

pub struct Directories {
    data: PathBuf,
    cluster: PathBuf,
    socket: PathBuf,
    user: u32,
}

/// Held while PostgreSQL is started or stopped.
pub struct StartLock {
    _file: File,
}

/// Says that a server uses the cluster.
pub struct UseLock {
    file: File,
}

impl Directories {
    /// Makes what is missing and checks whose it is.
    pub fn prepare(settings: &ClusterSettings) -> anyhow::Result<Self> {
        let user = settings.user();
        make_private(&settings.data, settings).map_err(|error| explain(&settings.data, error))?;
        let data = settings.data.canonicalize().map_err(|error| explain(&settings.data, error))?;
        verify_owner(&data, user)?;
        let cluster = data.join("cluster");
        let socket = socket_directory(&data, settings);
        make_private(&socket, settings).map_err(|error| explain(&socket, error))?;
        let directories = Self { data, cluster, socket, user };
        directories.verify_socket()?;
        Ok(directories)
    }

    /// PostgreSQL's data directory.
    pub fn cluster(&self) -> &Path {
        &self.cluster
    }

    /// Where `initdb` works; becomes [`Self::cluster`] when it is complete.
    pub fn unfinished_cluster(&self) -> PathBuf {
        self.data.join("cluster.unfinished")
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    pub fn log(&self) -> PathBuf {
        self.data.join("postgresql.log")
    }

    /// Takes over the socket directory of an adopted postmaster.
    pub fn use_socket(&mut self, socket: PathBuf) -> anyhow::Result<()> {
        self.socket = socket;
        self.verify_socket()
    }

    /// One server at a time starts or stops PostgreSQL.
    pub async fn lock_start(&self) -> anyhow::Result<StartLock> {
        let path = self.data.join("start.lock");
        let file = open_lock(&path).map_err(|error| explain(&path, error))?;
        let since = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(StartLock { _file: file }),
                Err(TryLockError::Error(error)) => return Err(explain(&path, error)),
                Err(TryLockError::WouldBlock) if since.elapsed() > START_LOCK_DEADLINE => {
                    bail!("another oneiros has been starting the database in {} for minutes: end it and start again", self.data.display())
                }
                Err(TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// The caller holds the start lock, so nobody holds this one exclusively.
    pub fn lock_use(&self) -> anyhow::Result<UseLock> {
        let path = self.data.join("use.lock");
        let file = open_lock(&path).map_err(|error| explain(&path, error))?;
        file.try_lock_shared().with_context(|| format!("{} is locked by something else than oneiros", path.display()))?;
        Ok(UseLock { file })
    }

    fn verify_socket(&self) -> anyhow::Result<()> {
        let metadata = self.socket.symlink_metadata().map_err(|error| explain(&self.socket, error))?;
        if !metadata.is_dir() || metadata.uid() != self.user || metadata.mode() & 0o077 != 0 {
            bail!(
                "{} is not a directory that only user {} may enter, so the database's socket cannot live there: remove it",
                self.socket.display(),
                self.user
            );
        }
        Ok(())
    }
}

impl UseLock {
    /// Gives up our share and says whether it was the only one. The caller holds the start lock, so none is added now.
    pub fn is_last(&self) -> bool {
        self.file.try_lock().is_ok()
    }
}

/// Says in one sentence what is wrong with a path and what to do.
pub fn explain(path: &Path, error: io::Error) -> anyhow::Error {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            anyhow::anyhow!("{path} cannot be used by this user: give it to the user that runs oneiros, or choose another state directory")
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            anyhow::anyhow!("the disk of {path} is full: free some space and start again")
        }
        io::ErrorKind::ReadOnlyFilesystem => anyhow::anyhow!("{path} is on a read-only file system: choose another state directory"),
        _ => anyhow::Error::new(error).context(format!("{path} cannot be used for the database")),
    }
}

/// The one inside the data folder, or a short one whose name is made from the data folder's.
fn socket_directory(data: &Path, settings: &ClusterSettings) -> PathBuf {
    let inside = data.join("socket");
    if fits(&inside) {
        return inside;
    }
    let digest = Sha256::digest(data.as_os_str().as_bytes());
    let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(|runtime| Path::new(&runtime).join(format!("oneiros-{name}")));
    match runtime {
        // The run-time directory is ours alone: another user that PostgreSQL runs as could not enter it.
        Some(runtime)
            if settings.run_as.is_none() && runtime.is_absolute() && fits(&runtime) && runtime.parent().is_some_and(Path::is_dir) =>
        {
            runtime
        }
        _ => PathBuf::from(format!("/tmp/oneiros-{}-{name}", settings.user())),
    }
}

fn fits(directory: &Path) -> bool {
    directory.as_os_str().len() + format!("/.s.PGSQL.{PORT}").len() <= LONGEST_SOCKET_PATH
}

/// Makes a directory (and what is above it) that its user alone may enter. One that is there is left as it is.
fn make_private(directory: &Path, settings: &ClusterSettings) -> io::Result<()> {
    if let Some(parent) = directory.parent() {
        std::fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(directory) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(error),
    }
    match settings.run_as {
        Some((user, group)) => std::os::unix::fs::chown(directory, Some(user), Some(group)),
        None => Ok(()),
    }
}

fn verify_owner(data: &Path, user: u32) -> anyhow::Result<()> {
    let metadata = data.metadata().map_err(|error| explain(data, error))?;
    if metadata.uid() != user {
        bail!(
            "the database in {} belongs to user {} and not to user {user}, who runs it: \
             start oneiros as its owner, or give it away with chown",
            data.display(),
            metadata.uid()
        );
    }
    if metadata.mode() & 0o077 != 0 {
        std::fs::set_permissions(data, Permissions::from_mode(0o700)).map_err(|error| explain(data, error))?;
    }
    Ok(())
}

fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deep_state_directory_gets_a_short_socket_path() {
        let mut settings = ClusterSettings::new("/binaries", "/data");
        settings.run_as = Some((1000, 1000));
        let deep = PathBuf::from(format!("/{}", "a".repeat(100)));
        let socket = socket_directory(&deep, &settings);
        assert!(fits(&socket), "{}", socket.display());
        assert_ne!(socket, socket_directory(&deep.join("other"), &settings));
        assert_eq!(socket_directory(Path::new("/short"), &settings), Path::new("/short/socket"));
    }

    #[test]
    fn a_full_disk_is_said_in_one_sentence() {
        let text = explain(Path::new("/state"), io::Error::from(io::ErrorKind::StorageFull)).to_string();
        assert_eq!(text, "the disk of /state is full: free some space and start again");
    }
}
