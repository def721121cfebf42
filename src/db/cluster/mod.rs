//! A private PostgreSQL cluster: initialised, started, supervised and stopped by this server.
//!
//! It listens on a Unix socket alone, in a directory that only its user may enter: that directory is what guards it, so
//! connections need no password. PostgreSQL outlives a server that was killed; the next one adopts it. Several servers
//! may share one cluster: the last one to leave stops it.

mod directories;
mod initialise;
mod postmaster;
mod probe;
mod settings;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::roles::{self, SUPERUSER_ROLE};
use directories::{Directories, UseLock};
use postmaster::{Exit, Postmaster};
pub use probe::Probe;
pub use settings::ClusterSettings;

/// The application's database in a private cluster.
pub const DATABASE_NAME: &str = "oneiros";

/// Crash recovery of a large database takes its time; a postmaster that lives is waited for this long.
const READY_DEADLINE: Duration = Duration::from_secs(300);

/// How often a start is tried again while processes of a killed postmaster still hold its shared memory.
const START_ATTEMPTS: u32 = 20;

const LONGEST_RESTART_DELAY: Duration = Duration::from_secs(10);

/// A running private cluster. Dropping it leaves PostgreSQL running, for another server or a later start to adopt;
/// [`PrivateCluster::stop`] ends it.
pub struct PrivateCluster {
    cluster: Arc<Cluster>,
    stopping: CancellationToken,
    supervisor: JoinHandle<Option<Postmaster>>,
    in_use: UseLock,
}

/// What start, supervision and stop share.
struct Cluster {
    settings: ClusterSettings,
    directories: Directories,
}

impl PrivateCluster {
    /// Starts the cluster, or adopts the postmaster that already runs on it; returns when it answers and holds the
    /// roles and the application's database.
    ///
    /// The error's text is one sentence that says what to do.
    pub async fn start(settings: ClusterSettings) -> anyhow::Result<Self> {
        settings.verify()?;
        let directories = Directories::prepare(&settings)?;
        let starting = directories.lock_start().await?;
        let in_use = directories.lock_use()?;
        let mut cluster = Cluster { settings, directories };
        initialise::initialise(&cluster.settings, &cluster.directories).await?;
        let postmaster = cluster.ensure_running().await?;
        if let Some(socket) = postmaster.socket_directory() {
            // An adopted one may have been started with another idea of where its socket goes.
            cluster.directories.use_socket(socket)?;
        }
        cluster.make_database().await?;
        drop(starting);

        let cluster = Arc::new(cluster);
        let stopping = CancellationToken::new();
        let supervisor = tokio::spawn(supervise(Arc::clone(&cluster), postmaster, stopping.clone()));
        Ok(Self { cluster, stopping, supervisor, in_use })
    }

    /// How to connect as a role.
    pub fn connect_options(&self, role: &str, database: &str) -> PgConnectOptions {
        self.cluster.connect_options(role, database)
    }

    /// The same as an address for `DATABASE_URL`, as sqlx and libpq read it.
    pub fn url(&self, role: &str, database: &str) -> String {
        let mut url = self.connect_options(role, database).to_url_lossy();
        // sqlx's own parameters, which libpq does not know.
        url.set_query(None);
        url.into()
    }

    /// The directory of the Unix socket.
    pub fn socket_directory(&self) -> &Path {
        self.cluster.directories.socket()
    }

    /// The process id of the postmaster that runs now.
    pub fn postmaster_pid(&self) -> Option<u32> {
        postmaster::running(self.cluster.directories.cluster()).map(|found| found.pid.as_raw_nonzero().get().unsigned_abs())
    }

    /// A way to see whether it hangs, which may outlive it.
    pub fn probe(&self) -> Probe {
        Probe::new(self.connect_options(roles::APP_ROLE, DATABASE_NAME))
    }

    /// Stops PostgreSQL, unless another server uses the cluster too.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.stopping.cancel();
        let supervised = (&mut self.supervisor).await.context("the database's supervisor failed")?;
        let directories = &self.cluster.directories;
        let _starting = directories.lock_start().await?;
        if !self.in_use.is_last() {
            tracing::info!("another server uses the database: it is left running");
            return Ok(());
        }
        match supervised.or(postmaster::adopt(directories.cluster())?) {
            Some(postmaster) => postmaster.stop().await,
            None => Ok(()),
        }
    }
}

impl Drop for PrivateCluster {
    fn drop(&mut self) {
        self.supervisor.abort();
    }
}

impl Cluster {
    fn connect_options(&self, role: &str, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(self.directories.socket())
            .port(settings::PORT)
            .username(role)
            .database(database)
            .application_name("oneiros")
    }

