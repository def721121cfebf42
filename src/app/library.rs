//! The models of this appliance: which profile it has, what of it is here, and fetching the rest.

use std::{sync::Arc, time::Duration};

use anyhow::bail;
use clap::ValueEnum as _;

use crate::{
    config::{Config, UnusableSetting},
    egress::{AuditSink, Egress, EgressPolicy, Purpose},
    engine::parse::ParseRunner,
    features::{
        models::{PullBoard, Shelf},
        system::Hardware,
    },
    models::{ArtifactKind, ArtifactStore, Catalog, CatalogEntry, Choice, Profile, PullProgress, Puller, choose},
};

/// How long the hub may take to answer before the package mirror is used.
const HUB_PATIENCE: Duration = Duration::from_secs(5);

/// Catalogue, store and the way to fill it.
pub struct Library {
    catalog: Catalog,
    store: Arc<ArtifactStore>,
    egress: Arc<Egress>,
    puller: Puller,
    board: Arc<PullBoard>,
    hub: String,
    wanted: Profile,
    embedding: Option<String>,
}

impl Library {
    /// `progress` hears of every pull, as the library's own board does.
    pub fn open(config: &Config, parse: ParseRunner, audit: Arc<dyn AuditSink>, progress: Arc<dyn PullProgress>) -> anyhow::Result<Self> {
        let state = &config.server.state_directory;
        let name = &config.models.profile;
        let wanted = Profile::from_str(name, true).map_err(|_| {
            let known: Vec<String> = Profile::value_variants().iter().map(ToString::to_string).collect();
            UnusableSetting(format!("there is no profile `{name}`: choose one of {}", known.join(", ")))
        })?;
        let hub = config.models.hub_endpoint.clone();
        let policy = EgressPolicy::for_hub(&hub).map_err(|error| UnusableSetting(format!("`hub_endpoint`: {error:#}")))?;
        let mut origins = config.provider.iter().flat_map(|provider| &provider.origins);
        let policy = origins.try_fold(policy, |policy, origin| policy.allow(Purpose::Provider, origin));
        let policy = policy.map_err(|error| UnusableSetting(format!("`[provider]`: {error:#}")))?.sealed(config.server.sealed);
        let egress = Arc::new(Egress::new(policy, audit));
        let store = Arc::new(ArtifactStore::open(state, Arc::new(parse))?);
        let board = Arc::new(PullBoard::new(progress));
        let puller = Puller::new(Arc::clone(&store), Arc::clone(&egress), &hub, board.clone());
        Ok(Self { catalog: Catalog::load(state)?, store, egress, puller, board, hub, wanted, embedding: config.models.embedding.clone() })
    }

    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    pub fn store(&self) -> &Arc<ArtifactStore> {
        &self.store
    }

    /// The one door outward.
    pub fn egress(&self) -> &Arc<Egress> {
        &self.egress
    }

    pub fn puller(&self) -> &Puller {
        &self.puller
    }

    /// How far pulls are.
    pub fn board(&self) -> &Arc<PullBoard> {
        &self.board
    }

    /// What the models' page works with.
    pub fn shelf(&self) -> Shelf {
        Shelf {
            catalog: self.catalog.clone(),
            store: Arc::clone(&self.store),
            puller: self.puller.clone(),
            board: Arc::clone(&self.board),
            sealed: self.egress.is_sealed(),
        }
    }

    /// What a profile holds, with the operator's embedding model in place of its own, and what all of that needs.
    pub fn entries(&self, profile: Profile) -> anyhow::Result<Vec<CatalogEntry>> {
        let mut entries: Vec<CatalogEntry> = self.catalog.profile(profile).into_iter().cloned().collect();
        if let Some(id) = &self.embedding {
            let chosen = self.embedding_model(id).map_err(|error| UnusableSetting(format!("{error:#}")))?;
            entries.retain(|entry| entry.kind != ArtifactKind::Embedding);
            entries.push(chosen);
        }
        Ok(self.catalog.with_needs(entries))
    }

