//! What a handler can ask and tell while it works.

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::store::Claim;

/// A handler's view of its own run. The lease is renewed behind its back.
#[derive(Clone)]
pub struct JobContext {
    claim: Claim,
    pool: PgPool,
    cancelled: CancellationToken,
}

/// The job should stop here: the server is stopping or the job has gone to another runner. Return it and the job is
/// begun again later; the attempt does not count.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

impl JobContext {
    pub(super) fn new(claim: Claim, pool: PgPool, cancelled: CancellationToken) -> Self {
        Self { claim, pool, cancelled }
    }

    pub fn id(&self) -> Uuid {
        self.claim.id
    }

    /// 1 for the first.
    pub fn attempt(&self) -> i32 {
        self.claim.attempt
    }

    /// Says how far the job is. A database that is away for the moment does not stop the job.
    pub async fn progress(&self, done: u64, total: u64) {
        let [done, total] = [done, total].map(|count| i64::try_from(count).unwrap_or(i64::MAX));
        if let Err(error) = self.claim.progress(&self.pool, done, total).await {
            tracing::debug!(%error, "a job's progress was not noted");
        }
    }

    /// Whether another of this kind waits to be begun, now or later: what is for all of them can be left to it.
    pub async fn another_waits(&self) -> anyhow::Result<bool> {
        Ok(self.claim.another_waits(&self.pool).await?)
    }

    /// For `?` between steps.
    pub fn check(&self) -> Result<(), Interrupted> {
        if self.cancelled.is_cancelled() { Err(Interrupted) } else { Ok(()) }
    }

    /// Returns when the job should stop; for `select!` around long waits.
    pub async fn cancelled(&self) {
        self.cancelled.cancelled().await;
    }
}
