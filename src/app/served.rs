//! The running engines as the API for other programs finds them.

use std::sync::Arc;

use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::watch;

use crate::{
    engine::{client::EngineClient, wire::ReadyReport},
    error::{Error, Result},
    features::openai::{ModelCard, ServedEmbedder, ServedGenerator, ServedModels, ServedTranscriber, Task},
    models::{ArtifactFormat, ArtifactKind, CatalogEntry},
};

/// One running engine.
#[derive(Clone)]
pub struct ServedEngine {
    card: ModelCard,
    report: ReadyReport,
    client: EngineClient,
}

impl ServedEngine {
    /// `None` for what is no model. `bytes` is the size of its files.
    pub fn new(entry: &CatalogEntry, report: ReadyReport, client: EngineClient, bytes: u64) -> Option<Self> {
        let task = match entry.kind {
            ArtifactKind::Llm => Task::Text,
            ArtifactKind::Embedding => Task::Embedding,
            ArtifactKind::Asr => Task::Speech,
            ArtifactKind::Database | ArtifactKind::Onnxruntime => return None,
        };
        let card = ModelCard {
            id: entry.id.clone(),
            task,
            dialog: entry.instruct && report.has_chat_template,
            context_length: (report.context_length > 0).then_some(report.context_length),
            dimensions: (report.dimensions > 0).then_some(report.dimensions),
            format: format(entry.format).into(),
            bytes,
        };
        Some(Self { card, report, client })
    }
}

fn format(format: ArtifactFormat) -> &'static str {
    match format {
        ArtifactFormat::Gguf => "gguf",
        ArtifactFormat::Ggml => "ggml",
        ArtifactFormat::Onnx => "onnx",
        ArtifactFormat::Safetensors => "safetensors",
        ArtifactFormat::Directory | ArtifactFormat::SharedLibrary => "other",
    }
}

/// All engines of the profile, once they run.
pub struct RunningModels(watch::Receiver<Arc<[ServedEngine]>>);

impl RunningModels {
    pub fn new(engines: watch::Receiver<Arc<[ServedEngine]>>) -> Self {
        Self(engines)
    }

    fn find(&self, id: &str) -> Result<ServedEngine> {
        let engines = self.0.borrow().clone();
        if engines.is_empty() {
            return Err(Error::coming_up("no model is ready yet; see /readyz"));
        }
        let known = || engines.iter().map(|engine| engine.card.id.clone()).collect();
        engines
            .iter()
            .find(|engine| engine.card.id == id)
            .cloned()
            .ok_or_else(|| Error::UnknownModel { name: id.to_owned(), known: known() })
    }
}

impl ServedModels for RunningModels {
    fn list(&self) -> BoxFuture<'_, Vec<ModelCard>> {
        let cards = self.0.borrow().iter().map(|engine| engine.card.clone()).collect();
        async move { cards }.boxed()
    }

    fn generator<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<ServedGenerator>> {
        let served =
            |engine: ServedEngine| ServedGenerator { id: engine.card.id, answers: engine.report.answers, engine: Arc::new(engine.client) };
        let found = self.find(id).map(served);
        async move { found }.boxed()
    }

    fn embedder<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<ServedEmbedder>> {
        let served = |ServedEngine { card, report, client }: ServedEngine| ServedEmbedder {
            id: card.id,
            dimensions: report.dimensions,
            context_length: report.context_length,
            engine: Arc::new(client),
        };
        let found = self.find(id).map(served);
        async move { found }.boxed()
    }

    fn transcriber<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<ServedTranscriber>> {
        let served = |engine: ServedEngine| ServedTranscriber { id: engine.card.id, engine: Arc::new(engine.client) };
        let found = self.find(id).map(served);
        async move { found }.boxed()
    }
}
