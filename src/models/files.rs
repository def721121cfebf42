//! The file system, carefully: space, checksums, durability, locks, and names from outside.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::fd::OwnedFd,
    path::{Component, Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustix::fs::{CWD, FlockOperation, Mode, OFlags, RenameFlags};
use sha2::{Digest, Sha256};

use super::ModelError;

/// Bytes as people read them.
pub fn human_bytes(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}

/// What the files of a folder hold together, those of its folders left out; 0 when there is no such folder.
pub fn bytes_in(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).filter(std::fs::Metadata::is_file).map(|metadata| metadata.len()).sum()
}

/// Refuses to start what would not fit: `bytes` and a tenth more must be free.
pub fn require_space(id: &str, directory: &Path, bytes: u64) -> Result<(), ModelError> {
    let needed = bytes.saturating_add(bytes / 10);
    let available = free_bytes(directory)?;
    if available < needed {
        return Err(ModelError::Space { id: id.into(), needed, available, place: directory.display().to_string() });
    }
    Ok(())
}

/// What an ordinary user may still write on the file system that holds `directory`.
pub fn free_bytes(directory: &Path) -> Result<u64, ModelError> {
    let status = rustix::fs::statvfs(directory).map_err(|error| ModelError::io("examined", directory, error.into()))?;
    Ok(status.f_bavail.saturating_mul(status.f_frsize))
}

/// A checksum in the making.
#[derive(Default)]
pub struct Checksum(Sha256);

impl Checksum {
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Lower-case hexadecimal.
    pub fn finish(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Adds what a file holds to `checksum`; returns how many bytes that were. `seen` hears of each piece.
pub fn read_into(path: &Path, checksum: &mut Checksum, mut seen: impl FnMut(u64)) -> Result<u64, ModelError> {
    let unreadable = |error| ModelError::io("read", path, error);
    let mut file = File::open(path).map_err(unreadable)?;
    let mut buffer = vec![0; 1 << 20];
    let mut total = 0;
    loop {
        let size = file.read(&mut buffer).map_err(unreadable)?;
        if size == 0 {
            return Ok(total);
        }
        checksum.update(&buffer[..size]);
        total += size as u64;
        seen(size as u64);
    }
}

/// Checksum and size of a file. Blocks.
pub fn sha256_of(path: &Path) -> Result<(String, u64), ModelError> {
    let mut checksum = Checksum::default();
    let bytes = read_into(path, &mut checksum, |_| ())?;
    Ok((checksum.finish(), bytes))
}

/// The name that git gives a file: the SHA-1 of a header and its content. Blocks.
pub fn git_blob_sha1(path: &Path) -> Result<String, ModelError> {
    use sha1::Digest as _;
    let unreadable = |error| ModelError::io("read", path, error);
    let mut file = File::open(path).map_err(unreadable)?;
    let mut checksum = sha1::Sha1::new();
    checksum.update(format!("blob {}\0", file.metadata().map_err(unreadable)?.len()));
    let mut buffer = vec![0; 1024 * 1024];
    loop {
        match file.read(&mut buffer).map_err(unreadable)? {
            0 => break,
            size => checksum.update(&buffer[..size]),
        }
    }
    Ok(checksum.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Runs blocking work off the asynchronous threads.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, ModelError> + Send + 'static) -> Result<T, ModelError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(ModelError::Catalog(format!("work on files was given up: {error}"))),
    }
}

pub fn create_directory(path: &Path) -> Result<(), ModelError> {
    std::fs::create_dir_all(path).map_err(|error| ModelError::io("created", path, error))
}

/// Removes a file or folder if it is there.
pub fn remove(path: &Path) -> Result<(), ModelError> {
    let outcome = match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match outcome {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(ModelError::io("removed", path, error)),
        _ => Ok(()),
    }
}

pub fn sync_file(path: &Path) -> Result<(), ModelError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|error| ModelError::io("saved", path, error))
}

/// Saves everything on the file system that holds `path`: cheaper than a thousand single files.
pub fn sync_file_system(path: &Path) -> Result<(), ModelError> {
    let file = File::open(path).map_err(|error| ModelError::io("opened", path, error))?;
    rustix::fs::syncfs(&file).map_err(|error| ModelError::io("saved", path, error.into()))
}

pub fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), ModelError> {
    let unwritable = |error| ModelError::io("written", path, error);
    let temporary = path.with_extension("new");
    let mut file = File::create(&temporary).map_err(unwritable)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(unwritable)?;
    std::fs::rename(&temporary, path).map_err(unwritable)?;
    path.parent().map_or(Ok(()), sync_file)
}

pub fn rename(from: &Path, to: &Path) -> Result<(), ModelError> {
    std::fs::rename(from, to).map_err(|error| ModelError::io("moved into place", to, error))
}

/// Puts the folder `from` in the place of `to` in one step; what was there is then at `from`.
pub fn replace_folder(from: &Path, to: &Path) -> Result<(), ModelError> {
    if to.exists() {
        let swapped = rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::EXCHANGE);
        swapped.map_err(|error| ModelError::io("moved into place", to, error.into()))?;
    } else {
        rename(from, to)?;
    }
    to.parent().map_or(Ok(()), sync_file)
}

