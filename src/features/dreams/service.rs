//! What the feature does: keep a dream, read it, find those like it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Dream, DreamPage, DreamStore, DreamWithReadings, EmbedRequest, EmbedResponse, FailureReason, InterpretRequest, InterpretResponse,
    Interpretation, InterpretationFailure, Lens, ReadAgainRequest, SimilarDream, WaitReason, WaitingEvent, language,
    prompts::Prompts,
    reader::{DreamModels, EmbeddingModel},
    reading::{self, EventSink, ReadingEvent, Task},
    store::ReadingKey,
    validate,
};
use crate::{
    engine::{EmbeddingRequest, EmbeddingRole, Place, Places, supervisor::MOST_OF_ONE_ASKER},
    error::{Error, Result},
    features::accounts::{AccountService, Principal, UserId},
};

/// How many similar dreams come with a reading.
const SIMILAR: u16 = 5;
/// How long a reading waits for them: a hung embedding engine must not hold it up.
const SIMILAR_PATIENCE: Duration = Duration::from_secs(10);
/// How long a reading may go on once the server is stopping.
const LAST_WORDS: Duration = Duration::from_secs(8);
const ENGINE_RETRY: Duration = Duration::from_secs(5);
/// Readings that go on or wait at the same time; more are refused until one is done.
const MOST_READINGS: usize = 64;
/// How long a reading waits for models that are being fetched or loaded, while somebody hears how far that is …
const LISTENER_PATIENCE: Duration = Duration::from_secs(60 * 60);
/// … and when nobody does.
const UNHEARD_PATIENCE: Duration = Duration::from_secs(30);
/// How many texts one request may ask vectors for, and how long each may be.
const MOST_TEXTS: usize = 256;
const LONGEST_TEXT: usize = 16_000;

/// A dream that is kept and waits for its reading.
pub struct KeptDream {
    pub dream: Dream,
    lens: Lens,
    language: String,
    started: Instant,
    /// It is one of those that the person may have in a day.
    counted: bool,
    /// Readings that go on or wait are bounded.
    _place: Place,
}

/// The feature's face to `http/`, jobs and the command line.
pub struct DreamService {
    store: DreamStore,
    prompts: Prompts,
    models: watch::Receiver<Arc<DreamModels>>,
    places: Arc<Places>,
    accounts: Arc<AccountService>,
    stopping: CancellationToken,
}

impl DreamService {
    /// `stopping` is cancelled when the server begins to stop: a reading then has eight seconds left.
    pub fn new(
        store: DreamStore,
        models: watch::Receiver<Arc<DreamModels>>,
        accounts: Arc<AccountService>,
        stopping: CancellationToken,
    ) -> Self {
        // Whom an engine's queue has no place for would keep a dream and get no reading.
        let places = Places::new(MOST_READINGS, MOST_OF_ONE_ASKER);
        Self { store, prompts: Prompts::embedded(), models, places, accounts, stopping }
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
        let dream = self.store.keep(principal.user, &text, &language).await?;
        self.admit(principal, dream, language, request.lens, started).await
    }

    /// A dream that was kept earlier, to be read again or through another lens.
    pub async fn kept(&self, principal: &Principal, id: Uuid, request: ReadAgainRequest) -> Result<KeptDream> {
        let started = Instant::now();
        let dream = self.find(principal.user, id).await?.dream;
        let language = dream.language.clone();
        self.admit(principal, dream, language, request.lens, started).await
    }

    async fn admit(
        &self,
        principal: &Principal,
        dream: Dream,
        language: String,
        lens: Option<Lens>,
        started: Instant,
    ) -> Result<KeptDream> {
        let but_kept = |cause: Error| Error::DreamKept { dream_id: dream.id, cause: Box::new(cause) };
        let place = self.places.take(&principal.asker()).map_err(|retry_after| but_kept(Error::Busy { retry_after }))?;
        let counted = self.accounts.admit_reading(principal).await.map_err(but_kept)?;
        Ok(KeptDream { dream, lens: lens.unwrap_or_default(), language, started, counted, _place: place })
    }

