//! What the feature does: find the model that a client means and have it write, embed or listen.

use std::{sync::Arc, time::Duration};

use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Aliases, Answers, Fields, ModelCard, ServedEmbedder, ServedModels, ServedTranscriber, Task, Tooling,
    answers::Reading,
    blame::Blame,
    model::{ModelObject, ModelObjects},
    reading::Manner,
};
use crate::{
    engine::{
        Asker, ChatMessage, ChatPrompt, Constraint, ForcedCall, FormPart, GenerationRequest, Prompt, Reasoning, Sampling, Slot,
        tools::AnswerStyle,
    },
    error::{Error, Result},
    features::{accounts::Principal, speech::SpeechService},
};

/// Answers that one request may ask for: a quarter of what an engine's queue holds.
const MOST_ANSWERS: usize = 16;
/// The longest name of an asker.
const MOST_USER_BYTES: usize = 512;
/// What this server calls itself where OpenAI's names a configuration.
pub const FINGERPRINT: &str = concat!("oneiros-", env!("CARGO_PKG_VERSION"));

/// What is to be continued.
#[derive(Debug, Clone)]
pub enum Prompts {
    Texts(Vec<Prompt>),
    Dialog { messages: Vec<ChatMessage>, tooling: Tooling, reasoning: Reasoning },
}

impl From<Vec<ChatMessage>> for Prompts {
    fn from(messages: Vec<ChatMessage>) -> Self {
        Self::Dialog { messages, tooling: Tooling::default(), reasoning: Reasoning::Default }
    }
}

/// Text to be written.
#[derive(Debug, Clone)]
pub struct Writing {
    pub prompts: Prompts,
    /// Answers to each prompt.
    pub n: usize,
    pub constraint: Constraint,
    pub stop: Vec<String>,
    /// As many as fit when absent.
    pub max_tokens: Option<u32>,
    pub sampling: Sampling,
    pub asker: Asker,
    /// What the request calls what an engine may refuse.
    pub fields: Fields,
}

impl Writing {
    /// All that comes with one person's keys and pages is that person's, whatever a program says.
    pub fn on_behalf_of(self, principal: &Principal) -> Self {
        Self { asker: asked_by(Some(principal), self.asker), ..self }
    }
}

/// The person, where an account stands behind the request; else whom the program names.
pub fn asked_by(principal: Option<&Principal>, named: Asker) -> Asker {
    principal.filter(|principal| principal.has_account()).map_or(named, Principal::asker)
}

/// The feature's face to `http/` and to features that speak other protocols.
#[derive(Clone)]
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

    /// When the server began to offer its models, in seconds since 1970.
    pub fn since(&self) -> i64 {
        self.since
    }

    /// The model that a name means.
    pub async fn find(&self, name: &str) -> Result<ModelCard> {
        // An alias never hides a model.
        if let Some(card) = self.models.card(name).await {
            return Ok(card);
        }
        let cards = self.models.list().await;
        self.aliases.resolve(name, &cards).cloned().ok_or_else(|| unknown(name, &cards))
    }

    /// All models.
    pub async fn cards(&self) -> Vec<ModelCard> {
        self.models.list().await
    }

    /// The model that a name means, if it is one for this task.
    pub async fn card(&self, name: &str, task: Task) -> Result<ModelCard> {
        let card = self.find(name).await?;
        if card.task == task { Ok(card) } else { Err(Error::invalid("model", format!("{} {}", card.id, other_task(card.task)))) }
    }

    /// Has a model write. Errors that show at once are told here.
    pub async fn write(&self, model: &str, writing: Writing) -> Result<Answers> {
        let count = writing.prompts.count() * writing.n;
        if count == 0 || count > MOST_ANSWERS {
            return Err(Error::invalid(
                "n",
                format!("asks for {count} answers together with the prompts: 1 to {MOST_ANSWERS} can be had at once"),
            ));
        }
        let card = self.card(model, Task::Text).await?;
        let model = self.models.generator(&card.id).await?;
        let (slot, manner) = (slot(&writing, model.answers), manner(&writing, model.answers));
        let blame = Blame::new(writing.fields, &slot.constraint);
        let requests = requests(&writing, &slot);
        let streams = requests.into_iter().map(|request| model.engine.generate(request, writing.asker.clone())).collect();
        let mut answers = Answers::new(model, streams, writing.n, Reading { manner, blame });
        answers.begin().await?;
        Ok(answers)
    }

    /// Has a model loaded that rests, without asking it anything.
    pub async fn load(&self, card: &ModelCard) -> Result<()> {
        self.models.load(&card.id).await
    }

    /// Has a model that is loaded on demand leave memory, once it has ended what it has begun.
    pub async fn leave(&self, card: &ModelCard) -> Result<()> {
        self.models.leave(&card.id).await
    }

    /// The same models, of which those that are loaded on demand stay for so long after each request that is made there; as
    /// long as usual if `None`.
    #[must_use]
    pub fn keeping(&self, keep_alive: Option<Duration>) -> Self {
        let models = keep_alive.map_or_else(|| Arc::clone(&self.models), |keep_alive| self.models.keeping(keep_alive));
        Self { models, ..self.clone() }
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

impl Prompts {
    fn count(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.len(),
            Self::Dialog { .. } => 1,
        }
    }
}

