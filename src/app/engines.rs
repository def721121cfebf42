//! The engines of a profile, running: which model serves which task.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail};
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use super::{
    guests::Guests,
    library::Library,
    room::{ALL_LAYERS, Placement, Room},
    served::ServedEngine,
};
use crate::{
    config::Config,
    engine::{
        EngineError, EngineOptions,
        backend::{Backend, TextPrefixes},
        client::EngineClient,
        confinement::Confinement,
        parse::ModelHeader,
        pool::{Pool, TooLarge},
        supervisor::{EngineSpec, EngineStatus, Presence, Spawner, Supervisor},
        wire::{EngineKind, ReadyReport},
    },
    features::{
        dreams::{DreamModels, EmbeddingModel, Reader},
        speech::SpeechModel,
        system::Hardware,
    },
    models::{ArtifactFormat, ArtifactKind, CatalogEntry, ValidArtifact},
};

/// Whether this executable was built for a GPU.
pub(super) const FOR_GPU: bool = cfg!(any(feature = "cuda", feature = "vulkan", feature = "metal", feature = "rocm"));

/// A model and the file or folder that holds it, checked.
pub struct LocalModel {
    entry: CatalogEntry,
    file: PathBuf,
    header: Option<ModelHeader>,
    backend: Backend,
}

impl LocalModel {
    /// `onnxruntime` is that library, which an ONNX model needs.
    pub fn new(entry: CatalogEntry, artifact: ValidArtifact, onnxruntime: Option<&Path>) -> anyhow::Result<Self> {
        let ValidArtifact { path: file, header, .. } = artifact;
        let facts = entry.embedding.clone();
        let prefixes =
            facts.map_or_else(TextPrefixes::default, |facts| TextPrefixes { query: facts.query_prefix, passage: facts.passage_prefix });
        let backend = match (entry.format, onnxruntime) {
            (ArtifactFormat::Onnx, Some(library)) => Backend::Onnx { library: library.to_owned(), prefixes },
            (ArtifactFormat::Onnx, None) => bail!("{} needs ONNX Runtime: `oneiros models pull onnxruntime` fetches it", entry.id),
            (ArtifactFormat::Safetensors, _) => Backend::Safetensors { prefixes },
            _ => Backend::Ggml,
        };
        Ok(Self { entry, file, header, backend })
    }
}

/// The engines of the profile in its order of preference, and those that others have asked for.
pub struct Engines {
    running: Vec<Running>,
    guests: Guests,
}

/// An engine of a model.
pub struct Running {
    entry: CatalogEntry,
    header: Option<ModelHeader>,
    /// Size of its files.
    bytes: u64,
    supervisor: Supervisor,
}

impl Engines {
    /// Starts one engine for each model. They load at the same time; see [`Self::ready`]. Those that stay have their memory
    /// first, guests of theirs too; the others share what is left. An error names the model that does not fit into memory and
    /// what would; nothing is loaded then.
    pub async fn start(models: Vec<LocalModel>, config: &Config, spawner: &Spawner, library: Arc<Library>) -> anyhow::Result<Self> {
        let mut room = Room::of_this_machine(&Hardware::of_this_machine());
        let stays = |model: &LocalModel| config.models.pinned.as_ref().is_none_or(|pinned| pinned.contains(&model.entry.id));
        let mut planned = Vec::new();
        for model in models {
            let Some(kind) = engine_kind(model.entry.kind) else { continue };
            let always = if stays(&model) { Some(placement(kind, &model, config, &room)?) } else { None };
            always.iter().for_each(|placement| room.take(placement.size));
            planned.push((kind, model, always));
        }
        let pool = Pool::new(room.size());
        let of_profile = planned.iter().map(|(_, model, _)| model.entry.id.clone()).collect();
        let guests = Guests::new(library, config.clone(), spawner.clone(), Arc::clone(&pool), room, of_profile);
        guests.place_pinned().await;
        let mut specified = Vec::new();
        for (kind, model, always) in planned {
            let (placement, presence) = match always {
                Some(placement) => (placement, Presence::Always),
                None => {
                    let placement = placement(kind, &model, config, &guests.room())?;
                    let presence = on_demand(&pool, placement, config, false);
                    (placement, presence.with_context(|| format!("{} is not loaded", model.entry.id))?)
                }
            };
            specified.push((specification(kind, &model, config, placement.options, presence), model));
        }
        let running = specified.into_iter().map(|(specification, model)| Running::start(specification, model, spawner)).collect();
        Ok(Self { running, guests })
    }

    /// Of the profile's engines.
    pub fn statuses(&self) -> Vec<EngineStatus> {
        self.running.iter().map(|engine| engine.supervisor.status()).collect()
    }

