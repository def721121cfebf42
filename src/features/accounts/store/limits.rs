//! What limits count.

use std::time::Duration;

use super::AccountStore;
use crate::error::Result;

impl AccountStore {
    /// Counts `part` more for `subject` in the window of this moment by the database's clock: how much that makes, and how
    /// long the window still lasts.
    pub async fn count(&self, subject: &str, window: Duration, part: u32) -> Result<(u64, Duration)> {
        let row = sqlx::query!(
            r#"WITH this AS (SELECT to_timestamp(floor(extract(epoch FROM now()) / $2::float8) * $2::float8) AS start)
            INSERT INTO limit_counts AS counted (subject, window_start, used) SELECT $1, start, $3 FROM this
            ON CONFLICT (subject, window_start) DO UPDATE SET used = counted.used + EXCLUDED.used
            RETURNING used, extract(epoch FROM window_start + make_interval(secs => $2::float8) - now())::float8 AS "rest!""#,
            subject,
            window.as_secs_f64(),
            i64::from(part),
        )
        .fetch_one(self.rows.pool())
        .await?;
        Ok((row.used.unsigned_abs(), Duration::try_from_secs_f64(row.rest).unwrap_or_default()))
    }

    /// Takes one back in the window of this moment.
    pub async fn count_back(&self, subject: &str, window: Duration) -> Result<()> {
        sqlx::query!(
            "UPDATE limit_counts SET used = used - 1
            WHERE subject = $1 AND used > 0 AND window_start = to_timestamp(floor(extract(epoch FROM now()) / $2::float8) * $2::float8)",
            subject,
            window.as_secs_f64(),
        )
        .execute(self.rows.pool())
        .await?;
        Ok(())
    }

    /// Forgets windows of more than two days ago.
    pub async fn forget_counts(&self) -> Result<()> {
        sqlx::query!("DELETE FROM limit_counts WHERE window_start < now() - interval '2 days'").execute(self.rows.pool()).await?;
        Ok(())
    }
}
