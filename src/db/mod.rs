//! The database: a private PostgreSQL cluster or the operator's own, its roles, migrations and the pool.
//!
//! Owns the way from nothing to a migrated database that the application uses as a role without rights of its own
//! ([`APP_ROLE`]), and on whose behalf it does ([`Rows`]). Holds no SQL of any feature.

mod cluster;
mod external;
mod line;
mod roles;
mod rows;
mod schema;
mod sweep;
mod throwaway;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use utoipa::ToSchema;

pub use cluster::{ClusterSettings, DATABASE_NAME, PrivateCluster, Probe};
pub use line::Line;
pub use roles::{APP_ROLE, JOB_ROLE, OWNER_ROLE, SUPERUSER_ROLE};
pub use rows::{Rows, Whose, begin};
pub use schema::{migrate, migrate_from};
pub use sweep::Sweeper;
pub use throwaway::{ThrowawayCluster, unprivileged_when_root};

/// Connections of one server. The private cluster takes 60, so that two servers and a shell fit.
const MAX_CONNECTIONS: u32 = 20;

/// How long a request waits for a connection: a database that is gone must become an answer, not a hang.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// Where the database is.
#[derive(Debug, Clone)]
pub enum DatabaseSource {
    /// A cluster of our own under `data`, run with the PostgreSQL in `binaries` (the folder that holds `bin/`).
    Private { binaries: PathBuf, data: PathBuf },
    /// The operator's. `url` is the owner's connection, which migrates; the application then works as [`APP_ROLE`],
    /// through `app_url`'s own login where given, else by `SET ROLE` on the owner's login.
    ///
    /// `SET ROLE` is the convenient half: it keeps a forgotten filter from reading past row-level security, but whoever
    /// can run arbitrary SQL can also `RESET ROLE`. A login of its own closes that, too.
    External { url: String, app_url: Option<String> },
}

/// An open, migrated database.
pub struct Database {
    pool: PgPool,
    cluster: Option<PrivateCluster>,
    sweeper: Sweeper,
}

/// Whose cluster it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DatabaseKind {
    Private,
    External,
}

/// What the system page and `oneiros doctor` show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DatabaseStatus {
    pub kind: DatabaseKind,
    /// PostgreSQL's version.
    pub version: String,
    /// pgvector's version.
    pub pgvector: String,
    pub size_bytes: u64,
}

impl Database {
    /// Starts or reaches the database, migrates it and opens the pool.
    pub async fn open(source: DatabaseSource) -> anyhow::Result<Self> {
        match source {
            DatabaseSource::Private { binaries, data } => {
                Self::on_cluster(PrivateCluster::start(ClusterSettings::new(binaries, data)).await?).await
            }
            DatabaseSource::External { url, app_url } => {
                let pool = external::open(&url, app_url.as_deref()).await?;
                let owner = url.parse().context("DATABASE_URL is not a PostgreSQL address")?;
                Ok(Self { pool, cluster: None, sweeper: Sweeper::new(owner, false) })
            }
        }
    }

    /// Migrates a running private cluster and opens the pool. The cluster is stopped if that fails.
    pub async fn on_cluster(cluster: PrivateCluster) -> anyhow::Result<Self> {
        match Self::migrated_pool(&cluster).await {
            Ok(pool) => {
                let sweeper = Sweeper::new(cluster.connect_options(SUPERUSER_ROLE, DATABASE_NAME), true);
                Ok(Self { pool, cluster: Some(cluster), sweeper })
            }
            Err(error) => {
                if let Err(stopping) = cluster.stop().await {
                    tracing::warn!(%stopping, "the database did not stop after a failed start");
                }
                Err(error)
            }
        }
    }

    async fn migrated_pool(cluster: &PrivateCluster) -> anyhow::Result<PgPool> {
        migrate(&cluster.connect_options(OWNER_ROLE, DATABASE_NAME)).await?;
        let options = cluster.connect_options(APP_ROLE, DATABASE_NAME);
        let pool = pool_options().connect_with(options).await.context("the migrated database takes no connection")?;
        roles::verify_application(&pool).await?;
        Ok(pool)
    }

    /// Connections as the application's role.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The private cluster, where there is one.
    pub fn cluster(&self) -> Option<&PrivateCluster> {
        self.cluster.as_ref()
    }

    /// What takes deleted rows off the disk.
    pub fn sweeper(&self) -> &Sweeper {
        &self.sweeper
    }

    /// Whether a query is answered now. Takes as long as the pool waits for a connection at most.
    pub async fn healthy(&self) -> bool {
        sqlx::query_scalar!(r#"SELECT 1 AS "one!""#).fetch_one(&self.pool).await.is_ok()
    }

    pub async fn status(&self) -> crate::error::Result<DatabaseStatus> {
        let row = sqlx::query!(
            r#"SELECT current_setting('server_version') AS "version!", pg_database_size(current_database()) AS "size!",
                (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS "pgvector!""#
        )
        .fetch_one(&self.pool)
        .await?;
        let kind = if self.cluster.is_some() { DatabaseKind::Private } else { DatabaseKind::External };
        Ok(DatabaseStatus { kind, version: row.version, pgvector: row.pgvector, size_bytes: row.size.unsigned_abs() })
    }

    /// Closes the pool, then stops the private cluster unless another server still uses it.
    pub async fn close(self) -> anyhow::Result<()> {
        self.pool.close().await;
        match self.cluster {
            Some(cluster) => cluster.stop().await,
            None => Ok(()),
        }
    }
}

fn pool_options() -> PgPoolOptions {
    PgPoolOptions::new().max_connections(MAX_CONNECTIONS).acquire_timeout(ACQUIRE_TIMEOUT)
}