    /// Loads the models beside the profile's that are to stay.
    pub fn wake_pinned(&self) {
        self.guests.wake_pinned();
    }

    /// Of the others that have been asked for.
    pub fn guests(&self) -> Vec<EngineStatus> {
        self.guests.statuses()
    }

    /// Waits for every engine. An error names the model that could not be loaded.
    pub async fn ready(&self) -> anyhow::Result<()> {
        for engine in &self.running {
            engine.supervisor.ready().await.map_err(|error| anyhow::anyhow!("{} cannot be loaded: {error}", engine.entry.id))?;
        }
        Ok(())
    }

    /// The models that interpret dreams and make them comparable, once they are loaded.
    pub async fn dream_models(&self) -> Result<DreamModels, EngineError> {
        let mut models = DreamModels::default();
        for engine in &self.running {
            let report = engine.supervisor.ready().await?;
            match engine.entry.kind {
                ArtifactKind::Llm => models.readers.push(engine.reader(&report)),
                ArtifactKind::Embedding => models.embedding = models.embedding.or_else(|| Some(engine.embedding(&report))),
                _ => {}
            }
        }
        Ok(models)
    }

    /// Every model that is here, for programs that ask by name: the profile's, then the others.
    pub async fn served(&self) -> Vec<ServedEngine> {
        let others = self.guests.served().await;
        self.running.iter().filter_map(Running::served).chain(others).collect()
    }

    /// The one of this id, profile's or not.
    pub async fn find(&self, id: &str) -> Option<ServedEngine> {
        match self.running.iter().find(|engine| engine.entry.id == id) {
            Some(engine) => engine.served(),
            None => self.guests.find(id).await,
        }
    }

    /// The ids of all models that are here.
    pub fn names(&self) -> Vec<String> {
        self.running.iter().map(|engine| engine.entry.id.clone()).chain(self.guests.names()).collect()
    }

    /// The model that hears.
    pub fn speech_model(&self) -> Option<SpeechModel> {
        let engine = self.running.iter().find(|engine| engine.entry.kind == ArtifactKind::Asr)?;
        Some(SpeechModel { id: engine.entry.id.clone(), engine: Arc::new(engine.supervisor.client()) })
    }

    /// Stops all of them, at the same time.
    pub async fn stop(self) {
        tokio::join!(join_all(self.running.into_iter().map(Running::stop)), self.guests.stop());
    }
}

impl Running {
    pub fn start(specification: EngineSpec, model: LocalModel, spawner: &Spawner) -> Self {
        let LocalModel { entry, header, file, .. } = model;
        Self { entry, header, bytes: size_of(&file), supervisor: Supervisor::start(specification, spawner.clone()) }
    }

    pub fn status(&self) -> EngineStatus {
        self.supervisor.status()
    }

    pub fn client(&self) -> EngineClient {
        self.supervisor.client()
    }

    pub async fn stop(self) {
        self.supervisor.stop().await;
    }

    /// Ends what it has begun, unless there is a `hurry`, and stops.
    pub async fn retire(self, hurry: CancellationToken) {
        self.supervisor.retire(hurry).await;
    }

    /// As other programs find it.
    pub fn served(&self) -> Option<ServedEngine> {
        ServedEngine::new(&self.entry, self.header.as_ref(), self.bytes, Ok(self.supervisor.client()))
    }

    fn reader(&self, report: &ReadyReport) -> Reader {
        reader(&self.entry, self.header.as_ref(), self.bytes, report, self.supervisor.client())
    }

    fn embedding(&self, report: &ReadyReport) -> EmbeddingModel {
        EmbeddingModel { id: self.entry.id.clone(), dimensions: report.dimensions, engine: Arc::new(self.supervisor.client()) }
    }
}

fn reader(entry: &CatalogEntry, header: Option<&ModelHeader>, bytes: u64, report: &ReadyReport, client: EngineClient) -> Reader {
    Reader {
        id: entry.id.clone(),
        languages: entry.languages.clone(),
        instruct: entry.instruct && report.has_chat_template,
        context_length: report.context_length,
        parameters: header.map_or(0, |header| header.parameters(bytes)),
        tasks: entry.tasks.clone(),
        engine: Arc::new(client),
    }
}

/// An engine by itself, loading.
pub struct EngineAlone {
    pub model: String,
    /// Which library runs it, as people see it.
    pub backend: &'static str,
    pub supervisor: Supervisor,
    entry: CatalogEntry,
    header: Option<ModelHeader>,
    bytes: u64,
}

impl EngineAlone {
    /// The model as one that reads dreams, once it is loaded.
    pub async fn reader(&self) -> Result<Reader, EngineError> {
        let report = self.supervisor.ready().await?;
        Ok(reader(&self.entry, self.header.as_ref(), self.bytes, &report, self.supervisor.client()))
    }
}

