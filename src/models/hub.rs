//! The model hub as a source: one file over HTTPS, resumed after a break, hashed while it streams.
//!
//! Why this is not left to hf-hub is in `docs/decisions/0002-hub-transfer.md`.

use std::{
    path::{Path, PathBuf},
    sync::atomic::Ordering,
    time::Duration,
};

use tokio::{fs::OpenOptions, io::AsyncWriteExt};

use super::{
    HubFolder, HubSource, ModelError, Stage,
    files::{self, Checksum},
    pull::{Pull, Staged},
};
use crate::egress::{EgressError, Purpose};

/// How often a broken transfer is taken up again without having moved on.
const FRUITLESS_ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(500);
/// The hub's own name for a file's SHA-256, for files in large file storage.
const CHECKSUM_HEADER: &str = "x-linked-etag";
const SIZE_HEADER: &str = "x-linked-size";

/// Size and checksum that the file must have.
struct Expected {
    bytes: u64,
    digest: Digest,
}

/// The hub knows large files by their SHA-256; small ones it keeps in git, which names them by a SHA-1.
#[derive(Clone, PartialEq, Eq)]
enum Digest {
    Sha256(String),
    GitBlob(String),
}

impl Digest {
    /// Of the hub's entity tag.
    fn of(tag: &str) -> Option<Self> {
        let text = tag.trim_start_matches("W/").trim_matches('"').to_lowercase();
        match (text.bytes().all(|byte| byte.is_ascii_hexdigit()), text.len()) {
            (true, 64) => Some(Self::Sha256(text)),
            (true, 40) => Some(Self::GitBlob(text)),
            _ => None,
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Sha256(text) | Self::GitBlob(text) => text,
        }
    }

    /// The file's own; `sha256` is known from the transfer.
    async fn found(&self, sha256: &str, file: &Path) -> Result<String, ModelError> {
        match self {
            Self::Sha256(_) => Ok(sha256.to_owned()),
            Self::GitBlob(_) => {
                let file = file.to_owned();
                files::blocking(move || files::git_blob_sha1(&file)).await
            }
        }
    }
}

impl Pull<'_> {
    /// Downloads the file into the staging folder.
    pub(super) async fn fetch_from_hub(&self, source: &HubSource) -> Result<Staged, ModelError> {
        // A branch may be named with a slash, which would otherwise end the revision.
        let revision = source.revision.replace('/', "%2F");
        let url = format!("{}/{}/resolve/{revision}/{}", self.hub(), source.repository, source.file);
        let expected = self.expected(source, &url).await?;
        let partial = self.staging().join(format!("hub-{}.partial", &expected.digest.text()[..16]));
        let transfer = Transfer { pull: self, url: &url, from: self.hub_host(), expected: &expected, partial: partial.clone() };
        let sha256 = transfer.fetch().await?;
        let found = expected.digest.found(&sha256, &partial).await?;
        if found != expected.digest.text() {
            files::remove(&partial)?;
            return Err(self.wrong_checksum(&found, expected.digest.text()));
        }
        let place = format!("{}, {} of {}", self.hub_host(), source.file, source.repository);
        Ok(Staged { path: partial, sha256: Some(sha256), bytes: expected.bytes, source: place })
    }

    /// Downloads every file, then puts them into one folder. A file that is complete is not fetched again.
    pub(super) async fn fetch_folder_from_hub(&self, source: &HubFolder) -> Result<Staged, ModelError> {
        let mut fetched = Vec::new();
        for (file, into) in source.parts() {
            fetched.push((self.fetch_from_hub(&file).await?, into));
        }
        let folder = self.staging().join("result");
        files::remove(&folder)?;
        for (file, into) in &fetched {
            let path =
                files::checked_path(into).ok_or_else(|| ModelError::refused(self.id(), format!("{into:?} is no path in a folder")))?;
            let path = folder.join(path);
            path.parent().map_or(Ok(()), files::create_directory)?;
            files::rename(&file.path, &path)?;
        }
        let bytes = fetched.iter().map(|(file, _)| file.bytes).sum();
        Ok(Staged { path: folder, sha256: None, bytes, source: format!("{}, {}", self.hub_host(), source.repository) })
    }

    fn hub_failed(&self, error: &EgressError) -> ModelError {
        if matches!(error, EgressError::Broken { .. }) {
            self.hub_is_gone().store(true, Ordering::Relaxed);
        }
        self.unreachable(error)
    }

    fn hub_host(&self) -> &str {
        self.hub().split_once("://").map_or(self.hub(), |(_, host)| host)
    }

    async fn expected(&self, source: &HubSource, url: &str) -> Result<Expected, ModelError> {
        if let (Some(bytes), Some(sha256)) = (source.bytes, source.sha256.clone()) {
            return Ok(Expected { bytes, digest: Digest::Sha256(sha256) });
        }
        let headers = self.egress().head(Purpose::Models, url, CHECKSUM_HEADER).await.map_err(|error| self.hub_failed(&error))?;
        let first = |names: [&str; 2]| names.iter().find_map(|name| headers.get(*name));
        let stated = first([CHECKSUM_HEADER, "etag"]).and_then(|tag| Digest::of(tag));
        let bytes = source.bytes.or_else(|| first([SIZE_HEADER, "content-length"])?.parse().ok());
        match (bytes, source.sha256.clone().map(Digest::Sha256).or(stated)) {
            (Some(bytes), Some(digest)) => Ok(Expected { bytes, digest }),
            _ => Err(ModelError::refused(self.id(), "the hub states no size and checksum for it")),
        }
    }
}

