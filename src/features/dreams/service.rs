//! What the feature does: keep a dream, read it ([`interpreting`]), find those like it.

mod helping;
mod interpreting;
mod remarks;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Dream, DreamPage, DreamStore, DreamWithReadings, EmbedRequest, EmbedResponse, InterpretRequest, NamedSymbol, ReadAgainRequest,
    RecurringSymbol, SimilarDream, language,
    prompts::Prompts,
    reader::{DreamModels, EmbeddingModel},
    validate,
};
use crate::{
    engine::{EmbeddingRequest, EmbeddingRole, Place, Places, supervisor::MOST_OF_ONE_ASKER},
    error::{Error, Result},
    features::{
        accounts::{AccountService, Principal, UserId},
        care::CareCheck,
        lore::{Lens, LensId, Likeness, Lore, LoreService},
    },
};

/// How many similar dreams come with a reading.
const SIMILAR: u16 = 5;
/// How long a reading waits for them: a hung embedding engine must not hold it up.
const SIMILAR_PATIENCE: Duration = Duration::from_secs(10);
const ENGINE_RETRY: Duration = Duration::from_secs(5);
/// Readings that go on or wait at the same time; more are refused until one is done.
const MOST_READINGS: usize = 64;
/// How many texts one request may ask vectors for, and how long each may be.
const MOST_TEXTS: usize = 256;
const LONGEST_TEXT: usize = 16_000;

/// A dream that is kept and waits for its reading.
pub struct KeptDream {
    pub dream: Dream,
    lens: LensId,
    lore: Arc<Lore>,
    language: String,
    /// How the language is known.
    known_by: &'static str,
    started: Instant,
    /// It is one of those that the person may have in a day.
    counted: bool,
    /// Readings that go on or wait are bounded.
    _place: Place,
}

/// A request whose dream is kept.
struct Asked {
    dream: Dream,
    lens: (LensId, Arc<Lore>),
    language: String,
    known_by: &'static str,
    started: Instant,
}

/// The feature's face to `http/`, jobs and the command line.
pub struct DreamService {
    store: DreamStore,
    prompts: Prompts,
    models: watch::Receiver<Arc<DreamModels>>,
    places: Arc<Places>,
    accounts: Arc<AccountService>,
    lore: Arc<LoreService>,
    care: Arc<CareCheck>,
    likeness: Likeness,
    stopping: CancellationToken,
}

impl DreamService {
    /// `stopping` is cancelled when the server begins to stop: a reading then has eight seconds left.
    pub fn new(
        store: DreamStore,
        models: watch::Receiver<Arc<DreamModels>>,
        accounts: Arc<AccountService>,
        lore: Arc<LoreService>,
        care: Arc<CareCheck>,
        stopping: CancellationToken,
    ) -> Self {
        // Whom an engine's queue has no place for would keep a dream and get no reading.
        let places = Places::new(MOST_READINGS, MOST_OF_ONE_ASKER);
        Self { store, prompts: Prompts::embedded(), models, places, accounts, lore, care, likeness: Likeness::default(), stopping }
    }

    fn models(&self) -> Arc<DreamModels> {
        self.models.borrow().clone()
    }

    /// Checks a request and keeps its dream. What comes after can fail without losing it.
    pub async fn keep(&self, principal: &Principal, request: InterpretRequest) -> Result<KeptDream> {
        let started = Instant::now();
        let text = validate::dream_text(&request.text)?;
        let language = match &request.language {
            Some(code) => language::known(code)?,
            None => language::detect(&text),
        };
        let lens = self.lens(principal.user, request.lens).await?;
        let dream = self.store.keep(principal.user, &text, &language).await?;
        let known_by = if request.language.is_some() { "told" } else { "detected" };
        self.admit(principal, Asked { dream, lens, language, known_by, started }).await
    }

    /// A dream that was kept earlier, to be read again or through another lens.
    pub async fn kept(&self, principal: &Principal, id: Uuid, request: ReadAgainRequest) -> Result<KeptDream> {
        let started = Instant::now();
        let lens = self.lens(principal.user, request.lens).await?;
        let dream = self.store.find(principal.user, id).await?.ok_or(Error::NotFound("dream"))?.dream;
        let language = dream.language.clone();
        self.admit(principal, Asked { dream, lens, language, known_by: "kept", started }).await
    }

    /// The lens that was asked for, else the one that the dreamer chose most often lately, as far as it is still here.
    async fn lens(&self, owner: UserId, wanted: Option<LensId>) -> Result<(LensId, Arc<Lore>)> {
        let lore = self.lore.current().await?;
        if let Some(wanted) = wanted {
            return match lore.lens(&wanted) {
                Some(_) => Ok((wanted, lore)),
                None => Err(Error::invalid("lens", unknown_lens(&wanted, &lore))),
            };
        }
        let chosen = self.store.preferred_lens(owner).await?.filter(|lens| lore.lens(lens).is_some());
        Ok((chosen.unwrap_or_default(), lore))
    }

    async fn admit(&self, principal: &Principal, asked: Asked) -> Result<KeptDream> {
        let Asked { dream, lens: (lens, lore), language, known_by, started } = asked;
        let admitted = async {
            let place = self.places.take(&principal.asker()).map_err(|retry_after| Error::Busy { retry_after })?;
            Ok((place, self.accounts.admit_reading(principal).await?))
        };
        let (place, counted) = match admitted.await {
            Ok(admitted) => admitted,
            Err(cause) => {
                let care = self.words_of_help(principal.user, &dream.text, &language).await;
                return Err(helping::with_care(care.as_ref(), Error::DreamKept { dream_id: dream.id, cause: Box::new(cause) }));
            }
        };
        Ok(KeptDream { dream, lens, lore, language, known_by, started, counted, _place: place })
    }