/// The models of a kind in the profile that the server would have here, in order of preference.
pub async fn of_profile(library: &Library, kind: ArtifactKind) -> anyhow::Result<Vec<CatalogEntry>> {
    let entries = library.entries(library.choose().await?.profile)?;
    Ok(entries.into_iter().filter(|entry| entry.kind == kind).collect())
}

/// The first of them.
pub async fn first_of_profile(library: &Library, kind: ArtifactKind) -> anyhow::Result<CatalogEntry> {
    let first = of_profile(library, kind).await?.into_iter().next();
    first.with_context(|| format!("the profile holds no model of the kind {kind:?}: name one"))
}

/// Starts the engine of one model that is here.
pub async fn engine_alone(library: &Library, config: &Config, spawner: &Spawner, entry: CatalogEntry) -> anyhow::Result<EngineAlone> {
    let kind = engine_kind(entry.kind).with_context(|| format!("{} is no model", entry.id))?;
    let model = local_model(library, entry).await?;
    let Placement { options, .. } = placement(kind, &model, config, &Room::of_this_machine(&Hardware::of_this_machine()))?;
    let supervisor = Supervisor::start(specification(kind, &model, config, options, Presence::Always), spawner.clone());
    let LocalModel { entry, file, header, backend } = model;
    Ok(EngineAlone { model: entry.id.clone(), backend: backend.name(), supervisor, entry, header, bytes: size_of(&file) })
}

/// A model that is here, checked: its chosen variant or itself.
pub async fn local_model(library: &Library, entry: CatalogEntry) -> anyhow::Result<LocalModel> {
    let (mut artifact, mut runtime) = (None, None);
    for needed in library.catalog().with_needs(vec![entry.clone()]) {
        match needed.kind {
            ArtifactKind::Onnxruntime => runtime = Some(library.store().ensure_valid(&needed.id).await?.path),
            _ => artifact = Some(library.store().ensure_valid_used(&needed.id).await?.artifact),
        }
    }
    LocalModel::new(entry, artifact.context("the model is not here")?, runtime.as_deref())
}

/// Bytes of a file, or of the files in a folder; 0 where that cannot be told.
fn size_of(path: &Path) -> u64 {
    match std::fs::read_dir(path) {
        Ok(files) => files.flatten().map(|file| file.metadata().map_or(0, |facts| facts.len())).sum(),
        Err(_) => std::fs::metadata(path).map_or(0, |facts| facts.len()),
    }
}

pub fn engine_kind(kind: ArtifactKind) -> Option<EngineKind> {
    match kind {
        ArtifactKind::Llm => Some(EngineKind::Llm),
        ArtifactKind::Embedding => Some(EngineKind::Embedding),
        ArtifactKind::Asr => Some(EngineKind::Asr),
        ArtifactKind::Database | ArtifactKind::Onnxruntime => None,
    }
}

/// How the model's engine is to run and what of `room` it takes.
pub fn placement(kind: EngineKind, model: &LocalModel, config: &Config, room: &Room) -> anyhow::Result<Placement> {
    let (threads, bytes) = (config.models.threads, size_of(&model.file));
    if kind != EngineKind::Llm {
        let options = EngineOptions { threads, gpu_layers: if FOR_GPU { ALL_LAYERS } else { 0 }, ..EngineOptions::default() };
        return Ok(Placement { options, size: Room::by_file(bytes) });
    }
    let Placement { options, size } = room.place(&model.entry, model.header.as_ref(), bytes, &config.models.llm)?;
    Ok(Placement { options: EngineOptions { threads, ..options }, size })
}

/// The error: it does not fit beside those that stay.
pub fn on_demand(pool: &Arc<Pool>, placement: Placement, config: &Config, stays: bool) -> Result<Presence, TooLarge> {
    Ok(Presence::OnDemand { share: Arc::new(pool.share(placement.size, stays)?), keep_alive: config.models.keep_alive })
}

pub fn specification(kind: EngineKind, model: &LocalModel, config: &Config, options: EngineOptions, presence: Presence) -> EngineSpec {
    let readable = [vec![model.file.clone()], model.backend.libraries()].concat();
    // The other back ends compute on the processor in every build.
    let confinement = match FOR_GPU && model.backend == Backend::Ggml {
        true => Confinement::Gpu { readable, cache: config.server.state_directory.join("gpu-cache") },
        false => Confinement::Cpu { readable },
    };
    EngineSpec {
        kind,
        model_id: model.entry.id.clone(),
        model: Some(model.file.clone()),
        backend: model.backend.clone(),
        confinement,
        options,
        allow_unsandboxed: config.server.allow_unsandboxed,
        presence,
    }
}
