//! Takes what was deleted off the disk. PostgreSQL leaves a deleted row's bytes where they were until something else needs the
//! place, in its log too; whoever has their data erased is promised more.

use anyhow::{Context as _, bail};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};

/// Larger tables, with their indexes, are not written anew: that would take too long for those who wait for them. The places of
/// deleted rows are freed there, and new rows come to lie in them.
const LARGEST: i64 = 64 * 1024 * 1024;
/// The same for tables of vectors with more rows than this, whose index is slow to make.
const MOST_VECTORS: f32 = 2_000.0;

/// Maintains a database as somebody who may: the superuser of a private cluster, or the owner of the operator's database.
#[derive(Debug, Clone)]
pub struct Sweeper {
    login: PgConnectOptions,
    /// The log and the statistics are ours, too: the cluster is.
    whole_cluster: bool,
}

impl Sweeper {
    pub(super) fn new(login: PgConnectOptions, whole_cluster: bool) -> Self {
        Self { login, whole_cluster }
    }

    /// Writes the tables anew without what was deleted, and lets go of the log that still holds it. Each table is locked while
    /// that lasts: well below a second for some thousand dreams. One that cannot be had now is left out;
    /// the error at the end names all that were.
    pub async fn sweep(&self) -> anyhow::Result<()> {
        let mut connection = self.login.connect().await.context("the database takes no connection to be swept")?;
        run(&mut connection, "SET lock_timeout = '1s'").await?;
        let tables = sqlx::query!(
            r#"SELECT quote_ident(relname) AS "name!",
                pg_total_relation_size(oid) > $1 OR (relname LIKE 'dream\_embeddings\_%' AND reltuples > $2) AS "large!"
            FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> '_sqlx_migrations'
                AND relowner = (SELECT relowner FROM pg_class WHERE oid = 'public.dreams'::regclass)"#,
            LARGEST,
            MOST_VECTORS,
        )
        .fetch_all(&mut connection)
        .await?;
        let mut statements: Vec<String> = tables
            .iter()
            .map(|table| format!("{} public.{}", if table.large { "VACUUM (ANALYZE)" } else { "VACUUM (FULL, ANALYZE)" }, table.name))
            .collect();
        if self.whole_cluster {
            // Statistics hold values of columns; the log holds every row that was ever written since the last checkpoint but one.
            let cluster = ["VACUUM (FULL) pg_catalog.pg_statistic", "CHECKPOINT", "SELECT pg_switch_wal()", "CHECKPOINT"];
            statements.extend(cluster.map(str::to_owned));
        }
        let mut failed = Vec::new();
        for statement in &statements {
            if let Err(error) = run(&mut connection, statement).await {
                failed.push(format!("{error:#}"));
            }
        }
        if !failed.is_empty() {
            bail!("what was deleted is not all off the disk yet: {}", failed.join("; "));
        }
        Ok(connection.close().await?)
    }
}

async fn run(connection: &mut PgConnection, statement: &str) -> anyhow::Result<()> {
    let done = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(connection).await;
    done.map(drop).with_context(|| format!("`{statement}` failed"))
}