/// One request for each answer. Those to the same prompt differ in their seed, and share the prompt's reading.
fn requests(writing: &Writing, slot: &Slot) -> Vec<GenerationRequest> {
    let prompts: Vec<Prompt> = match &writing.prompts {
        Prompts::Texts(texts) => texts.clone(),
        Prompts::Dialog { messages, tooling, reasoning } => {
            let (tools, marks) = (tooling.tools.clone(), is_read(writing));
            vec![Prompt::Chat(ChatPrompt { messages: messages.clone(), tools, reasoning: *reasoning, marks })]
        }
    };
    let numbered = prompts.iter().flat_map(|prompt| (0..writing.n).map(move |number| (prompt, number)));
    let request = |(prompt, number): (&Prompt, usize)| {
        let seed = writing.sampling.seed.wrapping_add(u32::try_from(number).unwrap_or(0));
        let sampling = Sampling { seed, ..writing.sampling.clone() };
        GenerationRequest { prompt: prompt.clone(), form: vec![FormPart::Slot(slot.clone())], sampling }
    };
    numbered.map(request).collect()
}

/// What each answer is. A call that is forced ends by itself: no text may end it earlier.
fn slot(writing: &Writing, style: AnswerStyle) -> Slot {
    let forced = match &writing.prompts {
        Prompts::Dialog { tooling: Tooling { forced: Some(tools), .. }, reasoning, .. } => {
            Some(ForcedCall { tools: tools.clone(), closes_reasoning: style.begins_in_reasoning(*reasoning) })
        }
        _ => None,
    };
    let (constraint, stop) = match forced {
        Some(call) => (Constraint::ToolCall(call), Vec::new()),
        None => (writing.constraint.clone(), writing.stop.clone()),
    };
    Slot { name: "text".into(), constraint, max_tokens: writing.max_tokens.unwrap_or(Slot::UNBOUNDED), stop }
}

/// Whether reasoning and calls are to be told apart from an answer's content: in a dialog, unless a format was asked for.
fn is_read(writing: &Writing) -> bool {
    matches!(writing.prompts, Prompts::Dialog { .. }) && writing.constraint == Constraint::Free
}

fn manner(writing: &Writing, style: AnswerStyle) -> Option<Manner> {
    match &writing.prompts {
        Prompts::Dialog { tooling, reasoning, .. } if is_read(writing) => {
            Some(Manner { style, reasoning: *reasoning, tools: tooling.tools.clone(), one_call: tooling.one_call })
        }
        _ => None,
    }
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

/// On whose behalf a program says that it asks: engines share themselves out among askers.
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
