//! Engines of models that are here beside the profile's: each is loaded when somebody asks for it by its name, and leaves again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    engines::{LocalModel, Running, engine_kind, local_model, on_demand, placement, specification},
    library::Library,
    room::Room,
    served::ServedEngine,
};
use crate::{
    config::Config,
    engine::{
        pool::Pool,
        supervisor::{EngineStatus, Spawner},
    },
    models::Manifest,
};

pub struct Guests {
    library: Arc<Library>,
    config: Config,
    spawner: Spawner,
    pool: Arc<Pool>,
    /// What the pool had at first.
    room: Room,
    /// The profile's models have engines of their own.
    of_profile: Vec<String>,
    known: Mutex<HashMap<String, Guest>>,
}

/// What is known of one model that is here. It is looked at anew when its files are no longer those that were looked at.
struct Guest {
    manifest: Manifest,
    /// Or why it cannot be served.
    engine: Result<Running, String>,
}

impl Guests {
    pub fn new(library: Arc<Library>, config: Config, spawner: Spawner, pool: Arc<Pool>, room: Room, of_profile: Vec<String>) -> Self {
        Self { library, config, spawner, pool, room, of_profile, known: Mutex::default() }
    }

    /// All that are here now. None of them is loaded for that.
    pub async fn served(&self) -> Vec<ServedEngine> {
        let here = self.here();
        for manifest in &here {
            if !self.knows(manifest) {
                self.look_at(manifest).await;
            }
        }
        let mut known = self.known();
        known.retain(|id, _| here.iter().any(|manifest| manifest.id == *id));
        let mut served: Vec<ServedEngine> = known.values().filter_map(|guest| self.serve(guest)).collect();
        served.sort_by(|one, other| one.id().cmp(other.id()));
        served
    }

    fn serve(&self, guest: &Guest) -> Option<ServedEngine> {
        match &guest.engine {
            Ok(engine) => engine.served(),
            Err(reason) => ServedEngine::new(&self.library.model(&guest.manifest.id)?, None, guest.manifest.bytes, Err(reason.clone())),
        }
    }

    /// Loads those that are to stay.
    pub async fn wake_pinned(&self) {
        let pinned = self.config.models.pinned.iter().flatten();
        let pinned: Vec<&String> = pinned.filter(|id| !self.of_profile.contains(id)).collect();
        if pinned.is_empty() {
            return;
        }
        self.served().await;
        let known = self.known();
        for id in pinned {
            match known.get(id).map(|guest| &guest.engine) {
                Some(Ok(engine)) => engine.client().wake(),
                Some(Err(_)) => {}
                None => tracing::warn!(model = id, "`pinned` names a model that is not here: `oneiros models pull` fetches it"),
            }
        }
    }

    pub fn statuses(&self) -> Vec<EngineStatus> {
        self.known().values().filter_map(|guest| Some(guest.engine.as_ref().ok()?.status())).collect()
    }

    pub fn into_running(self) -> impl Iterator<Item = Running> {
        self.known.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().filter_map(|guest| guest.engine.ok())
    }

    /// Models beside the profile's; a variant serves under its original's name.
    fn here(&self) -> Vec<Manifest> {
        let mut here = self.library.store().list().unwrap_or_else(|error| {
            tracing::warn!(%error, "the models that are here cannot be listed");
            Vec::new()
        });
        let is_guest = |manifest: &Manifest| {
            engine_kind(manifest.kind).is_some() && manifest.derived_from.is_none() && !self.of_profile.contains(&manifest.id)
        };
        here.retain(is_guest);
        here
    }

    fn knows(&self, manifest: &Manifest) -> bool {
        self.known().get(&manifest.id).is_some_and(|guest| guest.manifest == *manifest)
    }

    async fn look_at(&self, manifest: &Manifest) {
        let engine = self.engine(manifest).await.map_err(|error| {
            let reason = format!("{error:#}");
            tracing::warn!(model = manifest.id, reason, "a model that is here cannot be served");
            reason
        });
        self.known().insert(manifest.id.clone(), Guest { manifest: manifest.clone(), engine });
    }

    /// An engine that rests until it is asked.
    async fn engine(&self, manifest: &Manifest) -> anyhow::Result<Running> {
        let (Some(entry), Some(kind)) = (self.library.model(&manifest.id), engine_kind(manifest.kind)) else {
            anyhow::bail!("{} is gone", manifest.id)
        };
        let model: LocalModel = local_model(&self.library, entry).await?;
        let placement = placement(kind, &model, &self.config, &self.room)?;
        if !placement.size.fits(self.room.size()) {
            let [needs, has] = [placement.size.memory, self.room.size().memory].map(|bytes| bytes >> 20);
            anyhow::bail!("it needs about {needs} MiB of memory, and {has} MiB are left beside the models that stay loaded");
        }
        let stays = self.config.models.pinned.iter().flatten().any(|id| *id == manifest.id);
        let presence = on_demand(&self.pool, placement, &self.config, stays);
        Ok(Running::start(specification(kind, &model, &self.config, placement.options, presence), model, &self.spawner))
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Guest>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
