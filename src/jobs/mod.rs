//! Durable work in PostgreSQL: typed payloads, retries, deduplication, several runners.
//!
//! A job is a row of `jobs`. A [`Runner`] claims one under a lease that it keeps renewing while the handler works; when
//! its process dies, the lease lapses and another runner takes the job over. So a handler may run more than once and
//! must be idempotent. Owns the table `jobs` and knows nothing of what the jobs do.

mod context;
mod queue;
mod registry;
mod runner;
mod store;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use context::{Interrupted, JobContext};
pub use queue::{Enqueued, JobState, JobStatus, Queue};
pub use registry::Registry;
pub use runner::Runner;

/// What a job is made of: its payload. Stored as JSON, so a field that comes later needs `#[serde(default)]`.
pub trait Job: Serialize + DeserializeOwned + Send + 'static {
    /// Names the kind in the table; never changes.
    const KIND: &'static str;

    /// After this many failed attempts the job is dead and keeps its last error.
    const MAX_ATTEMPTS: i32;

    /// At most one job of this kind and key waits or runs; `None` for as many as one likes.
    fn deduplication_key(&self) -> Option<String>;
}
