//! A connection on which the database tells.

use std::{io::ErrorKind, mem, time::Duration};

use sqlx::{
    Acquire as _, Executor as _, PgPool,
    postgres::{PgListener, PgNotification},
};

/// For so long nothing may be heard before it is asked whether the line stands: a connection that a router forgot is silent, too.
const SILENCE: Duration = Duration::from_secs(60);
/// How long an answer to that may take.
const ANSWER: Duration = Duration::from_secs(5);

/// Hears what is told on one channel.
pub struct Line {
    listener: PgListener,
    pool: PgPool,
}

impl Line {
    pub async fn open(pool: &PgPool, channel: &str) -> sqlx::Result<Self> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(channel).await?;
        Ok(Self { listener, pool: pool.clone() })
    }

    /// What is told next; `None` when the line was lost and stands again. After an error it hears nothing any more.
    pub async fn next(&mut self) -> sqlx::Result<Option<PgNotification>> {
        loop {
            if let Ok(told) = tokio::time::timeout(SILENCE, self.listener.try_recv()).await {
                return told;
            }
            let Ok(answered) = tokio::time::timeout(ANSWER, self.listener.execute("SELECT 1")).await else {
                self.hang_up().await;
                return Err(sqlx::Error::Io(ErrorKind::TimedOut.into()));
            };
            answered?;
        }
    }

    /// Lets go of a connection that does not answer. Given back to the pool it would be asked to listen no more, and the pool's end
    /// would wait for that answer.
    async fn hang_up(&mut self) {
        if let Ok(other) = self.pool.acquire().await
            && let Ok(Ok(silent)) = tokio::time::timeout(ANSWER, self.listener.acquire()).await
        {
            drop(mem::replace(silent, other.detach()));
        }
    }
}
