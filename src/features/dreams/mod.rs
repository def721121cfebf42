//! Dreams: kept, interpreted, and found again by likeness.
//!
//! Owns the tables `dreams`, `interpretations` and `dream_embeddings_*`, the prompts under `assets/prompts/`, and the
//! way from a text to a reading that is grounded in it.

mod model;
mod reembed;
mod store;

pub use model::*;
pub use reembed::ReembedDreams;
pub use store::{DreamStore, EMBEDDING_DIMENSIONS, ReadingKey};
