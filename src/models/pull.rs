//! Pulling: several artefacts at once, each from the first source that has it, each landing whole or not at all.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{sync::Semaphore, task::JoinSet};

use super::{
    ArtifactStore, Attempt, CatalogEntry, ModelError, ParseJobs, ProgressEvent, PullProgress, Source, Stage,
    files::{self, Lock},
    manifest::Manifest,
    store::Arrival,
};
use crate::egress::{Egress, EgressError};

/// How many artefacts are pulled at a time.
const AT_ONCE: usize = 3;

/// What a pull came to.
#[derive(Debug)]
pub struct Pulled {
    pub id: String,
    pub outcome: Result<PullOutcome, ModelError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullOutcome {
    /// It was here already.
    AlreadyHere,
    Fetched,
}

/// Fetches artefacts into a store. Cheap to clone.
#[derive(Clone)]
pub struct Puller {
    store: Arc<ArtifactStore>,
    egress: Arc<Egress>,
    hub: Arc<str>,
    progress: Arc<dyn PullProgress>,
    /// The hub could not be reached at all: the other pulls need not wait for it too.
    hub_is_gone: Arc<AtomicBool>,
}

impl Puller {
    /// `hub` is the hub's address without a slash at its end.
    pub fn new(store: Arc<ArtifactStore>, egress: Arc<Egress>, hub: &str, progress: Arc<dyn PullProgress>) -> Self {
        Self { store, egress, hub: hub.trim_end_matches('/').into(), progress, hub_is_gone: Arc::default() }
    }

    /// The same, not knowing yet whether the hub can be reached.
    pub fn afresh(&self) -> Self {
        Self { hub_is_gone: Arc::default(), ..self.clone() }
    }

    /// Pulls all of `entries`; outcomes in no particular order. Dropping the future stops everything; what was
    /// downloaded so far is taken up by the next pull.
    pub async fn pull(&self, entries: Vec<CatalogEntry>) -> Vec<Pulled> {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut pulls = JoinSet::new();
        for entry in entries {
            let (puller, places) = (self.clone(), Arc::clone(&places));
            pulls.spawn(async move {
                let _place = places.acquire().await;
                let outcome = puller.pull_one(&entry).await;
                Pulled { id: entry.id, outcome }
            });
        }
        let mut pulled = Vec::new();
        while let Some(outcome) = pulls.join_next().await {
            match outcome {
                Ok(outcome) => pulled.push(outcome),
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => {}
            }
        }
        pulled
    }

    /// Pulls one artefact. A second pull of it, in this process or another, waits for the first.
    pub async fn pull_one(&self, entry: &CatalogEntry) -> Result<PullOutcome, ModelError> {
        let report = |stage, bytes, total| self.progress.event(ProgressEvent { id: entry.id.clone(), stage, bytes, total });
        let outcome = self.pull_locked(entry, report).await;
        match &outcome {
            Ok((_, bytes)) => report(Stage::Done, *bytes, Some(*bytes)),
            Err(error) => report(Stage::Failed(error.to_string()), 0, entry.bytes()),
        }
        outcome.map(|(outcome, _)| outcome)
    }

    async fn pull_locked(
        &self,
        entry: &CatalogEntry,
        report: impl Fn(Stage, u64, Option<u64>) + Send + Sync,
    ) -> Result<(PullOutcome, u64), ModelError> {
        let path = self.store.lock_path(&entry.id);
        let lock = Lock::acquire(&path, || report(Stage::Waiting, 0, entry.bytes())).await?;
        if let Some(bytes) = self.store.has(entry)? {
            return Ok((PullOutcome::AlreadyHere, bytes));
        }
        let staging = self.store.staging(&entry.id);
        files::create_directory(&staging)?;
        let pull = Pull { puller: self, entry, staging: &staging, report: &report };
        let staged = pull.try_sources().await?;
        report(Stage::Verifying, staged.bytes, Some(staged.bytes));
        let arrival = Arrival {
            id: entry.id.clone(),
            kind: entry.kind,
            format: entry.format,
            file: entry.file.clone(),
            source: staged.source,
            sha256: staged.sha256,
            derived_from: None,
        };
        let manifest = self.store.land(arrival, &staged.path, &lock).await?;
        Ok((PullOutcome::Fetched, manifest.bytes))
    }
}

/// A file or folder in the staging folder, checked and ready to land.
pub(super) struct Staged {
    pub path: std::path::PathBuf,
    /// Of a file; a folder has none.
    pub sha256: Option<String>,
    pub bytes: u64,
    pub source: String,
}

/// One artefact's pull under way. `hub.rs` and `mirror.rs` hold its sources.
pub(super) struct Pull<'a> {
    puller: &'a Puller,
    entry: &'a CatalogEntry,
    staging: &'a Path,
    report: &'a (dyn Fn(Stage, u64, Option<u64>) + Send + Sync),
}

