//! The state directory: made, checked, and held by one process at a time.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rustix::fs::{FlockOperation, flock};

/// A link in the lock's place is refused, not followed.
const NO_FOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();

const PATIENCE: Duration = Duration::from_secs(60);

/// Held for as long as engines and database of this state directory may run.
#[derive(Debug)]
pub struct StateDirectory {
    path: PathBuf,
    _lock: File,
}

/// What to do when another process holds the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenHeld {
    Refuse,
    /// For commands that start engines for themselves: the other one ends soon.
    Wait,
}

impl StateDirectory {
    /// Makes the directory when it is missing and takes hold of it.
    pub async fn hold(path: &Path, when_held: WhenHeld) -> anyhow::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| format!("the state directory {} cannot be made: name another with --state-dir", path.display()))?;
        let lock = OpenOptions::new()
            .create(true)
            .append(true)
            .custom_flags(NO_FOLLOW)
            .open(path.join("lock"))
            .map_err(|error| explain(path, error))?;
        let since = Instant::now();
        loop {
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { path: path.to_owned(), _lock: lock }),
                Err(rustix::io::Errno::WOULDBLOCK) if when_held == WhenHeld::Wait && since.elapsed() < PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    bail!(
                        "the state directory {} is already in use by another oneiros: stop that one, or name another with --state-dir",
                        path.display()
                    )
                }
                Err(error) => return Err(explain(path, error.into())),
            }
        }
    }

    /// Where uploads wait while they are read; emptied at every start.
    pub fn uploads(&self) -> anyhow::Result<PathBuf> {
        let uploads = self.path.join("uploads");
        match std::fs::remove_dir_all(&uploads) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(explain(&uploads, error)),
            _ => {}
        }
        DirBuilder::new().mode(0o700).create(&uploads).map_err(|error| explain(&uploads, error))?;
        Ok(uploads)
    }
}

fn explain(path: &Path, error: io::Error) -> anyhow::Error {
    let advice = match error.kind() {
        io::ErrorKind::StorageFull => "the disk is full: free some space and start again",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "make it writable for this user, or name another with --state-dir"
        }
        _ => "name another with --state-dir",
    };
    anyhow::anyhow!("the state directory {} cannot be written ({error}): {advice}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn two_servers_cannot_share_a_state_directory() {
        let directory = tempfile::tempdir().expect("temporary folder");
        let first = StateDirectory::hold(directory.path(), WhenHeld::Refuse).await.expect("first");
        let second = StateDirectory::hold(directory.path(), WhenHeld::Refuse).await.expect_err("second");
        assert!(second.to_string().contains("already in use"), "{second}");
        drop(first);
        StateDirectory::hold(directory.path(), WhenHeld::Refuse).await.expect("after the first is gone");
    }

    #[tokio::test]
    async fn a_file_in_its_place_is_explained() {
        let directory = tempfile::tempdir().expect("temporary folder");
        let file = directory.path().join("file");
        std::fs::write(&file, "x").expect("file");
        let error = StateDirectory::hold(&file.join("state"), WhenHeld::Refuse).await.expect_err("not a folder");
        assert!(error.to_string().contains("--state-dir"), "{error}");
    }

    #[tokio::test]
    async fn uploads_are_emptied() {
        let directory = tempfile::tempdir().expect("temporary folder");
        let state = StateDirectory::hold(directory.path(), WhenHeld::Refuse).await.expect("state");
        std::fs::write(state.uploads().expect("uploads").join("left"), "x").expect("file");
        assert_eq!(std::fs::read_dir(state.uploads().expect("again")).expect("listing").count(), 0);
    }
}
