//! The engines as the API for other programs finds them.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::watch;

use super::engines::Engines;
use crate::{
    engine::{client::EngineClient, parse::ModelHeader, supervisor::EngineState, wire::ReadyReport},
    error::{Error, Result},
    features::openai::{ModelCard, ServedEmbedder, ServedGenerator, ServedModels, ServedTranscriber, Task},
    models::{ArtifactFormat, ArtifactKind, CatalogEntry},
};

/// One engine, in memory or not.
#[derive(Clone)]
pub struct ServedEngine {
    card: ModelCard,
    /// Or why it cannot be had.
    client: Result<EngineClient, String>,
}

impl ServedEngine {
    /// `None` for what is no model. `header` is what its file says, `bytes` the size of its files; without a client, why.
    pub fn new(entry: &CatalogEntry, header: Option<&ModelHeader>, bytes: u64, client: Result<EngineClient, String>) -> Option<Self> {
        let task = match entry.kind {
            ArtifactKind::Llm => Task::Text,
            ArtifactKind::Embedding => Task::Embedding,
            ArtifactKind::Asr => Task::Speech,
            ArtifactKind::Database | ArtifactKind::Onnxruntime => return None,
        };
        // An engine that has run knows best.
        let facts = client
            .as_ref()
            .ok()
            .and_then(EngineClient::last_report)
            .map_or_else(|| Facts::of_header(header), |report| Facts::of_report(&report));
        let card = ModelCard {
            id: entry.id.clone(),
            task,
            dialog: task == Task::Text && facts.has_chat_template && (entry.instruct || entry.is_imported()),
            reasons: header.is_some_and(|header| header.reasons),
            context_length: facts.context_length.or(entry.context_length),
            dimensions: facts.dimensions.filter(|_| task == Task::Embedding),
            format: format(entry.format).into(),
            bytes,
            loaded: client.as_ref().is_ok_and(|client| client.status().state == EngineState::Ready),
        };
        Some(Self { card, client })
    }

    pub fn id(&self) -> &str {
        &self.card.id
    }
}

/// What a card tells of a model.
struct Facts {
    has_chat_template: bool,
    context_length: Option<u32>,
    dimensions: Option<u32>,
}

impl Facts {
    fn of_report(report: &ReadyReport) -> Self {
        let known = |number: u32| (number > 0).then_some(number);
        Self {
            has_chat_template: report.has_chat_template,
            context_length: known(report.context_length),
            dimensions: known(report.dimensions),
        }
    }

    fn of_header(header: Option<&ModelHeader>) -> Self {
        let number = |number: Option<u64>| number.and_then(|number| u32::try_from(number).ok());
        Self {
            has_chat_template: header.is_some_and(|header| header.has_chat_template),
            context_length: number(header.and_then(|header| header.context_length)),
            dimensions: number(header.and_then(|header| header.embedding_length)),
        }
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

/// All models that are here, once the profile's engines run.
pub struct RunningModels {
    engines: watch::Receiver<Weak<Engines>>,
    /// How long they stay after a request, if not as usual.
    keep_alive: Option<Duration>,
}

impl RunningModels {
    pub fn new(engines: watch::Receiver<Weak<Engines>>) -> Self {
        Self { engines, keep_alive: None }
    }

    fn engines(&self) -> Result<Arc<Engines>> {
        self.engines.borrow().upgrade().ok_or_else(|| Error::coming_up("no model is ready yet; see /readyz"))
    }

    async fn client(&self, id: &str) -> Result<EngineClient> {
        let engines = self.engines()?;
        let Some(engine) = engines.find(id).await else {
            return Err(Error::UnknownModel { name: id.to_owned(), known: engines.names() });
        };
        let client = engine.client.map_err(|reason| Error::Conflict(format!("{id} cannot be loaded: {reason}")))?;
        Ok(client.keeping(self.keep_alive))
    }

    /// The engine of a model, which is loaded if it never was.
    async fn find(&self, id: &str) -> Result<(EngineClient, ReadyReport)> {
        let client = self.client(id).await?;
        let report = client.ready().await?;
        Ok((client, report))
    }
}

impl ServedModels for RunningModels {
    fn list(&self) -> BoxFuture<'_, Vec<ModelCard>> {
        async move {
            match self.engines() {
                Ok(engines) => engines.served().await.into_iter().map(|engine| engine.card).collect(),
                Err(_) => Vec::new(),
            }
        }
        .boxed()
    }

    fn card<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Option<ModelCard>> {
        async move { Some(self.engines().ok()?.find(id).await?.card) }.boxed()
    }

    fn generator<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<ServedGenerator>> {
        async move {
            let (client, report) = self.find(id).await?;
            Ok(ServedGenerator { id: id.to_owned(), answers: report.answers, engine: Arc::new(client) })
        }
        .boxed()
    }

    fn embedder<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<ServedEmbedder>> {
        async move {
            let (client, report) = self.find(id).await?;
            let ReadyReport { dimensions, context_length, .. } = report;
            Ok(ServedEmbedder { id: id.to_owned(), dimensions, context_length, engine: Arc::new(client) })
        }
        .boxed()
    }

    fn load<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<()>> {
        async move { Ok(self.client(id).await?.load().await?) }.boxed()
    }

    fn leave<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<()>> {
        async move {
            self.client(id).await?.leave().await;
            Ok(())
        }
        .boxed()
    }

    fn keeping(&self, keep_alive: Duration) -> Arc<dyn ServedModels> {
        Arc::new(Self { engines: self.engines.clone(), keep_alive: Some(keep_alive) })
    }

    fn transcriber<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<ServedTranscriber>> {
        async move {
            let (client, _) = self.find(id).await?;
            Ok(ServedTranscriber { id: id.to_owned(), engine: Arc::new(client) })
        }
        .boxed()
    }
}
