//! The life of a claimed job as SQL. Every change is fenced by runner and attempt: one who lost the lease changes nothing.
//! Times are the database's, so that servers' clocks do not matter.

use std::time::Duration;

use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

/// How long a job stays with a runner that says nothing.
pub const LEASE: Duration = Duration::from_secs(10);
/// How often a runner says that it lives. Several fit into a lease, so that one lost beat loses no job.
pub const HEARTBEAT: Duration = Duration::from_secs(3);

const KEPT_DAYS: f64 = 7.0;

/// A job that this runner holds.
#[derive(Debug, Clone)]
pub struct Claim {
    pub id: Uuid,
    pub kind: String,
    pub payload: Value,
    pub attempt: i32,
    pub max_attempts: i32,
    pub runner: Uuid,
}

/// Takes the next due job of these kinds: one that waits, or one whose runner fell silent.
pub async fn claim(pool: &PgPool, runner: Uuid, kinds: &[String]) -> sqlx::Result<Option<Claim>> {
    let row = sqlx::query!(
        "UPDATE jobs SET state = 'running', attempts = attempts + 1, runner = $1, locked_until = now() + make_interval(secs => $3)
        WHERE id = (
            SELECT id FROM jobs
            WHERE kind = ANY($2) AND attempts < max_attempts
                AND ((state = 'queued' AND run_at <= now()) OR (state = 'running' AND locked_until < now()))
            ORDER BY run_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING id, kind, payload, attempts, max_attempts",
        runner,
        kinds,
        LEASE.as_secs_f64(),
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|row| Claim {
        id: row.id,
        kind: row.kind,
        payload: row.payload,
        attempt: row.attempts,
        max_attempts: row.max_attempts,
        runner,
    }))
}

/// Buries jobs whose last attempt took its server down, and forgets what ended long ago.
pub async fn sweep(pool: &PgPool) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE jobs SET state = 'dead', runner = NULL, locked_until = NULL, finished_at = now(),
            last_error = 'the server stopped answering while it worked on this'
        WHERE state = 'running' AND locked_until < now() AND attempts >= max_attempts"
    )
    .execute(pool)
    .await?;
    sqlx::query!(
        "DELETE FROM jobs WHERE state IN ('done', 'dead') AND finished_at < now() - make_interval(secs => $1)",
        KEPT_DAYS * 86_400.0
    )
    .execute(pool)
    .await?;
    Ok(())
}

impl Claim {
    /// Renews the lease. `false` when the job is another's now.
    pub async fn renew(&self, pool: &PgPool) -> sqlx::Result<bool> {
        let renewed = sqlx::query!(
            "UPDATE jobs SET locked_until = now() + make_interval(secs => $4)
            WHERE id = $1 AND runner = $2 AND attempts = $3 AND state = 'running'",
            self.id,
            self.runner,
            self.attempt,
            LEASE.as_secs_f64(),
        );
        Ok(renewed.execute(pool).await?.rows_affected() == 1)
    }

    pub async fn progress(&self, pool: &PgPool, done: i64, total: i64) -> sqlx::Result<()> {
        let changed = sqlx::query!(
            "UPDATE jobs SET progress_done = $4, progress_total = $5 WHERE id = $1 AND runner = $2 AND attempts = $3 AND state = 'running'",
            self.id,
            self.runner,
            self.attempt,
            done,
            total,
        );
        changed.execute(pool).await.map(drop)
    }

    /// Whether a job of this one's kind is queued.
    pub async fn another_waits(&self, pool: &PgPool) -> sqlx::Result<bool> {
        sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM jobs WHERE kind = $1 AND state = 'queued') AS "waits!""#, self.kind)
            .fetch_one(pool)
            .await
    }

    pub async fn finish(&self, pool: &PgPool) -> sqlx::Result<()> {
        let changed = sqlx::query!(
            "UPDATE jobs SET state = 'done', runner = NULL, locked_until = NULL, last_error = NULL, finished_at = now()
            WHERE id = $1 AND runner = $2 AND attempts = $3 AND state = 'running'",
            self.id,
            self.runner,
            self.attempt,
        );
        changed.execute(pool).await.map(drop)
    }

    /// Waits for the next attempt, or is dead after the last.
    pub async fn fail(&self, pool: &PgPool, error: &str, retry_after: Duration, is_last: bool) -> sqlx::Result<()> {
        let changed = sqlx::query!(
            "UPDATE jobs SET state = CASE WHEN $6 THEN 'dead' ELSE 'queued' END, runner = NULL, locked_until = NULL, last_error = $4,
                run_at = now() + make_interval(secs => $5), finished_at = CASE WHEN $6 THEN now() END
            WHERE id = $1 AND runner = $2 AND attempts = $3 AND state = 'running'",
            self.id,
            self.runner,
            self.attempt,
            error,
            retry_after.as_secs_f64(),
            is_last,
        );
        changed.execute(pool).await.map(drop)
    }

    /// Gives the job back at once; the attempt does not count.
    pub async fn release(&self, pool: &PgPool) -> sqlx::Result<()> {
        let changed = sqlx::query!(
            "WITH released AS (
                UPDATE jobs SET state = 'queued', attempts = attempts - 1, runner = NULL, locked_until = NULL, run_at = now()
                WHERE id = $1 AND runner = $2 AND attempts = $3 AND state = 'running' RETURNING kind)
            SELECT pg_notify($4, kind) FROM released",
            self.id,
            self.runner,
            self.attempt,
            super::queue::CHANNEL,
        );
        changed.execute(pool).await.map(drop)
    }
}
