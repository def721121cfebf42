//! Engines of models that are here beside the profile's: each is loaded when somebody asks for it by its name, and leaves again.

use std::{
    collections::{BTreeSet, HashMap},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    engines::{LocalModel, Running, engine_kind, local_model, on_demand, placement, specification},
    library::Library,
    room::Room,
    served::ServedEngine,
};
use crate::{
    config::Config,
    engine::{
        client::EngineClient,
        pool::{Footprint, Pool},
        supervisor::{EngineState, EngineStatus, Spawner},
    },
    models::{ArtifactFormat, ArtifactKind, Manifest, ModelError},
};

/// A model that could not be served is looked at again after so long, when somebody asks for it, and after twice as long each
/// time that it cannot be served again: reading a large file costs everybody.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
const LOOK_AGAIN_AT_MOST: Duration = Duration::from_secs(10 * 60);

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
    /// Held while a model is looked at: each gets one engine, however many ask for it.
    looking: tokio::sync::Mutex<()>,
    leaving: Leaving,
}

/// What is known of one model that is here. It is looked at anew when its files are no longer those that were looked at.
struct Guest {
    weights: Weights,
    bytes: u64,
    engine: Result<Running, Refusal>,
    /// What its engine was planned to take.
    size: Footprint,
}

/// Why a model cannot be served.
struct Refusal {
    reason: String,
    at: Instant,
    /// How long it stands.
    holds: Duration,
}

/// What an engine of a model would load: other weights need another engine.
#[derive(PartialEq)]
struct Weights {
    kind: ArtifactKind,
    format: ArtifactFormat,
    files: Vec<(PathBuf, String)>,
    /// The variant that was chosen in their place.
    variant: Option<(String, Vec<(PathBuf, String)>)>,
}

/// How a model stands to what is known of it.
enum News {
    None,
    Gone,
    Weights(Box<Manifest>, Weights),
}

impl Guests {
    pub fn new(library: Arc<Library>, config: Config, spawner: Spawner, pool: Arc<Pool>, room: Room, of_profile: Vec<String>) -> Self {
        let (known, looking, leaving) = (Mutex::default(), tokio::sync::Mutex::default(), Leaving::default());
        Self { library, config, spawner, pool, room, of_profile, known, looking, leaving }
    }

    /// All that are here now. None of them is loaded for that.
    pub async fn served(&self) -> Vec<ServedEngine> {
        for id in self.here() {
            self.refresh(&id, false).await;
        }
        let mut served: Vec<ServedEngine> = self.known().iter().filter_map(|(id, guest)| self.serve(id, guest)).collect();
        served.sort_by(|one, other| one.id().cmp(other.id()));
        served
    }

    /// The one of this id. No other is looked at for that.
    pub async fn find(&self, id: &str) -> Option<ServedEngine> {
        self.refresh(id, true).await;
        self.known().get(id).and_then(|guest| self.serve(id, guest))
    }

    /// The ids of all that are here.
    pub fn names(&self) -> Vec<String> {
        self.here().into_iter().collect()
    }

    fn serve(&self, id: &str, guest: &Guest) -> Option<ServedEngine> {
        match &guest.engine {
            Ok(engine) => engine.served(),
            Err(refusal) => ServedEngine::new(&self.library.model(id)?, None, guest.bytes, Err(refusal.reason.clone())),
        }
    }

    fn pinned(&self) -> impl Iterator<Item = &String> {
        self.config.models.pinned.iter().flatten().filter(|id| !self.of_profile.contains(id))
    }

    /// Sets memory apart for those that are to stay, before others have theirs.
    pub async fn place_pinned(&self) {
        for id in self.pinned() {
            self.refresh(id, false).await;
        }
    }

    /// Loads those that are to stay.
    pub fn wake_pinned(&self) {
        let known = self.known();
        for id in self.pinned() {
            match known.get(id).map(|guest| &guest.engine) {
                Some(Ok(engine)) => engine.client().wake(),
                Some(Err(_)) => {}
                None => tracing::warn!(model = id, "`pinned` names a model that is not here: `oneiros models pull` fetches it"),
            }
        }
    }

    /// What is left for those that come and go.
    pub fn room(&self) -> Room {
        let mut room = self.room.clone();
        room.take(self.pool.staying());
        room
    }

    pub fn statuses(&self) -> Vec<EngineStatus> {
        let known: Vec<EngineStatus> = self.known().values().filter_map(|guest| Some(guest.engine.as_ref().ok()?.status())).collect();
        known.into_iter().chain(self.leaving.statuses()).collect()
    }

    /// Stops all of them, at the same time.
    pub async fn stop(self) {
        let known = self.known.into_inner().unwrap_or_else(PoisonError::into_inner);
        let stopping = known.into_values().filter_map(|guest| guest.engine.ok()).map(Running::stop);
        tokio::join!(join_all(stopping), self.leaving.stop());
    }

    /// The ids of those that are here or were; of those that are known alone when the others cannot be told.
    fn here(&self) -> BTreeSet<String> {
        let known: BTreeSet<String> = self.known().keys().cloned().collect();
        match self.library.store().list() {
            Ok(here) => here.into_iter().filter(|manifest| self.is_guest(manifest)).map(|manifest| manifest.id).chain(known).collect(),
            Err(error) => {
                tracing::warn!(%error, "the models that are here cannot be listed");
                known
            }
        }
    }