    /// An embedding model of the catalogue, or one that was imported.
    pub fn embedding_model(&self, id: &str) -> anyhow::Result<CatalogEntry> {
        match self.model(id) {
            Some(entry) if entry.kind == ArtifactKind::Embedding => Ok(entry),
            Some(_) => bail!("`embedding` is `{id}`, which makes no vectors: `oneiros models list` shows the models that do"),
            None => bail!("`embedding` is `{id}`, which is neither in the catalogue nor imported: see `oneiros models list`"),
        }
    }

    /// A model of the catalogue, or one that was imported.
    pub fn model(&self, id: &str) -> Option<CatalogEntry> {
        let imported = || self.store.manifest(id).ok().map(|manifest| CatalogEntry::imported(&manifest));
        self.catalog.entry(id).cloned().or_else(imported)
    }

    /// A language model of the catalogue, or one that was imported.
    pub fn language_model(&self, id: &str) -> anyhow::Result<CatalogEntry> {
        match self.model(id) {
            Some(entry) if entry.kind == ArtifactKind::Llm => Ok(entry),
            Some(_) => bail!("{id} is no language model: `oneiros models list` shows which are"),
            None => bail!("there is no model called {id:?}, neither in the catalogue nor imported: see `oneiros models list`"),
        }
    }

    /// The profile that suits this machine if everything can be had. Asks nobody.
    pub fn best_profile(&self) -> Choice {
        self.settle(true)
    }

    /// Settles the profile. The hub is asked only when something would have to come from it.
    pub async fn choose(&self) -> anyhow::Result<Choice> {
        let best = self.best_profile();
        if self.wanted != Profile::Auto || self.lacking(&self.entries(best.profile)?)?.is_empty() {
            return Ok(best);
        }
        let hub_answers = !self.egress.is_sealed() && self.egress.answers(Purpose::Models, &self.hub, HUB_PATIENCE).await;
        Ok(self.settle(hub_answers))
    }

    fn settle(&self, hub_answers: bool) -> Choice {
        let hardware = Hardware::of_this_machine();
        let gpu = hardware.gpus.iter().filter_map(|gpu| gpu.memory_bytes).max();
        choose(self.wanted, hardware.memory_bytes, gpu, hub_answers)
    }

    /// Fetches what of `entries` is not here. An error names each that could not be had and why.
    pub async fn pull(&self, entries: &[CatalogEntry]) -> anyhow::Result<()> {
        let lacking = self.obtainable(entries)?;
        if lacking.is_empty() {
            return Ok(());
        }
        let failures: Vec<String> = self
            .puller
            .pull(lacking)
            .await
            .into_iter()
            .filter_map(|pulled| Some(format!("{:#}", anyhow::Error::from(pulled.outcome.err()?))))
            .collect();
        if failures.is_empty() { Ok(()) } else { bail!("not everything could be fetched: {}", failures.join("; ")) }
    }

    /// What of `entries` is not here; an error when it must not be fetched.
    pub fn obtainable(&self, entries: &[CatalogEntry]) -> anyhow::Result<Vec<CatalogEntry>> {
        let lacking = self.lacking(entries)?;
        if self.egress.is_sealed() && !lacking.is_empty() {
            let names: Vec<&str> = lacking.iter().map(|entry| entry.id.as_str()).collect();
            bail!("sealed, and these models are not here: {}; start once without --sealed, or import them", names.join(", "));
        }
        Ok(lacking)
    }

    fn lacking(&self, entries: &[CatalogEntry]) -> anyhow::Result<Vec<CatalogEntry>> {
        let mut lacking = Vec::new();
        for entry in entries {
            if self.store.has(entry)?.is_none() {
                lacking.push(entry.clone());
            }
        }
        Ok(lacking)
    }
}
