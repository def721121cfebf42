//! Migrations: embedded, forward only, under sqlx's advisory lock, so that two servers may start at once.

use std::path::Path;

use anyhow::{Context, bail};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// The first pgvector with iterative index scans, which search across users needs.
const OLDEST_PGVECTOR: (u32, u32) = (0, 8);

const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// Applies the embedded migrations as the role of `owner`.
pub async fn migrate(owner: &PgConnectOptions) -> anyhow::Result<()> {
    apply(&MIGRATIONS, owner).await
}

/// Applies the migrations of a folder: `oneiros database exec` checks queries against files that are not built in yet.
pub async fn migrate_from(directory: &Path, owner: &PgConnectOptions) -> anyhow::Result<()> {
    let migrator = Migrator::new(directory).await.with_context(|| format!("{} holds no readable migrations", directory.display()))?;
    apply(&migrator, owner).await
}

async fn apply(migrator: &Migrator, owner: &PgConnectOptions) -> anyhow::Result<()> {
    let mut connection = owner.connect().await.context("the database takes no connection to migrate it")?;
    verify_pgvector(&mut connection).await?;
    // Not `run`: its future is not `Send` behind references (sqlx says so beside `run_direct`).
    migrator.run_direct(None, &mut connection, false).await.map_err(explain)?;
    connection.close().await?;
    Ok(())
}

fn explain(error: MigrateError) -> anyhow::Error {
    match error {
        MigrateError::VersionMissing(version) => anyhow::anyhow!(
            "the database was migrated by a newer oneiros (it has migration {version}, which this one does not know): \
             start that version, or restore a backup from before"
        ),
        MigrateError::VersionMismatch(version) => {
            anyhow::anyhow!("migration {version} of the database is not the one this oneiros holds: it was changed after it was applied")
        }
        MigrateError::Execute(sqlx::Error::Database(error)) | MigrateError::ExecuteMigration(sqlx::Error::Database(error), _)
            if error.code().is_some_and(|code| code == INSUFFICIENT_PRIVILEGE) =>
        {
            anyhow::anyhow!(
                "the role of DATABASE_URL may not do what migrating needs ({}): let it own the database, and if pgvector is \
                 not there yet run `CREATE EXTENSION vector` in it as an administrator",
                error.message()
            )
        }
        other => anyhow::Error::new(other).context("the database could not be migrated"),
    }
}

async fn verify_pgvector(connection: &mut PgConnection) -> anyhow::Result<()> {
    let found = sqlx::query!(
        r#"SELECT default_version AS "offered!", installed_version AS "installed?" FROM pg_available_extensions WHERE name = 'vector'"#
    )
    .fetch_optional(connection)
    .await?;
    let Some(found) = found else {
        bail!("this PostgreSQL has no pgvector: install its package (postgresql-NN-pgvector) on the database's machine");
    };
    let version = found.installed.as_ref().unwrap_or(&found.offered);
    if !recent_enough(version) {
        bail!(
            "pgvector {version} is too old, 0.8.0 or later is needed for iterative index scans: \
             install it and run `ALTER EXTENSION vector UPDATE` in the database"
        );
    }
    Ok(())
}

fn recent_enough(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= OLDEST_PGVECTOR
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pgvector_without_iterative_scans_is_refused() {
        assert!(!recent_enough("0.7.4"));
        assert!(recent_enough("0.8.0"));
        assert!(recent_enough("0.10.1"));
        assert!(recent_enough("1.0"));
        assert!(!recent_enough("unknown"));
    }
}