struct Transfer<'a> {
    pull: &'a Pull<'a>,
    url: &'a str,
    from: &'a str,
    expected: &'a Expected,
    partial: PathBuf,
}

impl Transfer<'_> {
    /// Brings the partial file to its full length; returns its checksum.
    async fn fetch(&self) -> Result<String, ModelError> {
        let (mut checksum, mut have) = self.take_up().await?;
        files::require_space(self.pull.id(), self.pull.staging(), self.expected.bytes - have)?;
        let started_with = have;
        let mut fruitless = 0;
        while have < self.expected.bytes {
            let before = have;
            let broken = match self.stream(&mut checksum, &mut have).await {
                Ok(()) => None,
                Err(Trouble::Broken(error @ EgressError::Broken { .. })) => Some(error),
                Err(Trouble::Broken(error)) => return Err(self.pull.unreachable(&error)),
                Err(Trouble::Model(error)) => return Err(error),
            };
            if have == self.expected.bytes {
                break;
            }
            // It broke off, or ended early without saying so: taken up again, as long as it moves on.
            fruitless = if have > before { 0 } else { fruitless + 1 };
            if have == started_with || fruitless > FRUITLESS_ATTEMPTS {
                let short = || ModelError::refused(self.pull.id(), format!("the hub sent {have} of {} bytes", self.expected.bytes));
                return Err(broken.map_or_else(short, |error| self.pull.hub_failed(&error)));
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(checksum.finish())
    }

    /// What an earlier attempt left, and its checksum so far.
    async fn take_up(&self) -> Result<(Checksum, u64), ModelError> {
        let length = std::fs::metadata(&self.partial).map_or(0, |metadata| metadata.len());
        if length == 0 || length > self.expected.bytes {
            files::remove(&self.partial)?;
            return Ok((Checksum::default(), 0));
        }
        let partial = self.partial.clone();
        files::blocking(move || {
            let mut checksum = Checksum::default();
            let bytes = files::read_into(&partial, &mut checksum, |_| ())?;
            Ok((checksum, bytes))
        })
        .await
    }

    async fn stream(&self, checksum: &mut Checksum, have: &mut u64) -> Result<(), Trouble> {
        let unwritable = |error| Trouble::Model(ModelError::io("written", &self.partial, error));
        let mut download = self.pull.egress().get(Purpose::Models, self.url, *have).await.map_err(Trouble::Broken)?;
        let mut file = OpenOptions::new().create(true).append(true).open(&self.partial).await.map_err(unwritable)?;
        if download.start() != *have {
            // This server cannot resume: all over again.
            file.set_len(0).await.map_err(unwritable)?;
            *checksum = Checksum::default();
            *have = 0;
        }
        loop {
            let chunk = match download.chunk().await {
                Ok(Some(chunk)) => chunk,
                ended => {
                    file.flush().await.map_err(unwritable)?;
                    return ended.map(drop).map_err(Trouble::Broken);
                }
            };
            let bytes = chunk.as_ref();
            if *have + bytes.len() as u64 > self.expected.bytes {
                drop(file);
                files::remove(&self.partial).map_err(Trouble::Model)?;
                let reason = format!("the hub sends more than the {} bytes it should have", self.expected.bytes);
                return Err(Trouble::Model(ModelError::refused(self.pull.id(), reason)));
            }
            file.write_all(bytes).await.map_err(unwritable)?;
            checksum.update(bytes);
            *have += bytes.len() as u64;
            self.pull.report(Stage::Downloading(self.from.into()), *have, Some(self.expected.bytes));
        }
    }
}

enum Trouble {
    /// The other side's, or the way there.
    Broken(EgressError),
    Model(ModelError),
}