    /// Models beside the profile's; a variant serves under its original's name.
    fn is_guest(&self, manifest: &Manifest) -> bool {
        engine_kind(manifest.kind).is_some() && manifest.derived_from.is_none() && !self.of_profile.contains(&manifest.id)
    }

    /// Brings what is known of a model up to date; `again`: also if it could not be served a while ago.
    async fn refresh(&self, id: &str, again: bool) {
        if matches!(self.news(id, again), News::None) {
            return;
        }
        let _looking = self.looking.lock().await;
        // Another may have looked meanwhile.
        let known = match self.news(id, again) {
            News::None => return,
            News::Gone => self.known().remove(id),
            News::Weights(manifest, weights) => {
                let (engine, size) = self.look_at(&manifest).await;
                self.known().insert(id.to_owned(), Guest { weights, bytes: manifest.bytes, engine, size })
            }
        };
        if let Some(Guest { engine: Ok(engine), .. }) = known {
            self.leaving.add(engine);
        }
    }

    /// What cannot be read may be there yet: only what is seen to be gone goes.
    fn news(&self, id: &str, again: bool) -> News {
        let manifest = match self.library.store().manifest(id) {
            Ok(manifest) if self.is_guest(&manifest) => manifest,
            Ok(_) | Err(ModelError::Missing { .. } | ModelError::Unknown(_)) if self.known().contains_key(id) => return News::Gone,
            Ok(_) | Err(_) => return News::None,
        };
        let weights = self.weights(&manifest);
        let is_known = self.known().get(id).is_some_and(|guest| {
            let is_due = |refusal: &Refusal| again && refusal.at.elapsed() >= refusal.holds;
            guest.weights == weights && !guest.engine.as_ref().is_err_and(is_due) && !self.has_outgrown(id, guest)
        });
        if is_known { News::None } else { News::Weights(Box::new(manifest), weights) }
    }

    fn weights(&self, manifest: &Manifest) -> Weights {
        let store = self.library.store();
        let variant = store.chosen_variant(&manifest.id).and_then(|variant| store.manifest(&variant.id).ok());
        let variant = variant.map(|variant| (variant.id.clone(), checksums(&variant)));
        Weights { kind: manifest.kind, format: manifest.format, files: checksums(manifest), variant }
    }

    /// Whether its engine was planned when more memory was left than those that stay leave now.
    fn has_outgrown(&self, id: &str, guest: &Guest) -> bool {
        guest.engine.is_ok() && !self.pinned().any(|pinned| pinned == id) && !guest.size.fits(self.room().size())
    }

    async fn look_at(&self, manifest: &Manifest) -> (Result<Running, Refusal>, Footprint) {
        match self.engine(manifest).await {
            Ok((engine, size)) => (Ok(engine), size),
            Err(error) => {
                let reason = format!("{error:#}");
                tracing::warn!(model = manifest.id, reason, "a model that is here cannot be served");
                let before = self.known().get(&manifest.id).and_then(|guest| Some(guest.engine.as_ref().err()?.holds));
                let holds = before.map_or(LOOK_AGAIN, |holds| (2 * holds).min(LOOK_AGAIN_AT_MOST));
                (Err(Refusal { reason, at: Instant::now(), holds }), Footprint::default())
            }
        }
    }

    /// An engine that rests until it is asked.
    async fn engine(&self, manifest: &Manifest) -> anyhow::Result<(Running, Footprint)> {
        let (Some(entry), Some(kind)) = (self.library.model(&manifest.id), engine_kind(manifest.kind)) else {
            anyhow::bail!("{} is gone", manifest.id)
        };
        let model: LocalModel = local_model(&self.library, entry).await?;
        let placement = placement(kind, &model, &self.config, &self.room())?;
        let stays = self.pinned().any(|id| *id == manifest.id);
        let presence = on_demand(&self.pool, placement, &self.config, stays)?;
        let specification = specification(kind, &model, &self.config, placement.options, presence);
        Ok((Running::start(specification, model, &self.spawner), placement.size))
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Guest>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What tells files from others: their stamps change when they are only touched.
fn checksums(manifest: &Manifest) -> Vec<(PathBuf, String)> {
    manifest.files.iter().map(|file| (file.path.clone(), file.sha256.clone())).collect()
}

/// Engines of models that are gone or have other weights now: they end what they have begun, then go.
#[derive(Default)]
struct Leaving {
    tasks: TaskTracker,
    hurry: CancellationToken,
    engines: Mutex<Vec<EngineClient>>,
}

impl Leaving {
    fn add(&self, engine: Running) {
        self.engines().push(engine.client());
        self.tasks.spawn(engine.retire(self.hurry.clone()));
    }

    /// Of those that are still there.
    fn statuses(&self) -> Vec<EngineStatus> {
        let mut engines = self.engines();
        engines.retain(|engine| engine.status().state != EngineState::Stopped);
        engines.iter().map(EngineClient::status).collect()
    }

    async fn stop(self) {
        self.hurry.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn engines(&self) -> MutexGuard<'_, Vec<EngineClient>> {
        self.engines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
