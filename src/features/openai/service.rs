//! What the feature does: find the model that a client means and have it write, embed or listen.

use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Aliases, Answers, ModelCard, ServedEmbedder, ServedModels, ServedTranscriber, Task,
    model::{ModelObject, ModelObjects},
};
use crate::{
    engine::{Asker, Constraint, FormPart, GenerationRequest, Prompt, Sampling, Slot},
    error::{Error, Result},
    features::speech::SpeechService,
};

/// Answers that one request may ask for: a quarter of what an engine's queue holds.
const MOST_ANSWERS: usize = 16;
/// The longest name of an asker.
const MOST_USER_BYTES: usize = 512;
/// What this server calls itself where OpenAI's names a configuration.
pub const FINGERPRINT: &str = concat!("oneiros-", env!("CARGO_PKG_VERSION"));

/// Text to be written.
#[derive(Debug, Clone)]
pub struct Writing {
    pub prompts: Vec<Prompt>,
    /// Answers to each prompt.
    pub n: usize,
    pub constraint: Constraint,
    pub stop: Vec<String>,
    /// As many as fit when absent.
    pub max_tokens: Option<u32>,
    pub sampling: Sampling,
    pub asker: Asker,
}

/// The feature's face to `http/` and to features that speak other protocols.
pub struct ModelApi {
    models: Arc<dyn ServedModels>,
    aliases: Aliases,
    speech: Arc<SpeechService>,
    since: i64,
}

impl ModelApi {
    /// `speech` receives recordings, decodes them and has them heard.
    pub fn new(models: Arc<dyn ServedModels>, aliases: Aliases, speech: Arc<SpeechService>) -> Self {
        Self { models, aliases, speech, since: now() }
    }

    pub(in crate::features::openai) fn speech(&self) -> &SpeechService {
        &self.speech
    }

    /// All models, as `/v1/models` shows them.
    pub async fn objects(&self) -> ModelObjects {
        let cards = self.models.list().await;
        let data = cards.iter().map(|card| self.object(card, &cards)).collect();
        ModelObjects { object: "list", data }
    }

    /// One model, by its name or an alias.
    pub async fn find_object(&self, name: &str) -> Result<ModelObject> {
        let cards = self.models.list().await;
        let card = self.aliases.resolve(name, &cards).ok_or_else(|| unknown(name, &cards))?;
        Ok(self.object(card, &cards))
    }

    fn object(&self, card: &ModelCard, cards: &[ModelCard]) -> ModelObject {
        let task = match card.task {
            Task::Text if card.dialog => "chat",
            Task::Text => "completion",
            Task::Embedding => "embedding",
            Task::Speech => "transcription",
        };
        ModelObject {
            id: card.id.clone(),
            object: "model",
            created: self.since,
            owned_by: "oneiros",
            task,
            aliases: self.aliases.of(&card.id, cards),
            context_length: card.context_length,
            dimensions: card.dimensions,
        }
    }

    /// All models.
    pub async fn cards(&self) -> Vec<ModelCard> {
        self.models.list().await
    }

    /// The model that a name means, if it is one for this task.
    pub async fn card(&self, name: &str, task: Task) -> Result<ModelCard> {
        let cards = self.models.list().await;
        match self.aliases.resolve(name, &cards) {
            Some(card) if card.task == task => Ok(card.clone()),
            Some(card) => Err(Error::invalid("model", format!("{} {}", card.id, other_task(card.task)))),
            None => Err(unknown(name, &cards)),
        }
    }

    /// Has a model write. Errors that show at once are told here.
    pub async fn write(&self, model: &str, writing: Writing) -> Result<Answers> {
        let count = writing.prompts.len() * writing.n;
        if count == 0 || count > MOST_ANSWERS {
            return Err(Error::invalid("n", format!("asks for {count} answers together with the prompts: 1 to {MOST_ANSWERS} can be had at once")));
        }
        let card = self.card(model, Task::Text).await?;
        let model = self.models.generator(&card.id).await?;
        let per_prompt = writing.n;
        let streams = requests(&writing).map(|request| model.engine.generate(request, writing.asker.clone())).collect();
        let mut answers = Answers::new(model, streams, per_prompt);
        answers.begin().await?;
        Ok(answers)
    }

    /// The embedding model of this name.
    pub async fn embedder(&self, name: &str) -> Result<ServedEmbedder> {
        self.models.embedder(&self.card(name, Task::Embedding).await?.id).await
    }

    /// The speech model of this name.
    pub async fn transcriber(&self, name: &str) -> Result<ServedTranscriber> {
        self.models.transcriber(&self.card(name, Task::Speech).await?.id).await
    }
}

/// One request for each answer. Those to the same prompt differ in their seed, and share the prompt's reading.
fn requests(writing: &Writing) -> impl Iterator<Item = GenerationRequest> {
    let slot = Slot {
        name: "text".into(),
        constraint: writing.constraint.clone(),
        max_tokens: writing.max_tokens.unwrap_or(Slot::UNBOUNDED),
        stop: writing.stop.clone(),
    };
    writing.prompts.iter().flat_map(move |prompt| {
        let slot = slot.clone();
        (0..writing.n).map(move |number| {
            let seed = writing.sampling.seed.wrapping_add(u32::try_from(number).unwrap_or(0));
            let sampling = Sampling { seed, ..writing.sampling.clone() };
            GenerationRequest { prompt: prompt.clone(), form: vec![FormPart::Slot(slot.clone())], sampling }
        })
    })
}

fn unknown(name: &str, cards: &[ModelCard]) -> Error {
    if cards.is_empty() {
        return Error::coming_up("no model is ready yet; see /readyz");
    }
    Error::UnknownModel { name: name.chars().take(100).collect(), known: cards.iter().map(|card| card.id.clone()).collect() }
}

fn other_task(task: Task) -> &'static str {
    match task {
        Task::Text => "writes text: ask it under /v1/chat/completions or /v1/completions",
        Task::Embedding => "makes vectors: ask it under /v1/embeddings",
        Task::Speech => "turns speech into text: ask it under /v1/audio/transcriptions",
    }
}

/// On whose behalf a request is made: engines share themselves out among askers.
pub fn asker(user: Option<&str>) -> Result<Asker> {
    match user {
        Some(user) if user.len() > MOST_USER_BYTES => Err(Error::invalid("user", format!("must be of at most {MOST_USER_BYTES} bytes"))),
        Some(user) => Ok(Asker::named(&format!("api {user}"))),
        None => Ok(Asker::named("api")),
    }
}

/// The most tokens of an answer. More than any context holds is as many as fit.
pub fn max_tokens(field: &str, tokens: Option<i64>) -> Result<Option<u32>> {
    match tokens {
        Some(tokens) if tokens < 1 => Err(Error::invalid(field, format!("must be at least 1, not {tokens}"))),
        tokens => Ok(tokens.map(|tokens| u32::try_from(tokens).unwrap_or(Slot::UNBOUNDED))),
    }
}

/// A name for an answer that no other has.
pub fn new_id(prefix: &str) -> String {
    format!("{prefix}{}", Uuid::now_v7().simple())
}

/// Seconds since 1970.
pub fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}
