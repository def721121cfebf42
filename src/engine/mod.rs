//! Inference behind small traits.
//!
//! Owns the traits ([`TextGenerator`], [`Embedder`], [`Transcriber`]), their plain request and response types, and the
//! processes that implement them: a [`supervisor`] that starts one confined child for each model, the [`wire`] between
//! them and the [`client`] that speaks the traits over it. Knows nothing of HTTP, SQL or users.

pub mod backend;
pub mod child;
pub mod client;
pub mod confinement;
pub mod fakes;
pub mod parse;
pub mod pool;
pub mod selfcheck;
pub mod supervisor;
pub mod tools;
pub mod wire;

mod chat;
mod places;
mod requests;
mod rhythm;

pub use chat::*;
pub use places::{Place, Places};
pub use requests::*;

use std::{fs::File, time::Duration};

use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

/// Writes text: a language model.
pub trait TextGenerator: Send + Sync {
    /// Starts one generation. Dropping the stream cancels it and frees its place within two seconds.
    fn generate(&self, request: GenerationRequest, asker: Asker) -> EventStream<GenerationEvent>;
}

/// Turns texts into vectors of one fixed dimension.
pub trait Embedder: Send + Sync {
    /// One vector of length 1 (Euclidean) for each text, in order.
    fn embed(&self, request: EmbeddingRequest, asker: Asker) -> BoxFuture<'_, Result<Embeddings, EngineError>>;
}

/// Turns speech into text.
pub trait Transcriber: Send + Sync {
    /// Starts one transcription of the samples in `recording`. Dropping the stream cancels it.
    fn transcribe(&self, request: TranscriptionRequest, recording: File, asker: Asker) -> EventStream<TranscriptionEvent>;
}

/// Events of one request in order. Ends after the event that finishes it or after an error; dropping it cancels.
pub type EventStream<T> = mpsc::Receiver<Result<T, EngineError>>;

impl EngineError {
    /// The first line, for users; what follows it is the engine's own log, for the operator.
    pub fn summary(&self) -> String {
        self.to_string().lines().next().unwrap_or_default().to_owned()
    }

    /// The same error of texts that stand behind so many others in their request.
    pub(in crate::engine) fn texts_after(self, others: usize) -> Self {
        match self {
            Self::InvalidText { index, reason } => Self::InvalidText { index: others.saturating_add(index), reason },
            error => error,
        }
    }
}

/// Why an engine gave no answer.
#[derive(Debug, Clone, thiserror::Error, serde::Serialize, serde::Deserialize)]
pub enum EngineError {
    /// The request itself cannot be served (too long for the context, broken grammar, audio of no length).
    #[error("{0}")]
    InvalidRequest(String),
    /// One of the texts to be embedded cannot be; they are counted from 0.
    #[error("text {index} {reason}")]
    InvalidText { index: usize, reason: String },
    /// Every place in the queue is taken; one should be free after so long.
    #[error("the engine's queue is full")]
    Busy { retry_after: Duration },
    /// The engine is starting, restarting after a fault, or has given up; the text says which and why.
    #[error("the engine is not available: {0}")]
    Unavailable(String),
    /// The engine died or was killed while it worked on this request.
    #[error("the engine stopped while answering: {0}")]
    Died(String),
    /// The engine reported a failure of its own.
    #[error("the engine failed: {0}")]
    Failed(String),
    /// It had all the time that a request may take, waiting or being answered; the text says which.
    #[error("the engine was given no more time: {0}")]
    Overdue(String),
    /// What it makes does not fit on the disk.
    #[error("the disk is full")]
    StorageFull,
}