    /// Reads a kept dream. Every error says that the dream is kept. Dropping the future frees the engine.
    pub async fn interpret(&self, owner: UserId, kept: &KeptDream, sink: &EventSink) -> Result<InterpretResponse> {
        let out_of_time = async {
            self.stopping.cancelled().await;
            tokio::time::sleep(LAST_WORDS).await;
        };
        let answer = tokio::select! {
            answer = self.answer(owner, kept, sink) => answer,
            () = out_of_time => Err(Error::Unavailable { what: "the server is stopping".into(), retry_after: ENGINE_RETRY }),
        };
        let costs_nothing = answer.as_ref().map_or(true, |answer| answer.interpretation.as_ref().is_some_and(|reading| reading.cached));
        if kept.counted && costs_nothing {
            self.accounts.give_reading_back(owner).await;
        }
        answer.map_err(|cause| Error::DreamKept { dream_id: kept.dream.id, cause: Box::new(cause) })
    }

    async fn answer(&self, owner: UserId, kept: &KeptDream, sink: &EventSink) -> Result<InterpretResponse> {
        let dream = &kept.dream;
        sink.send(ReadingEvent::Dream(dream.clone()));
        let similar = self.similar_if_possible(owner, dream, &self.models()).await;
        sink.send(ReadingEvent::Similar(similar.clone()));
        let models = self.loaded_models(sink).await?;
        let choice = models
            .choose(&kept.language)
            .ok_or_else(|| Error::Unavailable { what: "no language model is here; see /readyz".into(), retry_after: ENGINE_RETRY })?;
        let response = |interpretation, failure| InterpretResponse { dream: dream.clone(), interpretation, failure, similar };
        let key = ReadingKey {
            lens: kept.lens,
            language: choice.language.clone(),
            model: choice.reader.id.clone(),
            prompt_version: self.prompts.version().to_owned(),
        };
        if let Some(earlier) = self.store.cached(owner, dream.id, &key).await? {
            return Ok(response(Some(Interpretation { cached: true, ..earlier }), None));
        }
        let task = Task {
            dream,
            dream_language: &kept.language,
            lens: kept.lens,
            reader: choice.reader,
            asker: owner.asker(),
            language: choice.language,
            started: kept.started,
        };
        match reading::read(&self.prompts, &task, sink).await {
            Ok(Ok(reading)) => {
                self.store.keep_reading(owner, dream.id, &reading).await?;
                Ok(response(Some(reading), None))
            }
            Ok(Err(failure)) => {
                self.store.keep_failure(owner, dream.id, &failure).await?;
                Ok(response(None, Some(failure)))
            }
            Err(error) => {
                let failure = InterpretationFailure { reason: FailureReason::EngineUnavailable, detail: error.summary() };
                if let Err(unkept) = self.store.keep_failure(owner, dream.id, &failure).await {
                    tracing::warn!(dream = %dream.id, error = %unkept, "a reading's failure could not be kept");
                }
                Err(error.into())
            }
        }
    }

    /// Waits for the models while the appliance comes up: as long as somebody listens, else only a moment.
    async fn loaded_models(&self, sink: &EventSink) -> Result<Arc<DreamModels>> {
        let missing = |what: &str| Error::Unavailable { what: what.into(), retry_after: ENGINE_RETRY };
        let mut models = self.models.clone();
        let loaded = async {
            loop {
                let now = models.borrow_and_update().clone();
                let Some(detail) = &now.coming else { return Ok(now) };
                let detail = Some(detail.clone()).filter(|detail| !detail.is_empty());
                sink.send(ReadingEvent::Waiting(WaitingEvent { reason: WaitReason::Loading, place: None, detail }));
                // Its sender goes without the models only when they could not be loaded.
                models.changed().await.map_err(|_| missing("the models could not be loaded; the server's log says why"))?;
            }
        };
        let patience = if sink.is_heard() { LISTENER_PATIENCE } else { UNHEARD_PATIENCE };
        let in_time = tokio::time::timeout(patience, loaded).await;
        in_time.unwrap_or_else(|_| Err(missing("the models are not loaded yet; see /readyz")))
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

    /// A dream with its readings; another owner's is not found.
    pub async fn find(&self, owner: UserId, id: Uuid) -> Result<DreamWithReadings> {
        self.store.find(owner, id).await?.ok_or(Error::NotFound("dream"))
    }

    /// Deletes a dream with all that came from it.
    pub async fn delete(&self, owner: UserId, id: Uuid) -> Result<()> {
        if self.store.delete(owner, id).await? { Ok(()) } else { Err(Error::NotFound("dream")) }
    }

    /// The owner's own dreams that are most like one of them, nearest first.
    pub async fn similar(&self, owner: UserId, id: Uuid, limit: u16) -> Result<Vec<SimilarDream>> {
        let found = self.find(owner, id).await?;
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
