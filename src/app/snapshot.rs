//! The state of the whole, for the status page and for readiness.

use std::{
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;

use super::{engines::Engines, library::Library, watch::EgressCounter};
use crate::{
    config::Config,
    db::{Database, PrivateCluster, Probe},
    engine::{supervisor, wire::EngineKind},
    features::{
        dreams::TEXT_LENGTH,
        models::{ModelUsage, PullBoard, PullState},
        speech::AUDIO_LIMIT_BYTES,
        system::{DatabaseStatus, EngineState, EngineStatus, Limits, ModelStatus, PullProgress, SystemSnapshot, SystemSource, TaskStatus},
    },
    jobs::{JobStatus, Queue},
    models::{ArtifactKind, ArtifactStore, CatalogEntry, Profile},
};

/// How long the status waits for the database.
const DATABASE_PATIENCE: Duration = Duration::from_secs(1);

/// Knows each part from the moment it exists.
pub struct Snapshot {
    store: Arc<ArtifactStore>,
    egress: Arc<EgressCounter>,
    board: Arc<PullBoard>,
    sealed: bool,
    allow_unsandboxed: bool,
    /// The longest recording that is heard.
    recording_minutes: u16,
    parts: Mutex<Known>,
    /// Requests reach their features: engines and database may be ready a moment earlier.
    serving: AtomicBool,
}

#[derive(Default)]
struct Known {
    profile: String,
    /// What the profile holds, once it is settled.
    entries: Option<Vec<CatalogEntry>>,
    /// Weak, so that whoever brought them up can stop them.
    engines: Weak<Engines>,
    database: Weak<Database>,
    /// Of a private database only.
    probe: Option<Probe>,
}

impl Snapshot {
    pub fn new(config: &Config, library: &Library, egress: Arc<EgressCounter>) -> Self {
        let (store, board) = (Arc::clone(library.store()), Arc::clone(library.board()));
        let parts = Known { profile: config.models.profile.clone(), ..Known::default() };
        Self {
            store,
            egress,
            board,
            sealed: config.server.sealed,
            allow_unsandboxed: config.server.allow_unsandboxed,
            recording_minutes: config.speech.max_minutes,
            parts: Mutex::new(parts),
            serving: AtomicBool::new(false),
        }
    }

    pub fn requests_are_served(&self) {
        self.serving.store(true, Ordering::Release);
    }

    pub fn profile_is_chosen(&self, profile: Profile, entries: &[CatalogEntry]) {
        let mut parts = self.known();
        parts.profile = profile.to_string();
        parts.entries = Some(entries.to_vec());
    }

    pub fn database_is_open(&self, database: &Arc<Database>) {
        let mut parts = self.known();
        parts.database = Arc::downgrade(database);
        parts.probe = database.cluster().map(PrivateCluster::probe);
    }

    pub fn engines_started(&self, engines: &Arc<Engines>) {
        self.known().engines = Arc::downgrade(engines);
    }

    /// How far fetching or loading is, in a word that needs no translation; empty when that is not known.
    pub fn progress(&self) -> String {
        let largest = self.board.under_way().into_iter().max_by_key(|(_, pull)| pull.bytes_total);
        if let Some((id, pull)) = largest {
            let total = pull.bytes_total.unwrap_or_default().max(1);
            return format!("{id}: {} %", pull.bytes_done.saturating_mul(100) / total);
        }
        let statuses = self.known().engines.upgrade().map(|engines| engines.statuses()).unwrap_or_default();
        let loading = statuses.iter().find_map(|status| match status.state {
            supervisor::EngineState::Starting { fraction } => Some(format!("{}: {:.0} %", status.model_id, fraction * 100.0)),
            _ => None,
        });
        loading.unwrap_or_default()
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn now(&self) -> SystemSnapshot {
        let (profile, entries, engines, database) = {
            let parts = self.known();
            (parts.profile.clone(), parts.entries.clone().unwrap_or_default(), parts.engines.upgrade(), parts.database.upgrade())
        };
        let statuses = engines.as_ref().map(|engines| engines.statuses()).unwrap_or_default();
        let guests = engines.map(|engines| engines.guests()).unwrap_or_default();
        let pulls = self.board.under_way();
        SystemSnapshot {
            profile,
            models: self.models(&entries),
            database: database_status(database.as_deref()).await,
            tasks: TASKS
                .iter()
                .map(|(task, kind)| task_status(task, *kind, &statuses, pulls.len(), self.serving.load(Ordering::Acquire)))
                .collect(),
            engines: statuses.into_iter().chain(guests).map(engine_status).collect(),
            unsandboxed_allowed: self.allow_unsandboxed,
            sealed: self.sealed,
            egress: self.egress.counts(),
            egress_log: self.egress.last(),
            disk_free_bytes: self.store.disk_free().ok(),
            limits: limits(self.recording_minutes),
            pulls: pulls.into_iter().map(pull_status).collect(),
            jobs: jobs(database.as_deref()).await,
        }
    }
}

impl Snapshot {
    fn models(&self, entries: &[CatalogEntry]) -> Vec<ModelStatus> {
        let here = self.store.list().unwrap_or_else(|error| {
            tracing::warn!(%error, "the models that are here cannot be listed");
            Vec::new()
        });
        entries.iter().map(|entry| model_status(entry, here.iter().any(|manifest| manifest.id == entry.id))).collect()
    }
}

impl ModelUsage for Snapshot {
    fn profile(&self) -> String {
        self.known().profile.clone()
    }

    fn used(&self) -> Option<Vec<String>> {
        let mut used: Vec<String> = self.known().entries.as_ref()?.iter().map(|entry| entry.id.clone()).collect();
        let variants: Vec<String> = used.iter().filter_map(|id| Some(self.store.chosen_variant(id)?.id)).collect();
        used.extend(variants);
        Some(used)
    }
}

impl Snapshot {
    /// How far the appliance is, for the service manager's status line. Asks the database nothing.
    pub fn in_a_line(&self) -> String {
        const MEGABYTE: u64 = 1_000_000;
        if let Some((id, pull)) = self.board.under_way().first() {
            let total = pull.bytes_total.map_or_else(|| "?".to_owned(), |bytes| (bytes / MEGABYTE).to_string());
            return format!("fetching {id}: {} of {total} MB", pull.bytes_done / MEGABYTE);
        }
        let engines = self.known().engines.upgrade().map(|engines| engines.statuses()).unwrap_or_default();
        match engines.iter().filter(|engine| !engine.serves()).find_map(|engine| Some((engine, reason(&engine.state)?))) {
            Some((engine, reason)) => format!("{}: {reason}", engine.model_id),
            None if self.serving.load(Ordering::Acquire) => format!("ready: {} engines", engines.len()),
            None => "coming up".into(),
        }
    }

    /// A way to see whether the private database hangs, once it is open.
    pub fn database_probe(&self) -> Option<Probe> {
        self.known().probe.clone()
    }
}

impl SystemSource for Snapshot {
    fn snapshot(&self) -> BoxFuture<'_, SystemSnapshot> {
        Box::pin(self.now())
    }
}

fn pull_status((id, pull): (String, PullState)) -> PullProgress {
    PullProgress { id, bytes_done: pull.bytes_done, bytes_total: pull.bytes_total.unwrap_or_default() }
}

fn limits(recording_minutes: u16) -> Limits {
    Limits {
        recording_minutes: recording_minutes.into(),
        recording_bytes: AUDIO_LIMIT_BYTES,
        dream_min_characters: *TEXT_LENGTH.start(),
        dream_max_characters: *TEXT_LENGTH.end(),
    }
}

const TASKS: [(&str, EngineKind); 3] =
    [("interpretation", EngineKind::Llm), ("embedding", EngineKind::Embedding), ("transcription", EngineKind::Asr)];

/// A task is ready when every engine of its kind is: each serves languages that the others do not.
fn task_status(task: &str, kind: EngineKind, statuses: &[supervisor::EngineStatus], pulls: usize, serving: bool) -> TaskStatus {
    let mut of_kind = statuses.iter().filter(|status| status.kind == kind).peekable();
    let detail = match of_kind.peek() {
        None if pulls > 0 => Some("its model is being fetched".to_owned()),
        None => Some("no engine was started for it yet".to_owned()),
        Some(_) if !serving => Some("the appliance is still coming up".to_owned()),
        Some(_) => of_kind.find(|status| !status.serves()).and_then(|status| reason(&status.state)),
    };
    TaskStatus { task: task.to_owned(), ready: detail.is_none(), detail }
}

/// One entry of the profile, as the status page shows it.
pub fn model_status(entry: &CatalogEntry, present: bool) -> ModelStatus {
    let kind = match entry.kind {
        ArtifactKind::Llm => "llm",
        ArtifactKind::Embedding => "embedding",
        ArtifactKind::Asr => "asr",
        ArtifactKind::Database | ArtifactKind::Onnxruntime => "runtime",
    };
    ModelStatus { id: entry.id.clone(), kind: kind.into(), licence: entry.licence.spdx.clone(), bytes: entry.bytes().unwrap_or(0), present }
}

fn engine_status(status: supervisor::EngineStatus) -> EngineStatus {
    let detail = reason(&status.state);
    let state = match status.state {
        supervisor::EngineState::Starting { .. } => EngineState::Starting,
        supervisor::EngineState::Ready => EngineState::Ready,
        supervisor::EngineState::Resting => EngineState::Resting,
        supervisor::EngineState::Restarting { .. } => EngineState::Restarting,
        supervisor::EngineState::Failed { .. } | supervisor::EngineState::Stopped => EngineState::Failed,
    };
    EngineStatus {
        kind: status.kind,
        model: status.model_id,
        state,
        pid: status.pid,
        memory_bytes: status.resident_bytes,
        restarts: status.restarts,
        queued: status.queued,
        prompt_tokens: status.prompt_tokens,
        cached_tokens: status.cached_tokens,
        confinement: status.confinement,
        detail,
    }
}

fn reason(state: &supervisor::EngineState) -> Option<String> {
    match state {
        supervisor::EngineState::Ready => None,
        supervisor::EngineState::Resting => Some("it is loaded when somebody asks for it".into()),
        supervisor::EngineState::Starting { fraction } => Some(format!("its model is loading ({:.0} %)", fraction * 100.0)),
        supervisor::EngineState::Restarting { reason, .. } => Some(format!("it starts again after a fault: {reason}")),
        supervisor::EngineState::Failed { reason } => Some(format!("it failed: {reason}")),
        supervisor::EngineState::Stopped => Some("it was stopped".into()),
    }
}

async fn jobs(database: Option<&Database>) -> Vec<JobStatus> {
    let Some(database) = database else { return Vec::new() };
    let queue = Queue::new(database.pool().clone());
    match tokio::time::timeout(DATABASE_PATIENCE, queue.unfinished()).await {
        Ok(Ok(jobs)) => jobs,
        // Whether the database answers is told by its own status.
        _ => Vec::new(),
    }
}

async fn database_status(database: Option<&Database>) -> DatabaseStatus {
    let absent =
        |private, detail: &str| DatabaseStatus { available: false, private, version: None, pgvector: None, detail: Some(detail.into()) };
    let Some(database) = database else { return absent(true, "the database has not started yet") };
    let private = database.cluster().is_some();
    match tokio::time::timeout(DATABASE_PATIENCE, database.status()).await {
        Ok(Ok(status)) => {
            DatabaseStatus { available: true, private, version: Some(status.version), pgvector: Some(status.pgvector), detail: None }
        }
        _ => absent(private, "the database does not answer"),
    }
}
