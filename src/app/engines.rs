//! The engines of a profile, running: which model serves which task.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail};
use futures_util::future::join_all;

use super::{
    library::Library,
    room::{ALL_LAYERS, Room},
    served::ServedEngine,
};
use crate::{
    config::Config,
    engine::{
        EngineError, EngineOptions,
        backend::{Backend, TextPrefixes},
        confinement::Confinement,
        parse::ModelHeader,
        supervisor::{EngineSpec, EngineStatus, Spawner, Supervisor},
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

/// A model of the profile and the file or folder that holds it, checked.
pub struct ProfileModel {
    entry: CatalogEntry,
    file: PathBuf,
    header: Option<ModelHeader>,
    backend: Backend,
}

impl ProfileModel {
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

/// Running engines in the profile's order of preference.
pub struct Engines {
    running: Vec<Running>,
}

struct Running {
    entry: CatalogEntry,
    /// Size of its files.
    bytes: u64,
    supervisor: Supervisor,
}

impl Engines {
    /// Starts one engine for each model. They load at the same time; see [`Self::ready`]. An error names the model that
    /// does not fit into memory and what would; nothing is started then.
    pub fn start(models: Vec<ProfileModel>, config: &Config, spawner: &Spawner) -> anyhow::Result<Self> {
        let mut room = Room::of_this_machine(&Hardware::of_this_machine());
        let mut specifications = Vec::new();
        for model in models {
            let Some(kind) = engine_kind(model.entry.kind) else { continue };
            let specification = specification(kind, &model, config, &mut room)?;
            specifications.push((model.entry, specification));
        }
        let start = |(entry, specification): (CatalogEntry, EngineSpec)| {
            let bytes = specification.model.as_deref().map_or(0, size_of);
            Running { bytes, entry, supervisor: Supervisor::start(specification, spawner.clone()) }
        };
        Ok(Self { running: specifications.into_iter().map(start).collect() })
    }

    pub fn statuses(&self) -> Vec<EngineStatus> {
        self.running.iter().map(|engine| engine.supervisor.status()).collect()
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

    /// Every model, for programs that ask by name, once all are loaded.
    pub async fn served(&self) -> Result<Arc<[ServedEngine]>, EngineError> {
        let mut served = Vec::new();
        for engine in &self.running {
            let report = engine.supervisor.ready().await?;
            served.extend(ServedEngine::new(&engine.entry, report, engine.supervisor.client(), engine.bytes));
        }
        Ok(served.into())
    }

    /// The model that hears.
    pub fn speech_model(&self) -> Option<SpeechModel> {
        let engine = self.running.iter().find(|engine| engine.entry.kind == ArtifactKind::Asr)?;
        Some(SpeechModel { id: engine.entry.id.clone(), engine: Arc::new(engine.supervisor.client()) })
    }

    /// Stops all of them, at the same time.
    pub async fn stop(self) {
        let stopping: Vec<_> = self.running.into_iter().map(|engine| engine.supervisor.stop()).collect();
        join_all(stopping).await;
    }
}

impl Running {
    fn reader(&self, report: &ReadyReport) -> Reader {
        Reader {
            id: self.entry.id.clone(),
            languages: self.entry.languages.clone(),
            instruct: self.entry.instruct && report.has_chat_template,
            context_length: report.context_length,
            engine: Arc::new(self.supervisor.client()),
        }
    }

    fn embedding(&self, report: &ReadyReport) -> EmbeddingModel {
        EmbeddingModel { id: self.entry.id.clone(), dimensions: report.dimensions, engine: Arc::new(self.supervisor.client()) }
    }
}

/// An engine by itself, loading.
pub struct EngineAlone {
    pub model: String,
    /// Which library runs it, as people see it.
    pub backend: &'static str,
    pub supervisor: Supervisor,
}

/// The first model of a kind in the profile that the server would have here.
pub async fn first_of_profile(library: &Library, kind: ArtifactKind) -> anyhow::Result<CatalogEntry> {
    let entries = library.entries(library.choose().await?.profile)?;
    entries
        .into_iter()
        .find(|entry| entry.kind == kind)
        .with_context(|| format!("the profile holds no model of the kind {kind:?}: name one"))
}

/// Starts the engine of one model that is here.
pub async fn engine_alone(library: &Library, config: &Config, spawner: &Spawner, entry: CatalogEntry) -> anyhow::Result<EngineAlone> {
    let kind = engine_kind(entry.kind).with_context(|| format!("{} is no model", entry.id))?;
    let (mut artifact, mut runtime) = (None, None);
    for needed in library.catalog().with_needs(vec![entry.clone()]) {
        let valid = library.store().ensure_valid(&needed.id).await?;
        match needed.kind {
            ArtifactKind::Onnxruntime => runtime = Some(valid.path),
            _ => artifact = Some(valid),
        }
    }
    let model = ProfileModel::new(entry, artifact.context("the model is not here")?, runtime.as_deref())?;
    let mut room = Room::of_this_machine(&Hardware::of_this_machine());
    let supervisor = Supervisor::start(specification(kind, &model, config, &mut room)?, spawner.clone());
    Ok(EngineAlone { model: model.entry.id, backend: model.backend.name(), supervisor })
}

/// Bytes of a file, or of the files in a folder; 0 where that cannot be told.
fn size_of(path: &Path) -> u64 {
    match std::fs::read_dir(path) {
        Ok(files) => files.flatten().map(|file| file.metadata().map_or(0, |facts| facts.len())).sum(),
        Err(_) => std::fs::metadata(path).map_or(0, |facts| facts.len()),
    }
}

fn engine_kind(kind: ArtifactKind) -> Option<EngineKind> {
    match kind {
        ArtifactKind::Llm => Some(EngineKind::Llm),
        ArtifactKind::Embedding => Some(EngineKind::Embedding),
        ArtifactKind::Asr => Some(EngineKind::Asr),
        ArtifactKind::Database | ArtifactKind::Onnxruntime => None,
    }
}

/// `room` loses what the engine will take.
fn specification(kind: EngineKind, model: &ProfileModel, config: &Config, room: &mut Room) -> anyhow::Result<EngineSpec> {
    let readable = [vec![model.file.clone()], model.backend.libraries()].concat();
    // The other back ends compute on the processor in every build.
    let confinement = match FOR_GPU && model.backend == Backend::Ggml {
        true => Confinement::Gpu { readable, cache: config.server.state_directory.join("gpu-cache") },
        false => Confinement::Cpu { readable },
    };
    let threads = config.models.threads;
    let options = match kind {
        EngineKind::Llm => EngineOptions { threads, ..room.place(&model.entry, model.header.as_ref(), &config.models.llm)? },
        _ => EngineOptions { threads, gpu_layers: if FOR_GPU { ALL_LAYERS } else { 0 }, ..EngineOptions::default() },
    };
    Ok(EngineSpec {
        kind,
        model_id: model.entry.id.clone(),
        model: Some(model.file.clone()),
        backend: model.backend.clone(),
        confinement,
        options,
        allow_unsandboxed: config.server.allow_unsandboxed,
    })
}
