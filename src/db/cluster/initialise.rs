//! `initdb`, and the check that the data on the disk is of the version that the binaries read.

use std::path::Path;

use anyhow::{Context, bail};

use super::directories::{Directories, explain};
use super::postmaster::failure_sentence;
use super::settings::ClusterSettings;
use crate::db::roles::SUPERUSER_ROLE;

/// Makes the data directory unless it is there; one of another major version is refused.
pub async fn initialise(settings: &ClusterSettings, directories: &Directories) -> anyhow::Result<()> {
    let cluster = directories.cluster();
    if cluster.exists() {
        return verify_version(settings, cluster).await;
    }
    // Complete or not there at all: what a killed initdb left is swept away.
    let unfinished = directories.unfinished_cluster();
    if unfinished.exists() {
        std::fs::remove_dir_all(&unfinished).map_err(|error| explain(&unfinished, error))?;
    }
    let mut command = settings.command("initdb");
    command.arg("--pgdata").arg(&unfinished).arg("--username").arg(SUPERUSER_ROLE);
    // The built-in locale sorts by code point and never changes with the system's libraries, so no index rots.
    command.args(["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]);
    command.args(["--data-checksums", "--auth-local=trust", "--auth-host=reject", "--no-instructions"]);
    if !settings.durable {
        command.arg("--no-sync");
    }
    let output = command.output().await.with_context(|| format!("{} cannot be run", settings.program("initdb").display()))?;
    if !output.status.success() {
        std::fs::remove_dir_all(&unfinished).ok();
        bail!("{}", failure_sentence("PostgreSQL could not make its data directory", &String::from_utf8_lossy(&output.stderr), cluster));
    }
    std::fs::rename(&unfinished, cluster).map_err(|error| explain(cluster, error))
}

async fn verify_version(settings: &ClusterSettings, cluster: &Path) -> anyhow::Result<()> {
    let path = cluster.join("PG_VERSION");
    let data = std::fs::read_to_string(&path).map_err(|error| explain(&path, error))?;
    let data = data.trim();
    let output = settings.command("postgres").arg("--version").output().await;
    let output = output.with_context(|| format!("{} cannot be run", settings.program("postgres").display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let Some(binaries) = major_version(&text) else {
        bail!("{} does not work: {}", settings.program("postgres").display(), String::from_utf8_lossy(&output.stderr).trim());
    };
    if data != binaries {
        bail!(
            "the database in {} was made by PostgreSQL {data} and these binaries are PostgreSQL {binaries}: \
             dump it with PostgreSQL {data}'s pg_dump, move the folder away, start oneiros and restore the dump",
            cluster.display()
        );
    }
    Ok(())
}

/// "postgres (PostgreSQL) 18.6" → "18"; "19beta1" → "19".
fn major_version(text: &str) -> Option<&str> {
    let version = text.split_whitespace().nth(2)?;
    let end = version.find(|character: char| !character.is_ascii_digit()).unwrap_or(version.len());
    Some(&version[..end]).filter(|major| !major.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn major_versions_are_read_from_what_postgres_says() {
        assert_eq!(major_version("postgres (PostgreSQL) 18.6\n"), Some("18"));
        assert_eq!(major_version("postgres (PostgreSQL) 19beta1"), Some("19"));
        assert_eq!(major_version("postgres (PostgreSQL) 16.4 (Debian 16.4-1)"), Some("16"));
        assert_eq!(major_version(""), None);
    }
}
