//! The engines of a profile, running: which model serves which task.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail};
use futures_util::future::join_all;

use super::library::Library;
use crate::{
    config::Config,
    engine::{
        EngineError, EngineOptions,
        backend::{Backend, TextPrefixes},
        confinement::Confinement,
        supervisor::{EngineSpec, EngineStatus, Spawner, Supervisor},
        wire::{EngineKind, ReadyReport},
    },
    features::{
        dreams::{DreamModels, EmbeddingModel, Reader},
        speech::SpeechModel,
    },
    models::{ArtifactFormat, ArtifactKind, CatalogEntry},
};

/// Tokens of a language model's context: the longest dream, its prompt and its reading fit twice.
const CONTEXT_LENGTH: u32 = 8192;
/// As many layers as any model has.
const ALL_LAYERS: u32 = 999;
/// Whether this executable was built for a GPU.
const FOR_GPU: bool = cfg!(any(feature = "cuda", feature = "vulkan", feature = "metal", feature = "rocm"));

/// A model of the profile and the file or folder that holds it, checked.
pub struct ProfileModel {
    entry: CatalogEntry,
    file: PathBuf,
    backend: Backend,
}

impl ProfileModel {
    /// `onnxruntime` is that library, which an ONNX model needs.
    pub fn new(entry: CatalogEntry, file: PathBuf, onnxruntime: Option<&Path>) -> anyhow::Result<Self> {
        let facts = entry.embedding.clone();
        let prefixes =
            facts.map_or_else(TextPrefixes::default, |facts| TextPrefixes { query: facts.query_prefix, passage: facts.passage_prefix });
        let backend = match (entry.format, onnxruntime) {
            (ArtifactFormat::Onnx, Some(library)) => Backend::Onnx { library: library.to_owned(), prefixes },
            (ArtifactFormat::Onnx, None) => bail!("{} needs ONNX Runtime: `oneiros models pull onnxruntime` fetches it", entry.id),
            (ArtifactFormat::Safetensors, _) => Backend::Safetensors { prefixes },
            _ => Backend::Ggml,
        };
        Ok(Self { entry, file, backend })
    }
}

/// Running engines in the profile's order of preference.
pub struct Engines {
    running: Vec<Running>,
}

struct Running {
    entry: CatalogEntry,
    supervisor: Supervisor,
}

impl Engines {
    /// Starts one engine for each model. They load at the same time; see [`Self::ready`].
    pub fn start(models: Vec<ProfileModel>, config: &Config, spawner: &Spawner) -> Self {
        let start = |model: ProfileModel| {
            let kind = engine_kind(model.entry.kind)?;
            let supervisor = Supervisor::start(specification(kind, &model, config), spawner.clone());
            Some(Running { entry: model.entry, supervisor })
        };
        Self { running: models.into_iter().filter_map(start).collect() }
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

/// An embedding engine by itself, loading.
pub struct EmbeddingEngine {
    pub model: String,
    /// Which library runs it, as people see it.
    pub backend: &'static str,
    pub supervisor: Supervisor,
}

/// Starts the engine of one embedding model that is here: the one named, else the profile's.
pub async fn embedding_engine(library: &Library, config: &Config, spawner: &Spawner, id: Option<&str>) -> anyhow::Result<EmbeddingEngine> {
    let chosen = match id {
        Some(id) => Some(library.embedding_model(id)?),
        None => library.entries(library.best_profile().profile)?.into_iter().find(|entry| entry.kind == ArtifactKind::Embedding),
    };
    let entry = chosen.context("the profile holds no embedding model: name one")?;
    let (mut file, mut runtime) = (None, None);
    for needed in library.catalog().with_needs(vec![entry.clone()]) {
        let path = library.store().ensure_valid(&needed.id).await?.path;
        match needed.kind {
            ArtifactKind::Onnxruntime => runtime = Some(path),
            _ => file = Some(path),
        }
    }
    let model = ProfileModel::new(entry, file.context("the model is not here")?, runtime.as_deref())?;
    let supervisor = Supervisor::start(specification(EngineKind::Embedding, &model, config), spawner.clone());
    Ok(EmbeddingEngine { model: model.entry.id, backend: model.backend.name(), supervisor })
}

/// Starts the engine of one speech model that is here: the one named, else the profile's.
pub async fn speech_engine(
    library: &Library,
    config: &Config,
    spawner: &Spawner,
    id: Option<&str>,
) -> anyhow::Result<(String, Supervisor)> {
    let entry = match id {
        Some(id) => library.catalog().entry(id).cloned(),
        None => library.entries(library.best_profile().profile)?.into_iter().find(|entry| entry.kind == ArtifactKind::Asr),
    };
    let entry = entry.filter(|entry| entry.kind == ArtifactKind::Asr);
    let entry = entry.context("that is no speech model: `oneiros models list` shows which are")?;
    let file = library.store().ensure_valid(&entry.id).await?.path;
    let model = ProfileModel::new(entry, file, None)?;
    let supervisor = Supervisor::start(specification(EngineKind::Asr, &model, config), spawner.clone());
    Ok((model.entry.id, supervisor))
}

fn engine_kind(kind: ArtifactKind) -> Option<EngineKind> {
    match kind {
        ArtifactKind::Llm => Some(EngineKind::Llm),
        ArtifactKind::Embedding => Some(EngineKind::Embedding),
        ArtifactKind::Asr => Some(EngineKind::Asr),
        ArtifactKind::Database | ArtifactKind::Onnxruntime => None,
    }
}

fn specification(kind: EngineKind, model: &ProfileModel, config: &Config) -> EngineSpec {
    let readable = [vec![model.file.clone()], model.backend.libraries()].concat();
    // The other back ends compute on the processor in every build.
    let confinement = match FOR_GPU && model.backend == Backend::Ggml {
        true => Confinement::Gpu { readable, cache: config.server.state_directory.join("gpu-cache") },
        false => Confinement::Cpu { readable },
    };
    let context_length = match kind {
        EngineKind::Llm => model.entry.context_length.map_or(CONTEXT_LENGTH, |trained| trained.min(CONTEXT_LENGTH)),
        _ => 0,
    };
    EngineSpec {
        kind,
        model_id: model.entry.id.clone(),
        model: Some(model.file.clone()),
        backend: model.backend.clone(),
        confinement,
        options: EngineOptions { threads: config.models.threads, context_length, gpu_layers: if FOR_GPU { ALL_LAYERS } else { 0 } },
        allow_unsandboxed: config.server.allow_unsandboxed,
    }
}
