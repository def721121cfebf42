//! Dreams: kept, interpreted, and found again by likeness.
//!
//! Owns the tables `dreams`, `interpretations`, `dream_symbols`, `associations`, `reading_opinions`, `dialog_turns` and
//! `dream_embeddings_*`, the prompts under `assets/prompts/`, and the way from a text to a reading that is grounded in it.
//!
//! The way: [`validate`] → [`language`] → kept by [`store`] → care for who tells it (`features/care`) → [`findings`]: its images, and
//! what the dreamer's other dreams and words say of them → [`passages`] that can be symbols → [`form`] and [`prompt`] → a
//! [`reader::Reader`] fills the form → [`draft`] says what of it may be shown, by [`checks`] → what may not is written anew once, then
//! composed ([`composing`]) → [`confidence`] → kept. [`steps`] records it. A model that is too small to write chooses instead
//! ([`choosing`], [`feelings`]), and what it chose is put into sentences by [`composing`]. [`telling`] tells of it meanwhile.

mod agreement;
mod checks;
mod choosing;
mod composing;
mod confidence;
mod dialog;
mod draft;
pub mod feelings;
mod findings;
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
mod steps;
mod store;
mod telling;
mod text_kind;
mod validate;

pub use checks::repetition;
pub use confidence::{Signals, Weights};
pub use findings::Findings;
pub use language::{detect, is_written_in};
pub use model::*;
pub use prompts::Prompts;
pub use reader::{Choice, Depth, DreamModels, EmbeddingModel, Reader};
pub use reading::{Task, read};
pub use reembed::ReembedDreams;
pub use service::{DreamService, KeptDream};
pub use steps::Steps;
pub use store::{DreamInStore, DreamStore, EMBEDDING_DIMENSIONS, ReadingKey, SearchTrial, TrialDream, TrialIndexes};
pub use telling::{EventSink, ReadingEvent};
pub use validate::TEXT_LENGTH;
