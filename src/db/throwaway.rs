//! A private cluster for one process's life: checking queries, tests.
//!
//! A small watchdog process waits on a pipe from this one. When the pipe closes, however this process ends, it ends
//! PostgreSQL and removes the folder; nothing is left behind by a killed test run.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, bail};
use sqlx::PgPool;
use uuid::Uuid;

use super::cluster::{ClusterSettings, DATABASE_NAME, PrivateCluster};
use super::{APP_ROLE, OWNER_ROLE, migrate, pool_options};

/// `nobody`, on every Linux.
const UNPRIVILEGED: (u32, u32) = (65_534, 65_534);

/// Ends the PostgreSQL of `$1/data/cluster` once standard input closes, then removes `$1`: again and again where the cluster is
/// just being made, since its maker writes until it finds its folder gone.
const WATCHDOG: &str = r#"
cat >/dev/null
pid=$(head -n 1 "$1/data/cluster/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ]; then
    kill -QUIT "$pid" 2>/dev/null
    tries=0
    while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
fi
tries=0
while rm -rf "$1" 2>/dev/null; [ -e "$1" ] && [ "$tries" -lt 300 ]; do sleep 0.1; tries=$((tries + 1)); done
[ ! -e "$1" ]
"#;

/// A cluster in a temporary folder, fast and not durable.
pub struct ThrowawayCluster {
    cluster: PrivateCluster,
    watchdog: Child,
}

/// Whom PostgreSQL runs as where we are root, for clusters that nobody needs again.
pub fn unprivileged_when_root() -> Option<(u32, u32)> {
    rustix::process::geteuid().is_root().then_some(UNPRIVILEGED)
}

impl ThrowawayCluster {
    #[expect(clippy::disallowed_methods, reason = "local programs that reach nobody")]
    pub async fn start(binaries: &Path) -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("oneiros-throwaway-{}", Uuid::now_v7().simple()));
        // Others may pass through it, as the unprivileged user must; what matters inside is closed to them.
        DirBuilder::new().mode(0o711).create(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let watchdog = Command::new("/bin/sh")
            .args(["-c", WATCHDOG, "watchdog"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("/bin/sh cannot be run")?;
        let run_as = unprivileged_when_root();
        let binaries = reachable_binaries(binaries, &folder, run_as)?;
        let settings = ClusterSettings { binaries, data: folder.join("data"), run_as, durable: false };
        Ok(Self { cluster: PrivateCluster::start(settings).await?, watchdog })
    }

    pub fn cluster(&self) -> &PrivateCluster {
        &self.cluster
    }

    /// Migrates the database and opens it twice: as the role that owns the tables, and as the application.
    pub async fn pools(&self) -> anyhow::Result<(PgPool, PgPool)> {
        let options = |role| self.cluster.connect_options(role, DATABASE_NAME);
        migrate(&options(OWNER_ROLE)).await?;
        let owner = pool_options().connect_with(options(OWNER_ROLE)).await.context("the temporary database takes no connection")?;
        let application = pool_options().connect_with(options(APP_ROLE)).await.context("the temporary database takes no connection")?;
        Ok((owner, application))
    }

    /// Ends PostgreSQL and removes the folder.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.cluster.stop().await?;
        drop(self.watchdog.stdin.take());
        let ended = tokio::task::spawn_blocking(move || self.watchdog.wait()).await?.map(|status: ExitStatus| status.success())?;
        if !ended {
            bail!("the temporary database could not be removed");
        }
        Ok(())
    }
}

/// The binaries themselves, or a copy where the user that PostgreSQL runs as cannot get to them (below root's home).
#[expect(clippy::disallowed_methods, reason = "local programs that reach nobody")]
fn reachable_binaries(binaries: &Path, folder: &Path, run_as: Option<(u32, u32)>) -> anyhow::Result<PathBuf> {
    let Some((user, group)) = run_as else { return Ok(binaries.to_owned()) };
    let tried =
        Command::new(binaries.join("bin/postgres")).arg("--version").uid(user).gid(group).stdout(Stdio::null()).current_dir("/").status();
    if tried.is_ok_and(|status| status.success()) {
        return Ok(binaries.to_owned());
    }
    let copy = folder.join("postgresql");
    let copied = Command::new("cp").args(["-rL", "--"]).arg(binaries).arg(&copy).status().context("cp cannot be run")?;
    if !copied.success() {
        bail!("{} cannot be copied to where PostgreSQL's user can read it", binaries.display());
    }
    let opened = Command::new("chmod").args(["-R", "a+rX", "--"]).arg(&copy).status().context("chmod cannot be run")?;
    if !opened.success() {
        bail!("{} cannot be opened to PostgreSQL's user", copy.display());
    }
    Ok(copy)
}
