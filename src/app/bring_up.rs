//! From an empty machine to a working appliance: database, models, engines, jobs.

use std::{
    convert::Infallible,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use anyhow::{anyhow, bail};
use tokio::sync::watch as channel;
use tokio_util::sync::CancellationToken;

use super::{
    Listen,
    egress_trail::tell_audit,
    engines::{Engines, LocalModel},
    library::Library,
    served::RunningModels,
    snapshot::Snapshot,
    watch::EgressCounter,
};
use crate::{
    config::{CarePlace, Config, ReadingConfig, UnusableSetting},
    db::{Database, DatabaseSource},
    engine::{parse::ParseRunner, supervisor::Spawner},
    features::{
        accounts::{self, AccountService, AccountStore, MasterKey, Provider, Revocations, SetupToken, Standing, SweepErased},
        care::{CareCheck, Resources},
        dreams::{DreamModels, DreamService, DreamStore, EmbeddingModel, ReembedDreams},
        events::{self, EventService, EventStore},
        lore::{LoreService, LoreStore},
        openai::ModelApi,
        speech::{SpeechModel, SpeechService},
    },
    http::{self, FirstServices, Services, Tls},
    jobs::{Queue, Registry, Runner},
    models::{ArtifactKind, CatalogEntry, Used},
};

/// How many jobs run at once. They share the engines with people who wait; only one kind needs an engine, one of it at a time,
/// and erasure does not wait until that is done.
const JOBS_AT_ONCE: usize = 2;

/// How often those who wait are told how far it is.
const TELLING: Duration = Duration::from_millis(500);

/// How long a look at the state of things may last.
const LAST_LOOK: Duration = Duration::from_secs(5);

/// What is there before anything comes up.
pub struct Parts {
    pub config: Config,
    pub listen: Listen,
    pub spawner: Spawner,
    pub parse: ParseRunner,
    pub library: Arc<Library>,
    pub snapshot: Arc<Snapshot>,
    /// What left since the start.
    pub egress: Arc<EgressCounter>,
    pub first: FirstServices,
    /// The router of this moment.
    pub router: channel::Sender<http::Router>,
    /// The same for Ollama's protocol.
    pub ollama: channel::Sender<http::Router>,
    pub uploads: PathBuf,
    pub setup: SetupToken,
    /// Whether set-up is open, once that is known.
    pub unclaimed: channel::Sender<Option<bool>>,
    pub stopping: CancellationToken,
}

/// What is there once everything is up.
pub struct Up {
    runner: Runner,
    engines: Arc<Engines>,
    database: Arc<Database>,
}

impl Up {
    /// Stops jobs, then engines, then the database.
    pub async fn stop(self) -> anyhow::Result<()> {
        let Self { runner, engines, database } = self;
        runner.stop().await;
        close(Some(engines), database).await
    }
}

/// Brings everything up. When `stopping` is cancelled meanwhile, what came up goes again and the error says so.
pub async fn bring_up(parts: Parts) -> anyhow::Result<Up> {
    let stopped = || parts.stopping.clone().cancelled_owned();
    let care = Arc::new(open_care(&parts.config.reading)?);
    tokio::task::spawn_blocking(CareCheck::warm_up);
    let (entries, source) = tokio::select! {
        found = find_database(&parts) => found?,
        () = stopped() => bail!("stopped before the database was here; the next start goes on from there"),
    };
    let database = Arc::new(Database::open(source).await?);
    parts.snapshot.database_is_open(&database);
    let models = match serve(&parts, &database, care).await {
        Ok(models) => models,
        Err(error) => return Err(after_closing(error, None, database).await),
    };
    let fetched = tokio::select! {
        fetched = fetch_models(&parts, entries) => fetched,
        never = models.tell_progress(&parts.snapshot) => match never {},
        () = stopped() => Err(anyhow!("stopped before the models were here; the next start goes on from there")),
    };
    let fetched = match fetched {
        Ok(fetched) => fetched,
        Err(error) => return Err(after_closing(error, None, database).await),
    };
    // Files that were touched are checked first, which takes a while for large ones.
    let started = tokio::select! {
        started = Engines::start(fetched, &parts.config, &parts.spawner, Arc::clone(&parts.library)) => started,
        never = models.tell_progress(&parts.snapshot) => match never {},
        () = stopped() => Err(anyhow!("stopped before the models were loaded")),
    };
    let engines = match started {
        Ok(engines) => Arc::new(engines),
        Err(error) => return Err(after_closing(error, None, database).await),
    };
    parts.snapshot.engines_started(&engines);
    let loaded = tokio::select! {
        loaded = engines.ready() => loaded,
        never = models.tell_progress(&parts.snapshot) => match never {},
        () = stopped() => Err(anyhow!("stopped while the models were loading")),
    };
    let started = match loaded {
        Ok(()) => start_work(&engines, &database, &models).await,
        Err(error) => Err(error),
    };
    match started {
        Ok(runner) => Ok(Up { runner, engines, database }),
        Err(error) => Err(after_closing(error, Some(engines), database).await),
    }
}

/// Stops what came up, and hands back why it must.
async fn after_closing(error: anyhow::Error, engines: Option<Arc<Engines>>, database: Arc<Database>) -> anyhow::Error {
    if let Err(closing) = close(engines, database).await {
        tracing::warn!(%closing, "not everything stopped in order");
    }
    error
}

async fn close(engines: Option<Arc<Engines>>, database: Arc<Database>) -> anyhow::Result<()> {
    if let Some(engines) = engines {
        sole(engines).await?.stop().await;
    }
    sole(database).await?.close().await
}

/// What is shared with nobody any more: a look at the state of things holds it for a moment.
async fn sole<T>(shared: Arc<T>) -> anyhow::Result<T> {
    let mut shared = shared;
    let since = Instant::now();
    loop {
        shared = match Arc::try_unwrap(shared) {
            Ok(sole) => return Ok(sole),
            Err(_) if since.elapsed() > LAST_LOOK => bail!("a request under way still holds it"),
            Err(shared) => shared,
        };
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Settles the profile and fetches the database's programs, if it needs any; the entries are those of the models.
async fn find_database(parts: &Parts) -> anyhow::Result<(Vec<CatalogEntry>, DatabaseSource)> {
    let Config { server, database, .. } = parts.config.clone();
    let choice = parts.library.choose().await?;
    tracing::info!(profile = %choice.profile, reason = choice.reason, "the set of models is chosen");
    let mut entries = parts.library.entries(choice.profile)?;
    if database.url.is_some() {
        entries.retain(|entry| entry.kind != ArtifactKind::Database);
    }
    parts.snapshot.profile_is_chosen(choice.profile, &entries);
    // Sealed, a start that lacks anything ends before anything is started.
    parts.library.obtainable(&entries)?;
    if let Some(url) = database.url {
        return Ok((entries, DatabaseSource::External { url, app_url: database.application_url }));
    }
    let (programs, models): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.kind == ArtifactKind::Database);
    let Some(entry) = programs.first() else {
        bail!("the profile {} holds no database: set DATABASE_URL, or choose another profile", choice.profile)
    };
    parts.library.pull(&programs).await?;
    let binaries = parts.library.store().ensure_valid(&entry.id).await?.path;
    Ok((models, DatabaseSource::Private { binaries, data: server.database_directory() }))
}

/// Pulls what is lacking and checks every file.
async fn fetch_models(parts: &Parts, entries: Vec<CatalogEntry>) -> anyhow::Result<Vec<LocalModel>> {
    parts.library.pull(&entries).await?;
    let mut files = Vec::new();
    let mut runtime = None;
    for entry in entries {
        let Used { artifact, variant } = parts.library.store().ensure_valid_used(&entry.id).await?;
        if let Some(variant) = variant {
            tracing::info!(model = entry.id, variant = variant.id, reason = variant.reason, "a variant is used");
        }
        match entry.kind {
            ArtifactKind::Onnxruntime => runtime = Some(artifact.path),
            _ => files.push((entry, artifact)),
        }
    }
    files.into_iter().map(|(entry, artifact)| LocalModel::new(entry, artifact, runtime.as_deref())).collect()
}

/// Where features hear of the models.
struct ModelNews {
    dreams: channel::Sender<Arc<DreamModels>>,
    speech: channel::Sender<Option<SpeechModel>>,
    served: channel::Sender<Weak<Engines>>,
}

impl ModelNews {
    /// Tells those who wait for a model how far it is.
    async fn tell_progress(&self, snapshot: &Snapshot) -> Infallible {
        loop {
            let coming = Some(snapshot.progress());
            self.dreams.send_if_modified(|models| {
                let news = models.coming != coming;
                if news {
                    *models = Arc::new(DreamModels { coming, ..DreamModels::default() });
                }
                news
            });
            tokio::time::sleep(TELLING).await;
        }
    }
}

/// Opens the features over the database: dreams are kept and shown from now on, and read once the models are there.
async fn serve(parts: &Parts, database: &Database, care: Arc<CareCheck>) -> anyhow::Result<ModelNews> {
    let coming = DreamModels { coming: Some(String::new()), ..DreamModels::default() };
    let (dreams, dream_models) = channel::channel(Arc::new(coming));
    let (speech, speech_model) = channel::channel(None);
    let (served, running) = channel::channel(Weak::new());
    let store = DreamStore::new(database.pool().clone());
    let accounts = open_accounts(parts, database, &store).await?;
    let decoder = Arc::new(parts.parse.clone());
    let hearing = Arc::new(SpeechService::new(decoder, speech_model, parts.uploads.clone(), parts.config.speech.max_minutes));
    let aliases = parts.config.api.aliases.clone().into_iter().collect();
    let openai = Arc::new(ModelApi::new(Arc::new(RunningModels::new(running)), aliases, Arc::clone(&hearing)));
    drop(parts.ollama.send_replace(http::ollama_router(Some(Arc::clone(&openai)))));
    let events = Arc::new(EventService::new(parts.stopping.clone()));
    tokio::spawn(events::follow(Arc::clone(&events), EventStore::new(database.pool().clone())));
    let lore = Arc::new(LoreService::new(LoreStore::new(database.pool().clone())));
    let (known, leant_on, careful) = (Arc::clone(&accounts), Arc::clone(&lore), Arc::clone(&care));
    let services = Services {
        dreams: Arc::new(DreamService::new(store, dream_models, known, leant_on, careful, parts.stopping.clone())),
        accounts,
        care,
        events,
        lore,
        openai,
        speech: hearing,
        first: parts.first.clone(),
    };
    drop(parts.router.send_replace(http::router(services)));
    Ok(ModelNews { dreams, speech, served })
}

/// Whom people can turn to is the operator's to say. A list that cannot be read must not be found out by somebody who needs it.
fn open_care(config: &ReadingConfig) -> Result<CareCheck, UnusableSetting> {
    let resources = match &config.care_file {
        Some(file) => Resources::read(file).map_err(|error| UnusableSetting(format!("`care_file` of `[reading]`: {error:#}")))?,
        None => Resources::embedded(),
    };
    Ok(CareCheck::new(resources).of_country(config.country.clone()).instead_of_readings(config.care == CarePlace::Instead))
}

/// Knows people from now on. Before the first set-up the token that opens it is made.
async fn open_accounts(parts: &Parts, database: &Database, dreams: &DreamStore) -> anyhow::Result<Arc<AccountService>> {
    let store = AccountStore::new(database.pool().clone());
    let standing = store.standing().await?;
    if standing.claimed {
        parts.setup.close()?;
    } else if parts.listen == Listen::Everywhere && !parts.config.server.listen.ip().is_loopback() {
        let refusal = "this database has no accounts, and the server listens beyond loopback: make an admin on a loopback address first";
        return Err(UnusableSetting(refusal.into()).into());
    } else {
        parts.setup.read_or_make()?;
    }
    parts.unclaimed.send_replace(Some(!standing.claimed));
    let server = &parts.config.server;
    let master = match &server.master_key_file {
        Some(file) => MasterKey::in_file(file)?,
        None => MasterKey::in_directory(&server.state_directory)?,
    };
    // Nobody logs in at a socket, where the client's secret may not even be readable.
    let provider = parts.config.provider.as_ref().filter(|_| parts.listen == Listen::Everywhere);
    let provider = provider.map(|provider| Provider::new(provider, Arc::clone(parts.library.egress()))).transpose()?;
    let host_name = standing.host_name.clone();
    let (standing, revocations) = (Arc::new(channel::Sender::new(standing)), Arc::new(Revocations::new(store.clone())));
    if let Some(tls) = parts.first.tls.clone() {
        tokio::spawn(certify_name(tls, parts.config.server.listen, host_name, standing.subscribe(), parts.stopping.clone()));
    }
    let (egress, audit, stopping) = (Arc::clone(&parts.egress), store.clone(), parts.stopping.clone());
    tokio::spawn(async move { tell_audit(&egress, audit, stopping).await });
    tokio::spawn(accounts::listen(store.clone(), Arc::clone(&standing), Arc::clone(&revocations), parts.stopping.clone()));
    Ok(Arc::new(AccountService::new(store, standing, revocations, parts.setup.clone(), master, vec![Box::new(dreams.clone())], provider)))
}

/// Lets the certificate name what an admin calls the appliance, now and whenever that changes.
async fn certify_name(
    tls: Arc<Tls>,
    listen: SocketAddr,
    mut known: Option<String>,
    mut standing: channel::Receiver<Standing>,
    stopping: CancellationToken,
) {
    let certify = |name: &Option<String>| {
        if let Err(error) = tls.rename(&http::own_names(listen, name.as_deref())) {
            tracing::warn!(error = format!("{error:#}"), "no certificate can be made for the appliance's name");
        }
    };
    if known.is_some() {
        certify(&known);
    }
    let following = async {
        while standing.changed().await.is_ok() {
            let now = standing.borrow_and_update().host_name.clone();
            if now != known {
                certify(&now);
                known = now;
            }
        }
    };
    stopping.run_until_cancelled(following).await;
}

/// Hands the loaded models to the features, and starts the jobs.
async fn start_work(engines: &Arc<Engines>, database: &Database, news: &ModelNews) -> anyhow::Result<Runner> {
    let models = Arc::new(engines.dream_models().await?);
    news.speech.send_replace(engines.speech_model());
    news.served.send_replace(Arc::downgrade(engines));
    engines.wake_pinned();
    // Before dreams without a vector are looked for: one that is told from now on gets its own at once.
    news.dreams.send_replace(Arc::clone(&models));
    let queue = Queue::new(database.pool().clone());
    let mut registry = Registry::new();
    SweepErased::register(&mut registry, database.sweeper().clone());
    if let Some(embedding) = &models.embedding {
        heal_vectors(embedding, &queue, DreamStore::new(database.pool().clone()), &mut registry).await?;
    }
    Ok(Runner::start(&queue, registry, JOBS_AT_ONCE))
}

/// Queues vectors for dreams that have none of this model: kept while it was down, or under another model.
async fn heal_vectors(embedding: &EmbeddingModel, queue: &Queue, store: DreamStore, registry: &mut Registry) -> anyhow::Result<()> {
    ReembedDreams::register(registry, store.clone(), embedding.id.clone(), embedding.engine.clone());
    let job = ReembedDreams { model: embedding.id.clone(), dimensions: embedding.dimensions };
    job.enqueue_if_needed(queue, &store).await?;
    Ok(())
}
