//! `oneiros database`: a shell in the private cluster, and commands against a throwaway one (how queries are checked).

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};

use crate::config::ServerConfig;
use crate::db::{ClusterSettings, DATABASE_NAME, OWNER_ROLE, PrivateCluster, ThrowawayCluster, migrate, migrate_from};

/// `oneiros database …`
#[derive(Debug, Args)]
pub struct DatabaseArguments {
    #[command(subcommand)]
    command: DatabaseCommand,
}

#[derive(Debug, Subcommand)]
enum DatabaseCommand {
    /// Run a command with DATABASE_URL set to a migrated, empty database that is gone afterwards
    Exec {
        /// Migrate with this folder's files instead of those built in
        #[arg(long, value_name = "DIR")]
        migrations: Option<PathBuf>,
        #[arg(last = true, required = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
    /// Open psql on the server's private database, as the role that owns it
    Shell {
        #[arg(last = true, value_name = "PSQL ARGUMENTS")]
        arguments: Vec<OsString>,
    },
}

/// Runs `oneiros database` with the PostgreSQL and the private cluster of the state directory.
pub fn run(arguments: DatabaseArguments, config: &ServerConfig) -> anyhow::Result<ExitCode> {
    let binaries = &config.database_binaries();
    if !binaries.join("bin/postgres").is_file() {
        bail!("there is no PostgreSQL in {}: fetch it with `oneiros models pull postgresql-18`", config.state_directory.display());
    }
    let data = &config.database_directory();
    let runtime = tokio::runtime::Runtime::new().context("no thread can be started")?;
    let status = runtime.block_on(async {
        match arguments.command {
            DatabaseCommand::Exec { migrations, command } => exec(binaries, migrations.as_deref(), &command).await,
            DatabaseCommand::Shell { arguments } => shell(binaries, data, &arguments).await,
        }
    })?;
    // A command that a signal ended has no code; shells say 128 and more.
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

#[expect(clippy::disallowed_methods, reason = "the operator names this program")]
async fn exec(binaries: &Path, migrations: Option<&Path>, command: &[OsString]) -> anyhow::Result<ExitStatus> {
    let Some((program, arguments)) = command.split_first() else { bail!("no command was given") };
    let database = ThrowawayCluster::start(binaries).await?;
    let owner = database.cluster().connect_options(OWNER_ROLE, DATABASE_NAME);
    match migrations {
        Some(directory) => migrate_from(directory, &owner).await?,
        None => migrate(&owner).await?,
    }
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).env("DATABASE_URL", database.cluster().url(OWNER_ROLE, DATABASE_NAME));
    let status = wait(command, program).await;
    database.stop().await?;
    status
}

#[expect(clippy::disallowed_methods, reason = "the operator names this program")]
async fn shell(binaries: &Path, data: &Path, arguments: &[OsString]) -> anyhow::Result<ExitStatus> {
    if !data.join("cluster").is_dir() {
        bail!("there is no database in {} yet: start `oneiros serve` once", data.display());
    }
    let mut settings = ClusterSettings::new(binaries, data);
    let owner = data.metadata().with_context(|| format!("{} cannot be read", data.display()))?;
    if rustix::process::geteuid().is_root() {
        settings.run_as = Some((owner.uid(), owner.gid()));
    }
    let library_path = settings.library_path();
    let cluster = PrivateCluster::start(settings).await?;
    let bundled = binaries.join("bin/psql");
    let program = if bundled.is_file() { bundled.into_os_string() } else { "psql".into() };
    let mut command = tokio::process::Command::new(&program);
    command.arg("--host").arg(cluster.socket_directory()).args(["--username", OWNER_ROLE, "--dbname", DATABASE_NAME]);
    command.args(arguments).env("LD_LIBRARY_PATH", library_path);
    let status = wait(command, &program).await;
    cluster.stop().await?;
    status
}

/// Waits for the command through Ctrl-C, which reaches it, too: the database is stopped after it either way.
async fn wait(mut command: tokio::process::Command, program: &std::ffi::OsStr) -> anyhow::Result<ExitStatus> {
    let mut child = command.spawn().with_context(|| format!("{} cannot be run", program.display()))?;
    loop {
        tokio::select! {
            status = child.wait() => return status.context("the command cannot be waited for"),
            interrupted = tokio::signal::ctrl_c() => interrupted.context("signals cannot be watched")?,
        }
    }
}
