//! On whose behalf the application reads and writes: row-level security shows a transaction that person's rows and no others.

use sqlx::{AssertSqlSafe, PgPool, Postgres, Transaction};
use uuid::Uuid;

/// Whose rows a transaction sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// One person's.
    Of(Uuid),
    /// All: work on nobody's behalf, such as jobs, log-in and an admin's lists.
    Everyones,
}

/// The application's connections to tables that row-level security guards.
#[derive(Clone)]
pub struct Rows {
    pool: PgPool,
}

impl Rows {
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// For what belongs to nobody.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Begins a transaction that sees these rows.
    pub async fn begin(&self, whose: Whose) -> sqlx::Result<Transaction<'static, Postgres>> {
        self.begin_with(whose, "").await
    }

    /// The same with further settings of this transaction: statements of ours, each after a semicolon.
    pub async fn begin_with(&self, whose: Whose, settings: &str) -> sqlx::Result<Transaction<'static, Postgres>> {
        // One message to the database. A UUID's text holds nothing that could end the quotes.
        let statement = match whose {
            Whose::Of(user) => format!("BEGIN; SET LOCAL oneiros.user_id = '{user}'{settings}"),
            Whose::Everyones => format!("BEGIN; SET LOCAL ROLE oneiros_job{settings}"),
        };
        begin(&self.pool, statement).await
    }
}

/// Begins a transaction by this statement of ours.
///
/// In a task of its own, so that it comes to its end when the request that wants it is dropped meanwhile. sqlx counts a
/// transaction once the database has answered: cut off before that, the connection would go back to the pool within a transaction
/// that nobody knows of, on whosever behalf it was, and serve others.
pub async fn begin(pool: &PgPool, statement: String) -> sqlx::Result<Transaction<'static, Postgres>> {
    let pool = pool.clone();
    let beginning = tokio::spawn(async move { pool.begin_with(AssertSqlSafe(statement)).await });
    beginning.await.unwrap_or_else(|error| Err(sqlx::Error::Io(std::io::Error::other(error))))
}