impl Pull<'_> {
    pub fn id(&self) -> &str {
        &self.entry.id
    }

    pub fn staging(&self) -> &Path {
        self.staging
    }

    pub fn hub(&self) -> &str {
        &self.puller.hub
    }

    pub fn hub_is_gone(&self) -> &AtomicBool {
        &self.puller.hub_is_gone
    }

    pub fn egress(&self) -> &Egress {
        &self.puller.egress
    }

    pub fn parse(&self) -> &dyn ParseJobs {
        self.puller.store.parse()
    }

    pub fn report(&self, stage: Stage, bytes: u64, total: Option<u64>) {
        (self.report)(stage, bytes, total);
    }

    pub fn wrong_checksum(&self, found: &str, expected: &str) -> ModelError {
        ModelError::refused(self.id(), format!("its checksum is {found}, {expected} was expected; nothing was kept"))
    }

    pub fn unreachable(&self, error: &EgressError) -> ModelError {
        ModelError::refused(self.id(), error.to_string())
    }

    async fn try_sources(&self) -> Result<Staged, ModelError> {
        let mut tried = Vec::new();
        for source in &self.entry.sources {
            let outcome = match source {
                Source::Hub(_) | Source::HubFolder(_) if self.hub_is_gone().load(Ordering::Relaxed) => {
                    Err(ModelError::refused(self.id(), "it could not be reached"))
                }
                Source::Hub(hub) => self.fetch_from_hub(hub).await,
                Source::HubFolder(folder) => self.fetch_folder_from_hub(folder).await,
                Source::Pip(pip) => self.fetch_from_mirror(pip).await,
                Source::File { path, sha256 } => self.take_file(path, sha256.as_deref()).await,
            };
            match outcome {
                Ok(staged) => return Ok(staged),
                // Another source would meet the same disk.
                Err(error @ (ModelError::Space { .. } | ModelError::Io { .. })) => return Err(error),
                Err(ModelError::Refused { reason, .. }) => tried.push(Attempt { source: name(source), reason }),
                Err(error) => tried.push(Attempt { source: name(source), reason: error.to_string() }),
            }
        }
        Err(ModelError::NoSource { id: self.entry.id.clone(), tried })
    }

    async fn take_file(&self, path: &Path, expected: Option<&str>) -> Result<Staged, ModelError> {
        let staged = self.staging.join("result");
        let (from, to) = (path.to_owned(), staged.clone());
        if !path.is_file() {
            return Err(ModelError::refused(self.id(), format!("{} is no file", path.display())));
        }
        let (sha256, bytes) = files::blocking(move || super::import::copy(&from, &to)).await?;
        if let Some(expected) = expected.filter(|expected| *expected != sha256) {
            files::remove(&staged)?;
            return Err(self.wrong_checksum(&sha256, expected));
        }
        Ok(Staged { path: staged, sha256: Some(sha256), bytes, source: format!("the file {}", path.display()) })
    }
}

fn name(source: &Source) -> String {
    match source {
        Source::Hub(hub) => format!("hub {}", hub.repository),
        Source::HubFolder(folder) => format!("hub {}", folder.repository),
        Source::Pip(_) => "package mirror".into(),
        Source::File { path, .. } => path.display().to_string(),
    }
}

impl ArtifactStore {
    /// The size of this entry if it is here, whole by its sizes, and of a checksum that the catalogue still names.
    pub fn has(&self, entry: &CatalogEntry) -> Result<Option<u64>, ModelError> {
        let Some(manifest) = Manifest::read(&self.folder(&entry.id))? else { return Ok(None) };
        let pinned: Vec<&String> = entry
            .sources
            .iter()
            .filter_map(|source| match source {
                Source::Hub(hub) => hub.sha256.as_ref(),
                // Its files each have their own, in the manifest.
                Source::HubFolder(_) => None,
                Source::Pip(pip) => pip.sha256.as_ref(),
                Source::File { sha256, .. } => sha256.as_ref(),
            })
            .collect();
        // A hub source without a checksum was pinned when it was pulled.
        let open = entry.sources.iter().any(|source| matches!(source, Source::Hub(hub) if hub.sha256.is_none()));
        let named = open || manifest.sha256.as_ref().is_none_or(|sha256| pinned.is_empty() || pinned.contains(&sha256));
        let whole = named && manifest.file == entry.file && self.sizes_are_right(&manifest);
        Ok(whole.then_some(manifest.bytes))
    }
}
