//! What the feature does: list, pull, stop a pull, remove.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use clap::ValueEnum as _;
use tokio::{sync::Semaphore, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{ModelInfo, ModelList, PullBoard};
use crate::{
    error::{Error, Result},
    models::{ArtifactStore, Catalog, CatalogEntry, Manifest, ModelError, Profile, ProgressEvent, PullProgress as _, Puller, Stage},
};

/// How many of the pulls that people ask for go on at a time; the others wait.
const PULLS_AT_ONCE: usize = 3;

/// What the running appliance does with its models.
pub trait ModelUsage: Send + Sync {
    /// The profile in force, or the one that was asked for while it is not settled.
    fn profile(&self) -> String;
    /// Ids of what engines and database use, or will use once it is here; `None` until the profile is settled.
    fn used(&self) -> Option<Vec<String>>;
}

/// The catalogue, the store and the way from the one to the other.
#[derive(Clone)]
pub struct Shelf {
    pub catalog: Catalog,
    pub store: Arc<ArtifactStore>,
    /// Reports to `board`.
    pub puller: Puller,
    pub board: Arc<PullBoard>,
    /// Nothing may leave.
    pub sealed: bool,
}

/// The feature's face to `http/`.
pub struct ModelService {
    shelf: Shelf,
    usage: Arc<dyn ModelUsage>,
    running: Mutex<BTreeMap<String, JoinHandle<()>>>,
    places: Arc<Semaphore>,
    stopping: CancellationToken,
}

impl ModelService {
    /// Pulls end when `stopping` is cancelled; what came so far is taken up by the next one.
    pub fn new(shelf: Shelf, usage: Arc<dyn ModelUsage>, stopping: CancellationToken) -> Self {
        Self { shelf, usage, running: Mutex::default(), places: Arc::new(Semaphore::new(PULLS_AT_ONCE)), stopping }
    }

    /// The catalogue and what was imported.
    pub async fn list(&self) -> Result<ModelList> {
        let store = Arc::clone(&self.shelf.store);
        let looked = tokio::task::spawn_blocking(move || Ok((store.list()?, store.disk_free()?))).await;
        let (here, disk_free_bytes) = looked.map_err(|error| Error::Internal(error.into()))?.map_err(told)?;
        let (profile, used, pulls) = (self.usage.profile(), self.usage.used().unwrap_or_default(), self.shelf.board.all());
        let held = Profile::from_str(&profile, true).map(|profile| self.shelf.catalog.profile(profile)).unwrap_or_default();
        let mut models = self.models(&here);
        for model in &mut models {
            model.in_profile = held.iter().any(|entry| entry.id == model.id);
            model.in_use = model.present && used.contains(&model.id);
            model.pull = pulls.get(&model.id).cloned();
            model.variant = self.shelf.store.chosen_variant(&model.id).map(Into::into);
        }
        Ok(ModelList { profile, sealed: self.shelf.sealed, disk_free_bytes, models })
    }

    fn models(&self, here: &[Manifest]) -> Vec<ModelInfo> {
        let catalog = &self.shelf.catalog;
        let find = |id: &str| here.iter().find(|manifest| manifest.id == id);
        let known = catalog.entries().iter().map(|entry| ModelInfo::of_catalog(entry, find(&entry.id)));
        known.chain(here.iter().filter(|manifest| catalog.entry(&manifest.id).is_none()).map(ModelInfo::imported)).collect()
    }

    /// Starts a pull, unless one of this model goes on already.
    pub fn pull(&self, id: &str) -> Result<()> {
        let entry = self.shelf.catalog.entry(id).ok_or(Error::NotFound("model in the catalogue"))?;
        if self.shelf.sealed {
            return Err(Error::Conflict("this server is sealed: start it without --sealed to pull models, or import a file".into()));
        }
        let mut running = self.running();
        running.retain(|_, pull| !pull.is_finished());
        if running.contains_key(id) || self.shelf.board.is_under_way(id) {
            return Ok(());
        }
        self.shelf.store.require_space(entry).map_err(told)?;
        running.insert(id.to_owned(), self.start(entry.clone()));
        Ok(())
    }

    fn start(&self, entry: CatalogEntry) -> JoinHandle<()> {
        let (puller, board) = (self.shelf.puller.afresh(), Arc::clone(&self.shelf.board));
        let (places, stopping) = (Arc::clone(&self.places), self.stopping.clone());
        board.event(ProgressEvent { id: entry.id.clone(), stage: Stage::Waiting, bytes: 0, total: entry.bytes() });
        tokio::spawn(async move {
            // Never closed.
            let _place = places.acquire().await;
            tokio::select! {
                () = stopping.cancelled() => {}
                pulled = puller.pull_one(&entry) => match pulled {
                    Ok(_) => tracing::info!(model = entry.id, "a model was pulled"),
                    // The board shows it, too.
                    Err(error) => tracing::warn!(model = entry.id, %error, "a model could not be pulled"),
                },
            }
        })
    }

    /// Stops a pull, or takes a failed one off the board. What came so far stays for the next one.
    pub async fn stop_pull(&self, id: &str) -> Result<()> {
        self.known(id)?;
        let pull = self.running().remove(id).filter(|pull| !pull.is_finished());
        if let Some(pull) = pull {
            pull.abort();
            // Its end is all that matters: after it, it reports nothing more.
            let _ = pull.await;
        } else if self.shelf.board.is_under_way(id) {
            return Err(Error::Conflict("the appliance fetches this model to come up: stop the server to stop that".into()));
        }
        self.shelf.board.forget(id);
        Ok(())
    }

    /// Takes a model away that neither an engine nor the database uses.
    pub async fn remove(&self, id: &str) -> Result<()> {
        match self.usage.used() {
            None => return Err(Error::Conflict("the appliance is finding out which models it needs: try again in a moment".into())),
            Some(used) if used.iter().any(|used| used == id) => {
                return Err(Error::Conflict("this server uses it: start the server with another profile, then remove it".into()));
            }
            Some(_) => {}
        }
        if self.shelf.board.is_under_way(id) {
            return Err(Error::Conflict("it is being pulled: stop that first".into()));
        }
        self.shelf.store.remove(id).await.map_err(told)?;
        self.shelf.board.forget(id);
        Ok(())
    }

    fn known(&self, id: &str) -> Result<()> {
        if self.shelf.catalog.entry(id).is_some() {
            return Ok(());
        }
        self.shelf.store.manifest(id).map(drop).map_err(told)
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<String, JoinHandle<()>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What of a model's error is told to the user.
fn told(error: ModelError) -> Error {
    match error {
        ModelError::Unknown(_) | ModelError::Missing { .. } => Error::NotFound("model"),
        ModelError::Space { .. } => Error::NoSpace(error.to_string()),
        other => Error::Internal(other.into()),
    }
}
