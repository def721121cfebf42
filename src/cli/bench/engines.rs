//! Single engines without a server around them.

use std::sync::Arc;

use anyhow::Context as _;

use crate::{
    app::{self, EngineAlone, library::Library},
    config::Config,
    egress::LogSink,
    engine::{parse::ParseRunner, supervisor::Spawner},
    models::{ArtifactKind, CatalogEntry, NoProgress},
};

/// What it takes to start them.
pub struct Engines<'a> {
    config: &'a Config,
    library: Library,
    spawner: Spawner,
}

impl<'a> Engines<'a> {
    pub fn open(config: &'a Config) -> anyhow::Result<Self> {
        let spawner = Spawner::new().context("the thread that starts engines cannot be started")?;
        let parse = ParseRunner::new(spawner.clone(), config.server.allow_unsandboxed);
        let library = Library::open(config, parse, Arc::new(LogSink), Arc::new(NoProgress))?;
        Ok(Self { config, library, spawner })
    }

    /// The embedding model named, else the profile's.
    pub async fn embedding(&self, id: Option<&str>) -> anyhow::Result<EngineAlone> {
        let entry = match id {
            Some(id) => self.library.embedding_model(id)?,
            None => app::first_of_profile(&self.library, ArtifactKind::Embedding).await?,
        };
        app::engine_alone(&self.library, self.config, &self.spawner, entry).await
    }

    /// The speech model named, else the profile's.
    pub async fn speech(&self, id: Option<&str>) -> anyhow::Result<EngineAlone> {
        let entry = match id {
            Some(id) => self.library.catalog().entry(id).cloned().filter(|entry| entry.kind == ArtifactKind::Asr),
            None => Some(app::first_of_profile(&self.library, ArtifactKind::Asr).await?),
        };
        let entry = entry.context("that is no speech model: `oneiros models list` shows which are")?;
        app::engine_alone(&self.library, self.config, &self.spawner, entry).await
    }

    /// Decodes recordings.
    pub fn parse(&self) -> ParseRunner {
        ParseRunner::new(self.spawner.clone(), self.config.server.allow_unsandboxed)
    }

    /// The profile's language models, in order of preference.
    pub async fn llms_of_profile(&self) -> anyhow::Result<Vec<CatalogEntry>> {
        app::of_profile(&self.library, ArtifactKind::Llm).await
    }

    /// What is known of a language model of the catalogue, or of one that was imported.
    pub fn language_model(&self, id: &str) -> anyhow::Result<CatalogEntry> {
        self.library.language_model(id)
    }

    /// Starts the engine of a model that is here.
    pub async fn start(&self, entry: CatalogEntry) -> anyhow::Result<EngineAlone> {
        app::engine_alone(&self.library, self.config, &self.spawner, entry).await
    }

    /// A language model that is here.
    pub async fn llm(&self, id: &str) -> anyhow::Result<EngineAlone> {
        let entry = self.library.catalog().entry(id).cloned().filter(|entry| entry.kind == ArtifactKind::Llm);
        let entry = entry.with_context(|| format!("{id} is no language model of the catalogue"))?;
        app::engine_alone(&self.library, self.config, &self.spawner, entry).await
    }
}