/// Held by whoever works on one artefact; given back when the last clone is dropped.
#[derive(Clone)]
pub struct Lock(#[expect(dead_code, reason = "closing the file gives the lock back")] Arc<OwnedFd>);

impl Lock {
    /// Waits for the lock; `waiting` is called once if somebody else has it.
    pub async fn acquire(path: &Path, waiting: impl FnOnce()) -> Result<Self, ModelError> {
        let unlockable = |error: rustix::io::Errno| ModelError::io("locked", path, error.into());
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = rustix::fs::open(path, flags, Mode::from_raw_mode(0o600)).map_err(unlockable)?;
        let mut waiting = Some(waiting);
        loop {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self(Arc::new(file))),
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    if let Some(waiting) = waiting.take() {
                        waiting();
                    }
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                Err(error) => return Err(unlockable(error)),
            }
        }
    }
}

/// A relative path from outside, if every part of it is a plain name.
pub fn checked_path(name: &str) -> Option<PathBuf> {
    let path = Path::new(name);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    let clean = !name.is_empty() && name.len() <= 1024 && !name.contains(['\0', '\\']) && !name.ends_with('/') && !name.contains("//");
    (plain && clean).then(|| path.to_owned())
}

/// Creates a new file below `folder` and its parents. Each step is one plain name in a folder that is open already, and
/// no link is followed, so the path cannot lead out. (Not `openat2`, which says the same in one call: systemd answers
/// `ENOSYS` to it where `RestrictSUIDSGID=` holds, for its filter cannot see the mode in it.)
pub fn create_beneath(folder: &Path, relative: &Path, executable: bool) -> Result<File, ModelError> {
    let full = folder.join(relative);
    let fail = |error: rustix::io::Errno| ModelError::io("written", &full, error.into());
    let mut names = Vec::new();
    for part in relative.components() {
        let Component::Normal(name) = part else { return Err(fail(rustix::io::Errno::INVAL)) };
        names.push(name);
    }
    let name = names.pop().ok_or_else(|| fail(rustix::io::Errno::INVAL))?;
    let directory = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    let mut parent = rustix::fs::open(folder, directory, Mode::empty()).map_err(fail)?;
    for part in names {
        match rustix::fs::mkdirat(&parent, part, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(fail(error)),
        }
        parent = rustix::fs::openat(&parent, part, directory | OFlags::NOFOLLOW, Mode::empty()).map_err(fail)?;
    }
    let mode = Mode::from_raw_mode(if executable { 0o755 } else { 0o644 });
    // A new file: with `EXCL` a link in its place is an error.
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    rustix::fs::openat(&parent, name, flags, mode).map(File::from).map_err(fail)
}

/// A new, empty file of ours.
pub fn create(path: &Path) -> Result<File, ModelError> {
    OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path).map_err(|error| ModelError::io("written", path, error))
}

/// Opens a regular file. Anything else is refused without waiting: a pipe that nobody writes to would wait for ever.
pub fn open(path: &Path) -> Result<File, ModelError> {
    let unopened = |error| ModelError::io("opened", path, error);
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(|error| unopened(error.into()))?);
    match file.metadata().map_err(unopened)? {
        metadata if metadata.is_file() => Ok(file),
        _ => Err(unopened(std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is no regular file"))),
    }
}

/// An id from a file's name: lower case, other characters as dashes, without its ending.
pub fn identifier_from(path: &Path) -> Option<String> {
    let stem = path.file_stem()?.to_string_lossy().to_lowercase();
    let dashed: String =
        stem.chars().map(|letter| if letter.is_ascii_alphanumeric() || "._".contains(letter) { letter } else { '-' }).collect();
    let id = dashed.trim_matches(['-', '.', '_']).chars().take(80).collect::<String>();
    super::catalog::is_identifier(&id).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_no_paths() {
        for name in ["../x", "a/../../x", "/etc/passwd", "", "a//b", "a/", "a\0b", "./a", "..", "a\\b"] {
            assert_eq!(checked_path(name), None, "{name:?}");
        }
        assert_eq!(checked_path("bin/postgres"), Some("bin/postgres".into()));
    }

    #[test]
    fn a_link_inside_the_folder_does_not_lead_a_file_out_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("lib")).unwrap();
        assert!(create_beneath(folder.path(), Path::new("lib/x"), false).is_err());
        assert!(create_beneath(folder.path(), Path::new("share/deep/x"), true).is_ok());
        assert!(create_beneath(folder.path(), Path::new("share/deep/x"), true).is_err(), "a file is never written twice");
        assert!(create_beneath(folder.path(), Path::new("share/../../x"), false).is_err());
        std::os::unix::fs::symlink(elsewhere.path().join("y"), folder.path().join("y")).unwrap();
        assert!(create_beneath(folder.path(), Path::new("y"), false).is_err());
        assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_pipe_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(CWD, &pipe, rustix::fs::FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let error = open(&pipe).unwrap_err();
        assert!(std::error::Error::source(&error).is_some_and(|cause| cause.to_string().contains("no regular file")), "{error}");
        assert!(open(Path::new("/dev/null")).is_err());
    }

    #[test]
    fn ids_come_from_file_names() {
        assert_eq!(identifier_from(Path::new("/x/My Model (Q4_K).gguf")).as_deref(), Some("my-model--q4_k"));
        assert_eq!(identifier_from(Path::new("/x/a\";touch x;\".gguf")).as_deref(), Some("a--touch-x"));
        assert_eq!(identifier_from(Path::new("/x/..gguf")), None);
    }

    #[test]
    fn what_does_not_fit_is_refused_in_one_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let error = require_space("big", folder.path(), u64::MAX / 2).unwrap_err().to_string();
        assert!(error.starts_with("big needs") && error.contains("free some and try again"), "{error}");
    }
}
