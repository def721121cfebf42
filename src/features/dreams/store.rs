//! The feature's SQL. (contract stub: signatures stay, bodies come)

use sqlx::PgPool;
use uuid::Uuid;

use super::{Dream, DreamPage, DreamWithReadings, Interpretation, InterpretationFailure, Lens, OwnerId, SimilarDream};
use crate::error::Result;

/// Dreams in the database.
#[derive(Clone)]
pub struct DreamStore {
    pool: PgPool,
}

/// What makes two readings the same, besides the dream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadingKey {
    pub lens: Lens,
    pub language: String,
    pub model: String,
    pub prompt_version: String,
}

impl DreamStore {
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Keeps a dream. The same text of the same owner again is the same dream (and the same id).
    pub async fn keep(&self, owner: OwnerId, text: &str, language: &str) -> Result<Dream> {
        todo!()
    }

    /// `None` when there is none or it is another owner's.
    pub async fn find(&self, owner: OwnerId, id: Uuid) -> Result<Option<DreamWithReadings>> {
        todo!()
    }

    /// Newest first. `cursor` is a page's `next_cursor`; a broken one is `Error::Invalid` on field `cursor`.
    pub async fn page(&self, owner: OwnerId, cursor: Option<&str>, limit: u16) -> Result<DreamPage> {
        todo!()
    }

    /// Deletes a dream with its readings and vectors. `false` when there was none.
    pub async fn delete(&self, owner: OwnerId, id: Uuid) -> Result<bool> {
        todo!()
    }

    pub async fn cached(&self, dream: Uuid, key: &ReadingKey) -> Result<Option<Interpretation>> {
        todo!()
    }

    /// Keeps a reading (replacing one with the same key) and clears the dream's failure.
    pub async fn keep_reading(&self, dream: Uuid, reading: &Interpretation) -> Result<()> {
        todo!()
    }

    pub async fn keep_failure(&self, dream: Uuid, failure: &InterpretationFailure) -> Result<()> {
        todo!()
    }

    /// Keeps a dream's vector under an embedding model's catalogue id.
    pub async fn keep_vector(&self, dream: Uuid, model: &str, vector: &[f32]) -> Result<()> {
        todo!()
    }

    pub async fn vector(&self, dream: Uuid, model: &str) -> Result<Option<Vec<f32>>> {
        todo!()
    }

    /// The owner's own dreams by cosine distance, exact, `except` left out.
    pub async fn similar_of_owner(&self, owner: OwnerId, model: &str, vector: &[f32], except: Option<Uuid>, limit: u16) -> Result<Vec<SimilarDream>> {
        todo!()
    }

    /// Dreams of every owner by cosine distance, by HNSW index with iterative scan. For features that hold consent.
    pub async fn similar_of_everyone(&self, model: &str, vector: &[f32], limit: u16) -> Result<Vec<SimilarDream>> {
        todo!()
    }

    /// Ids and texts of at most `limit` dreams that have no vector of this model yet.
    pub async fn without_vector(&self, model: &str, limit: u16) -> Result<Vec<(Uuid, String)>> {
        todo!()
    }

    /// (with a vector of this model, all) over every owner: how far a re-embedding is.
    pub async fn vector_progress(&self, model: &str) -> Result<(u64, u64)> {
        todo!()
    }
}
