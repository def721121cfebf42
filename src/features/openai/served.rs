//! How the API finds engines: by a model's name.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;

use super::Task;
use crate::{
    engine::{Embedder, TextGenerator, Transcriber, tools::AnswerStyle},
    error::Result,
};

/// The models that can be asked.
///
/// What it hands out keeps the engine there for as long as it is held. A name that it does not know is
/// [`crate::error::Error::UnknownModel`], an engine that cannot be had now is [`crate::error::Error::Unavailable`].
pub trait ServedModels: Send + Sync {
    /// All of them, the preferred ones first.
    fn list(&self) -> BoxFuture<'_, Vec<ModelCard>>;

    /// The one of this id.
    fn card<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Option<ModelCard>>;

    fn generator<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<ServedGenerator>>;

    fn embedder<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<ServedEmbedder>>;

    /// Waits until a model is in memory.
    fn load<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<()>>;

    /// Has a model that is loaded on demand leave memory, once it has ended what it has begun.
    fn leave<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<()>>;

    /// The same models, of which those that are loaded on demand stay for so long after each request that is made there.
    fn keeping(&self, keep_alive: Duration) -> Arc<dyn ServedModels>;

    fn transcriber<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<ServedTranscriber>>;
}

/// What is known of a model without asking it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelCard {
    /// Its catalogue id.
    pub id: String,
    pub task: Task,
    /// Follows instructions and holds dialogs; a base model goes on with a text.
    pub dialog: bool,
    /// Its chat template knows reasoning before an answer.
    pub reasons: bool,
    /// Tokens.
    pub context_length: Option<u32>,
    /// Length of a vector.
    pub dimensions: Option<u32>,
    /// The model's file format, in lower case.
    pub format: String,
    /// Size of its files.
    pub bytes: u64,
    /// It is in memory.
    pub loaded: bool,
}

/// A language model, held.
#[derive(Clone)]
pub struct ServedGenerator {
    pub id: String,
    /// How its answers are to be read.
    pub answers: AnswerStyle,
    pub engine: Arc<dyn TextGenerator>,
}

/// An embedding model, held.
#[derive(Clone)]
pub struct ServedEmbedder {
    pub id: String,
    /// Length of a vector.
    pub dimensions: u32,
    /// Tokens of a text.
    pub context_length: u32,
    pub engine: Arc<dyn Embedder>,
}

/// A speech model, held.
#[derive(Clone)]
pub struct ServedTranscriber {
    pub id: String,
    pub engine: Arc<dyn Transcriber>,
}