    /// Similar dreams, or none when the embedder or its vectors are not there: a reading does not wait for them, and the
    /// re-embedding job brings the missing vector.
    async fn similar_if_possible(&self, owner: UserId, dream: &Dream, models: &DreamModels) -> Vec<SimilarDream> {
        let Some(embedding) = &models.embedding else { return Vec::new() };
        match tokio::time::timeout(SIMILAR_PATIENCE, self.similar_to(owner, dream, embedding, SIMILAR)).await {
            Ok(Ok(similar)) => similar,
            Err(_) => {
                tracing::warn!(dream = %dream.id, "the embedding engine is too slow to wait for");
                Vec::new()
            }
            Ok(Err(error)) => {
                tracing::warn!(dream = %dream.id, %error, "no similar dreams could be looked up");
                Vec::new()
            }
        }
    }

    async fn similar_to(&self, owner: UserId, dream: &Dream, embedding: &EmbeddingModel, limit: u16) -> Result<Vec<SimilarDream>> {
        let vector = match self.store.vector(owner, dream.id, &embedding.id).await? {
            Some(vector) => vector,
            None => {
                let request = EmbeddingRequest { texts: vec![dream.text.clone()], role: EmbeddingRole::Passage };
                let mut vectors = embedding.engine.embed(request, owner.asker()).await?.vectors;
                let vector = vectors.pop().ok_or_else(|| Error::Internal(anyhow::anyhow!("the embedder answered without a vector")))?;
                self.store.keep_vector(owner, dream.id, &embedding.id, &vector).await?;
                vector
            }
        };
        self.store.similar_of_owner(owner, &embedding.id, &vector, Some(dream.id), limit).await
    }

    fn embedding(models: &DreamModels) -> Result<&EmbeddingModel> {
        let missing = || Error::Unavailable { what: "no embedding model is ready yet; see /readyz".into(), retry_after: ENGINE_RETRY };
        models.embedding.as_ref().ok_or_else(missing)
    }

    /// One page of the owner's dreams, newest first.
    pub async fn page(&self, owner: UserId, cursor: Option<&str>, limit: u16) -> Result<DreamPage> {
        self.store.page(owner, cursor, limit).await
    }

    /// A dream with its readings and what the dreamer said of them; another owner's is not found.
    pub async fn find(&self, owner: UserId, id: Uuid) -> Result<DreamWithReadings> {
        let found = self.store.find(owner, id).await?.ok_or(Error::NotFound("dream"))?;
        let symbols = self.store.symbols_of(owner, id).await?;
        let recurring = self.store.recurring(owner, id, &symbols).await?;
        let lore = self.lore.current().await?;
        let name = |id: &str| lore.dictionary().name(id, &found.dream.language).unwrap_or(id).to_owned();
        Ok(DreamWithReadings {
            symbols: symbols.iter().map(|id| NamedSymbol { id: id.clone(), name: name(id) }).collect(),
            recurring: recurring.into_iter().map(|(id, dreams)| RecurringSymbol { name: name(&id), id, dreams }).collect(),
            associations: self.store.associations(owner, id).await?,
            opinions: self.store.opinions(owner, id).await?,
            dialog: self.store.dialog(owner, id).await?,
            dream: found.dream,
            interpretations: found.interpretations,
            failure: found.failure,
        })
    }

    /// Deletes a dream with all that came from it.
    pub async fn delete(&self, owner: UserId, id: Uuid) -> Result<()> {
        if self.store.delete(owner, id).await? { Ok(()) } else { Err(Error::NotFound("dream")) }
    }

    /// The owner's own dreams that are most like one of them, nearest first.
    pub async fn similar(&self, owner: UserId, id: Uuid, limit: u16) -> Result<Vec<SimilarDream>> {
        let found = self.store.find(owner, id).await?.ok_or(Error::NotFound("dream"))?;
        let models = self.models();
        self.similar_to(owner, &found.dream, Self::embedding(&models)?, limit).await
    }

    /// Vectors of any texts, by the model that dreams are compared with.
    pub async fn embed(&self, owner: UserId, request: EmbedRequest) -> Result<EmbedResponse> {
        if request.texts.is_empty() || request.texts.len() > MOST_TEXTS {
            return Err(Error::invalid("texts", format!("must hold 1 to {MOST_TEXTS} texts")));
        }
        let wrong = request.texts.iter().position(|text| text.trim().is_empty() || text.len() > LONGEST_TEXT);
        if let Some(at) = wrong {
            return Err(Error::invalid(format!("texts[{at}]"), format!("must hold 1 to {LONGEST_TEXT} bytes of text")));
        }
        let models = self.models();
        let model = Self::embedding(&models)?;
        let answer = model.engine.embed(EmbeddingRequest { texts: request.texts, role: request.role }, owner.asker()).await?;
        Ok(EmbedResponse { model: model.id.clone(), dimensions: model.dimensions, vectors: answer.vectors })
    }
}

fn unknown_lens(wanted: &LensId, lore: &Lore) -> String {
    let known: Vec<&str> = lore.lenses().map(|lens: &Lens| lens.id.as_str()).collect();
    format!("`{wanted}` is no lens of this server: there are {}", known.join(", "))
}
