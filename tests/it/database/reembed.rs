//! A change of embedding model gives every dream a vector of the new one, in the background.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use oneiros::engine::{Embedder, EmbeddingRequest, Embeddings, EngineError};
use oneiros::features::accounts::UserId;
use oneiros::features::dreams::{DreamStore, ReembedDreams};
use oneiros::jobs::{JobState, Queue, Registry, Runner};
use uuid::Uuid;

use crate::support::database::{TestDatabase, test_database};

/// An embedder that knows the letters of a text and nothing of its meaning.
struct Letters {
    dimension: usize,
    /// Texts with this word are refused, as a model refuses what it cannot tokenize.
    refused: &'static str,
    /// The first requests find the engine away.
    away: AtomicUsize,
    largest_batch: AtomicUsize,
}

impl Letters {
    fn new(dimension: usize) -> Self {
        Self { dimension, refused: "\u{1F}", away: AtomicUsize::new(0), largest_batch: AtomicUsize::new(0) }
    }
}

impl Embedder for Letters {
    fn embed(&self, request: EmbeddingRequest, _: oneiros::engine::Asker) -> BoxFuture<'_, Result<Embeddings, EngineError>> {
        async move {
            if self.away.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
                return Err(EngineError::Unavailable("starting".into()));
            }
            if request.texts.iter().any(|text| text.contains(self.refused)) {
                return Err(EngineError::InvalidRequest("a text cannot be read".into()));
            }
            self.largest_batch.fetch_max(request.texts.len(), Ordering::SeqCst);
            let vectors = request.texts.iter().map(|text| self.vector(text)).collect();
            Ok(Embeddings { vectors, tokens: 0, truncated: vec![false; request.texts.len()] })
        }
        .boxed()
    }
}

impl Letters {
    fn vector(&self, text: &str) -> Vec<f32> {
        let mut vector = vec![0.0_f32; self.dimension];
        for byte in text.bytes() {
            vector[usize::from(byte) % self.dimension] += 1.0;
        }
        let length = vector.iter().map(|part| part * part).sum::<f32>().sqrt();
        vector.iter().map(|part| part / length).collect()
    }
}

async fn dreams(store: &DreamStore, count: usize) -> HashMap<Uuid, String> {
    let mut kept = HashMap::new();
    for number in 0..count {
        let text = format!("In dream {number} I walk through a house that I know.");
        kept.insert(store.keep(UserId::LOCAL, &text, "en").await.unwrap().id, text);
    }
    kept
}

async fn run_to_the_end(database: &TestDatabase, model: &str, embedder: Arc<Letters>) {
    let (queue, store) = (Queue::new(database.pool.clone()), DreamStore::new(database.pool.clone()));
    let dimensions = u32::try_from(embedder.dimension).unwrap();
    let mut registry = Registry::new();
    ReembedDreams::register(&mut registry, store.clone(), model.into(), embedder);
    let job = ReembedDreams { model: model.into(), dimensions };
    let enqueued = job.clone().enqueue_if_needed(&queue, &store).await.unwrap().unwrap();
    assert!(!job.enqueue_if_needed(&queue, &store).await.unwrap().unwrap().is_new);
    let runner = Runner::start(&queue, registry, 1);
    let since = Instant::now();
    loop {
        let status = queue.status(enqueued.id).await.unwrap().unwrap();
        if status.state == JobState::Done {
            assert!(status.progress_total > 0 && status.progress_done <= status.progress_total, "{status:?}");
            break;
        }
        assert!(since.elapsed() < Duration::from_secs(30), "{status:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    runner.stop().await;
}

#[tokio::test]
async fn a_new_model_gets_vectors_of_every_dream_beside_the_old_ones() {
    let database = test_database().await;
    let store = DreamStore::new(database.pool.clone());
    let dreams = dreams(&store, 75).await;
    for (model, dimension) in [("small", 384), ("large", 768)] {
        let embedder = Arc::new(Letters::new(dimension));
        run_to_the_end(&database, model, Arc::clone(&embedder)).await;
        assert_eq!(embedder.largest_batch.load(Ordering::SeqCst), 32);
    }
    for (model, dimension) in [("small", 384), ("large", 768)] {
        assert_eq!(store.vector_progress(model).await.unwrap(), (75, 75));
        assert!(store.without_vector(model, 10).await.unwrap().is_empty());
        for (dream, text) in &dreams {
            let (kept, expected) =
                (store.vector(UserId::LOCAL, *dream, model).await.unwrap().unwrap(), Letters::new(dimension).vector(text));
            // Half precision: eleven binary digits.
            assert!(kept.len() == dimension && kept.iter().zip(&expected).all(|(kept, expected)| (kept - expected).abs() < 5e-4));
        }
    }
    let queue = Queue::new(database.pool.clone());
    let job = ReembedDreams { model: "large".into(), dimensions: 768 };
    assert!(job.enqueue_if_needed(&queue, &store).await.unwrap().is_none());
}

#[tokio::test]
async fn one_text_that_the_model_cannot_read_does_not_keep_the_others_out() {
    let database = test_database().await;
    let store = DreamStore::new(database.pool.clone());
    dreams(&store, 40).await;
    let embedder = Letters { refused: "dream 7 ", ..Letters::new(384) };
    run_to_the_end(&database, "small", Arc::new(embedder)).await;
    assert_eq!(store.vector_progress("small").await.unwrap(), (39, 40));
}

#[tokio::test]
async fn an_engine_that_is_away_is_tried_again() {
    let database = test_database().await;
    let store = DreamStore::new(database.pool.clone());
    dreams(&store, 5).await;
    let embedder = Letters { away: AtomicUsize::new(1), ..Letters::new(384) };
    run_to_the_end(&database, "small", Arc::new(embedder)).await;
    assert_eq!(store.vector_progress("small").await.unwrap(), (5, 5));
}
