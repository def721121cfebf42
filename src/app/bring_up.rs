//! From an empty machine to a working appliance: models, database, engines, jobs.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context as _, bail};
use tokio::sync::watch as channel;
use tokio_util::sync::CancellationToken;

use super::{
    engines::{Engines, ProfileModel},
    library::Library,
    snapshot::Snapshot,
};
use crate::{
    config::Config,
    db::{Database, DatabaseSource},
    engine::{parse::ParseRunner, supervisor::Spawner},
    features::{
        dreams::{DreamService, DreamStore, EmbeddingModel, ReembedDreams},
        speech::SpeechService,
        system::SystemService,
    },
    http::{self, Services},
    jobs::{Queue, Registry, Runner},
    models::ArtifactKind,
};

/// How many jobs run at once: they share the engines with people who wait.
const JOBS_AT_ONCE: usize = 1;

/// What is there before anything comes up.
pub struct Parts {
    pub config: Config,
    pub spawner: Spawner,
    pub parse: ParseRunner,
    pub library: Library,
    pub snapshot: Arc<Snapshot>,
    pub system: Arc<SystemService>,
    pub uploads: PathBuf,
    pub stopping: CancellationToken,
}

/// What is there once everything is up.
pub struct Up {
    pub router: http::Router,
    runner: Runner,
    engines: Arc<Engines>,
    database: Arc<Database>,
}

impl Up {
    /// Stops jobs, then engines, then the database.
    pub async fn stop(self) -> anyhow::Result<()> {
        let Self { router, runner, engines, database } = self;
        drop(router);
        runner.stop().await;
        stop(engines, database).await
    }
}

/// Brings everything up. When `stopping` is cancelled meanwhile, what came up goes again and the error says so.
pub async fn bring_up(parts: Parts) -> anyhow::Result<Up> {
    let stopping = parts.stopping.clone();
    let fetched = tokio::select! {
        fetched = fetch(&parts) => fetched?,
        () = stopping.clone().cancelled_owned() => bail!("stopped before the models were here; the next start goes on from there"),
    };
    let database = Arc::new(Database::open(fetched.database).await?);
    parts.snapshot.database_is_open(&database);
    let engines = Arc::new(Engines::start(fetched.models, &parts.config, &parts.spawner));
    parts.snapshot.engines_started(&engines);
    let loaded = tokio::select! {
        loaded = engines.ready() => loaded,
        () = stopping.cancelled_owned() => Err(anyhow::anyhow!("stopped while the models were loading")),
    };
    match loaded {
        Ok(()) => serve(&parts, engines, database).await,
        Err(error) => {
            stop(engines, database).await?;
            Err(error)
        }
    }
}

async fn stop(engines: Arc<Engines>, database: Arc<Database>) -> anyhow::Result<()> {
    const NO_OTHER: &str = "a request under way still holds it";
    Arc::into_inner(engines).context(NO_OTHER)?.stop().await;
    Arc::into_inner(database).context(NO_OTHER)?.close().await
}

struct Fetched {
    models: Vec<ProfileModel>,
    database: DatabaseSource,
}

/// Chooses the profile, pulls what it lacks and checks every file.
async fn fetch(parts: &Parts) -> anyhow::Result<Fetched> {
    let Config { server, database, .. } = parts.config.clone();
    let choice = parts.library.choose().await?;
    tracing::info!(profile = %choice.profile, reason = choice.reason, "the set of models is chosen");
    let mut entries = parts.library.entries(choice.profile)?;
    if database.url.is_some() {
        entries.retain(|entry| entry.kind != ArtifactKind::Database);
    }
    parts.snapshot.profile_is_chosen(choice.profile, &entries);
    parts.library.pull(&entries).await?;
    let mut files = Vec::new();
    let (mut binaries, mut runtime) = (None, None);
    for entry in entries {
        let valid = parts.library.store().ensure_valid(&entry.id).await?;
        match entry.kind {
            ArtifactKind::Database => binaries = Some(valid.path),
            ArtifactKind::Onnxruntime => runtime = Some(valid.path),
            _ => files.push((entry, valid.path)),
        }
    }
    let models = files.into_iter().map(|(entry, file)| ProfileModel::new(entry, file, runtime.as_deref())).collect::<Result<_, _>>()?;
    let database = match (database.url, binaries) {
        (Some(url), _) => DatabaseSource::External { url, app_url: database.application_url },
        (None, Some(binaries)) => DatabaseSource::Private { binaries, data: server.database_directory() },
        (None, None) => bail!("the profile {} holds no database: set DATABASE_URL, or choose another profile", choice.profile),
    };
    Ok(Fetched { models, database })
}

/// Puts services over engines and database, and starts the jobs.
async fn serve(parts: &Parts, engines: Arc<Engines>, database: Arc<Database>) -> anyhow::Result<Up> {
    let models = engines.dream_models().await?;
    let store = DreamStore::new(database.pool().clone());
    let queue = Queue::new(database.pool().clone());
    let mut registry = Registry::new();
    if let Some(embedding) = &models.embedding {
        heal_vectors(embedding, &queue, store.clone(), &mut registry).await?;
    }
    let runner = Runner::start(&queue, registry, JOBS_AT_ONCE);
    let (_, dream_models) = channel::channel(Arc::new(models));
    let (_, speech_model) = channel::channel(engines.speech_model());
    let dreams = DreamService::new(store, dream_models, parts.stopping.clone());
    let speech = SpeechService::new(Arc::new(parts.parse.clone()), speech_model, parts.uploads.clone());
    let services = Services {
        dreams: Arc::new(dreams),
        speech: Arc::new(speech),
        system: parts.system.clone(),
        unsandboxed_allowed: parts.config.server.allow_unsandboxed,
    };
    Ok(Up { router: http::router(services), runner, engines, database })
}

/// Queues vectors for dreams that have none of this model: kept while it was down, or under another model.
async fn heal_vectors(embedding: &EmbeddingModel, queue: &Queue, store: DreamStore, registry: &mut Registry) -> anyhow::Result<()> {
    ReembedDreams::register(registry, store.clone(), embedding.id.clone(), embedding.engine.clone());
    let job = ReembedDreams { model: embedding.id.clone(), dimensions: embedding.dimensions };
    job.enqueue_if_needed(queue, &store).await?;
    Ok(())
}