    /// Adopts the running postmaster or starts one. The caller holds the start lock.
    async fn ensure_running(&self) -> anyhow::Result<Postmaster> {
        let ours = self.settings.program("postgres");
        if let Some(adopted) = postmaster::adopt(self.directories.cluster())? {
            if adopted.runs(&ours) {
                tracing::info!(pid = adopted.pid(), "the database was running already: adopted");
                return self.ready(adopted).await.map_err(|failure| failure.into_error(&self.directories));
            }
            tracing::info!(pid = adopted.pid(), "the database runs from other binaries: restarting it");
            adopted.stop().await?;
        }
        for _ in 0..START_ATTEMPTS {
            postmaster::remove_misleading_locks(&self.directories)?;
            let started = Postmaster::spawn(&self.settings, &self.directories)?;
            match self.ready(started).await {
                Ok(postmaster) => return Ok(postmaster),
                Err(failure) if failure.memory_still_in_use() => tokio::time::sleep(Duration::from_millis(500)).await,
                Err(failure) => return Err(failure.into_error(&self.directories)),
            }
        }
        bail!("processes of an earlier PostgreSQL still use {}: end them and start again", self.directories.cluster().display())
    }

    /// Waits until the postmaster answers.
    async fn ready(&self, mut postmaster: Postmaster) -> Result<Postmaster, Exit> {
        let socket = postmaster.socket_directory().unwrap_or_else(|| self.directories.socket().to_owned());
        let options = self.connect_options(SUPERUSER_ROLE, "postgres").socket(socket);
        let since = Instant::now();
        let mut reported = since;
        loop {
            if let Ok(Ok(connection)) = tokio::time::timeout(Duration::from_secs(2), options.connect()).await {
                connection.close().await.ok();
                return Ok(postmaster);
            }
            if let Ok(exit) = tokio::time::timeout(Duration::from_millis(50), postmaster.exited()).await {
                return Err(exit);
            }
            if since.elapsed() > READY_DEADLINE {
                return Err(postmaster.unresponsive(since.elapsed()));
            }
            if reported.elapsed() > Duration::from_secs(15) {
                reported = Instant::now();
                tracing::info!(seconds = since.elapsed().as_secs(), "waiting for the database to recover");
            }
        }
    }

    /// Makes the roles and the application's database unless they are there. The caller holds the start lock.
    async fn make_database(&self) -> anyhow::Result<()> {
        let mut connection = self.connect_options(SUPERUSER_ROLE, "postgres").connect().await?;
        roles::create_owner(&mut connection).await?;
        roles::create_application(&mut connection).await?;
        // What is run with the owner's address (`oneiros database exec`) may then be a server, as with an operator's database.
        roles::grant_application(&mut connection, roles::OWNER_ROLE, roles::Membership::BySetRole).await?;
        if !database_exists(&mut connection).await? {
            sqlx::raw_sql("CREATE DATABASE oneiros OWNER oneiros_owner").execute(&mut connection).await?;
        }
        connection.close().await?;
        // pgvector is no trusted extension: its code is the superuser's to load and, with newer binaries, to bring up to date.
        let mut connection = self.connect_options(SUPERUSER_ROLE, DATABASE_NAME).connect().await?;
        sqlx::raw_sql("CREATE EXTENSION IF NOT EXISTS vector; ALTER EXTENSION vector UPDATE").execute(&mut connection).await?;
        Ok(connection.close().await?)
    }
}

async fn database_exists(connection: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1) AS "exists!""#, DATABASE_NAME)
        .fetch_one(connection)
        .await
}

/// Starts PostgreSQL again whenever it dies, until told to stop; then hands over what runs.
async fn supervise(cluster: Arc<Cluster>, mut postmaster: Postmaster, stopping: CancellationToken) -> Option<Postmaster> {
    let mut delay = Duration::ZERO;
    loop {
        let since = Instant::now();
        tokio::select! {
            () = stopping.cancelled() => return Some(postmaster),
            exit = postmaster.exited() => tracing::error!(%exit, "the database died; starting it again"),
        }
        if since.elapsed() > Duration::from_secs(30) {
            delay = Duration::ZERO;
        }
        postmaster = loop {
            let restarted = tokio::select! {
                () = stopping.cancelled() => return None,
                restarted = restart(&cluster, delay) => restarted,
            };
            delay = (delay * 2).clamp(Duration::from_millis(250), LONGEST_RESTART_DELAY);
            match restarted {
                Ok(restarted) => break restarted,
                Err(error) => tracing::error!(error = format!("{error:#}"), "the database did not start; trying again"),
            }
        };
        tracing::info!(pid = postmaster.pid(), "the database runs again");
    }
}

async fn restart(cluster: &Cluster, delay: Duration) -> anyhow::Result<Postmaster> {
    tokio::time::sleep(delay).await;
    let _starting = cluster.directories.lock_start().await?;
    cluster.ensure_running().await
}
