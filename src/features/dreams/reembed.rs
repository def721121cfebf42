//! Gives every dream a vector of the current embedding model, in the background.

use std::sync::Arc;

use anyhow::ensure;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::DreamStore;
use crate::db::Whose;
use crate::engine::{Asker, Embedder, EmbeddingRequest, EmbeddingRole, EngineError};
use crate::error::Error;
use crate::jobs::{Enqueued, Job, JobContext, Queue, Registry};

/// Texts for one request: long enough to keep the engine busy, short enough for a user's request to get in between.
const BATCH: u16 = 32;

/// Embeds the dreams that have no vector of this model. Vectors of other models stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReembedDreams {
    /// Catalogue id.
    pub model: String,
    pub dimensions: u32,
}

impl Job for ReembedDreams {
    const KIND: &'static str = "dreams.reembed";
    const MAX_ATTEMPTS: i32 = 20;

    fn deduplication_key(&self) -> Option<String> {
        Some(self.model.clone())
    }
}

impl ReembedDreams {
    /// Enqueues the job when dreams lack a vector of this model. For the server's start.
    pub async fn enqueue_if_needed(self, queue: &Queue, store: &DreamStore) -> crate::error::Result<Option<Enqueued>> {
        let (with_vector, all) = store.vector_progress(&self.model).await?;
        if with_vector >= all {
            return Ok(None);
        }
        queue.enqueue(&self).await.map(Some)
    }

    /// Handles this kind of job with the embedder of the catalogue's `model`. A job for another model, left over from
    /// before a change, is done without doing anything.
    pub fn register(registry: &mut Registry, store: DreamStore, model: String, embedder: Arc<dyn Embedder>) {
        registry.register(move |job: Self, context| {
            let (store, embedder, current) = (store.clone(), Arc::clone(&embedder), job.model == model);
            async move { if current { job.run(&store, &*embedder, &context).await } else { Ok(()) } }
        });
    }

    async fn run(&self, store: &DreamStore, embedder: &dyn Embedder, context: &JobContext) -> anyhow::Result<()> {
        let mut after = Uuid::nil();
        loop {
            context.check()?;
            let (with_vector, all) = store.vector_progress(&self.model).await?;
            context.progress(with_vector, all).await;
            let batch = store.without_vector_after(&self.model, after, BATCH).await?;
            let Some((last, _)) = batch.last() else { return Ok(()) };
            after = *last;
            self.embed(store, embedder, &batch).await?;
        }
    }

    async fn embed(&self, store: &DreamStore, embedder: &dyn Embedder, batch: &[(Uuid, String)]) -> anyhow::Result<()> {
        let texts = batch.iter().map(|(_, text)| text.clone()).collect();
        let answer = match embedder.embed(EmbeddingRequest { texts, role: EmbeddingRole::Passage }, Asker::named("reembed")).await {
            // One text that the model cannot read must not keep the others from being found.
            Err(error @ (EngineError::InvalidRequest(_) | EngineError::InvalidText { .. })) => match batch {
                [(dream, _)] => {
                    tracing::warn!(%dream, %error, "a dream cannot be embedded; it will not be found by likeness");
                    return Ok(());
                }
                _ => {
                    for one in batch.chunks(1) {
                        Box::pin(self.embed(store, embedder, one)).await?;
                    }
                    return Ok(());
                }
            },
            answer => answer?,
        };
        ensure!(answer.vectors.len() == batch.len(), "{} vectors came for {} texts", answer.vectors.len(), batch.len());
        for ((dream, _), vector) in batch.iter().zip(&answer.vectors) {
            ensure!(vector.len() == self.dimensions as usize, "{} wrote {} dimensions, not {}", self.model, vector.len(), self.dimensions);
            match store.keep_vector(Whose::Everyones, *dream, &self.model, vector).await {
                // Deleted while it was being embedded.
                Ok(()) | Err(Error::NotFound(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
