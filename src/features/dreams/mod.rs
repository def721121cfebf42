//! Dreams: kept, interpreted, and found again by likeness.
//!
//! Owns the tables `dreams`, `interpretations` and `dream_embeddings_*`, the prompts under `assets/prompts/`, and the
//! way from a text to a reading that is grounded in it.
//!
//! The way: [`validate`] → [`language`] → kept by [`store`] → [`passages`] of the dream that can be symbols → [`form`]
//! and [`prompt`] → a [`reader::Reader`] fills the form → [`draft`] judges it with [`checks`] → kept.

mod checks;
mod draft;
mod form;
mod language;
mod model;
mod passages;
mod prompt;
mod prompts;
mod reader;
mod reading;
mod reembed;
pub mod routes;
mod service;
mod store;
mod validate;

pub use model::*;
pub use reader::{DreamModels, EmbeddingModel, Reader};
pub use reading::{EventSink, ReadingEvent};
pub use reembed::ReembedDreams;
pub use service::{DreamService, KeptDream};
pub use store::{DreamStore, EMBEDDING_DIMENSIONS, ReadingKey, SearchTrial, TrialDream, TrialIndexes};
pub use validate::TEXT_LENGTH;
