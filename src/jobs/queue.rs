//! Putting jobs into the table and looking at them.

use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Job;
use crate::db::begin;
use crate::error::{Error, Result};

/// The channel on which runners hear of new jobs.
pub(super) const CHANNEL: &str = "oneiros_jobs";

/// Where jobs are put.
#[derive(Clone)]
pub struct Queue {
    pool: PgPool,
}

/// What became of an [`Queue::enqueue`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enqueued {
    /// The new job, or the one of the same kind and key that was waiting or running.
    pub id: Uuid,
    pub is_new: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    Queued,
    Running,
    Done,
    /// It failed too often.
    Dead,
}

/// A job as the system page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobStatus {
    pub id: Uuid,
    pub kind: String,
    pub state: JobState,
    /// Begun attempts.
    pub attempts: i32,
    /// Of `progress_total`, in units of the kind's own; both 0 before it says.
    pub progress_done: i64,
    pub progress_total: i64,
    pub last_error: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

impl Queue {
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Enqueues a job by itself.
    pub async fn enqueue<J: Job>(&self, job: &J) -> Result<Enqueued> {
        let mut transaction = begin(&self.pool, "BEGIN".into()).await?;
        let enqueued = Self::enqueue_in(&mut transaction, job).await?;
        transaction.commit().await?;
        Ok(enqueued)
    }

    /// Enqueues a job as part of a transaction: it exists when that commits.
    pub async fn enqueue_in<J: Job>(transaction: &mut PgConnection, job: &J) -> Result<Enqueued> {
        let payload = serde_json::to_value(job).map_err(|error| Error::Internal(error.into()))?;
        let key = job.deduplication_key();
        // A job that ends between the refused insert and the look for it leaves neither: then the insert succeeds.
        loop {
            let inserted = sqlx::query_scalar!(
                "INSERT INTO jobs (id, kind, payload, deduplication_key, max_attempts) VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (kind, deduplication_key) WHERE state IN ('queued', 'running') DO NOTHING RETURNING id",
                Uuid::now_v7(),
                J::KIND,
                payload,
                key,
                J::MAX_ATTEMPTS,
            )
            .fetch_optional(&mut *transaction)
            .await?;
            if let Some(id) = inserted {
                sqlx::query!("SELECT pg_notify($1, $2)", CHANNEL, J::KIND).execute(&mut *transaction).await?;
                return Ok(Enqueued { id, is_new: true });
            }
            let existing = sqlx::query_scalar!(
                "SELECT id FROM jobs WHERE kind = $1 AND deduplication_key = $2 AND state IN ('queued', 'running')",
                J::KIND,
                key
            )
            .fetch_optional(&mut *transaction)
            .await?;
            if let Some(id) = existing {
                return Ok(Enqueued { id, is_new: false });
            }
        }
    }

    /// `None` when there is no such job, or it ended a week ago.
    pub async fn status(&self, id: Uuid) -> Result<Option<JobStatus>> {
        let row = sqlx::query_as!(
            StatusRow,
            "SELECT id, kind, state, attempts, progress_done, progress_total, last_error, created_at FROM jobs WHERE id = $1",
            id
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(JobStatus::from))
    }

    /// The jobs that wait, run or died, newest first, at most 100.
    pub async fn unfinished(&self) -> Result<Vec<JobStatus>> {
        let rows = sqlx::query_as!(
            StatusRow,
            "SELECT id, kind, state, attempts, progress_done, progress_total, last_error, created_at FROM jobs
            WHERE state <> 'done' ORDER BY created_at DESC LIMIT 100"
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(JobStatus::from).collect())
    }
}

struct StatusRow {
    id: Uuid,
    kind: String,
    state: String,
    attempts: i32,
    progress_done: i64,
    progress_total: i64,
    last_error: Option<String>,
    created_at: OffsetDateTime,
}

impl From<StatusRow> for JobStatus {
    fn from(row: StatusRow) -> Self {
        let state = match row.state.as_str() {
            "queued" => JobState::Queued,
            "running" => JobState::Running,
            "done" => JobState::Done,
            // The table's own check leaves no other.
            _ => JobState::Dead,
        };
        Self {
            id: row.id,
            kind: row.kind,
            state,
            attempts: row.attempts,
            progress_done: row.progress_done,
            progress_total: row.progress_total,
            last_error: row.last_error,
            created_at: row.created_at,
        }
    }
}
