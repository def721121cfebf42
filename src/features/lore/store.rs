//! The feature's SQL.

use sqlx::PgPool;
use time::OffsetDateTime;

use super::{Pack, PackProblem};
use crate::db::{Rows, Whose};
use crate::error::Result;
use crate::features::accounts::{Entry, tell_audit};

/// Packs in the database. They are nobody's own.
#[derive(Clone)]
pub struct LoreStore {
    rows: Rows,
}

/// A pack as it was imported.
#[derive(Debug, Clone)]
pub(super) struct StoredPack {
    pub name: String,
    /// TOML.
    pub content: String,
    pub added_at: OffsetDateTime,
}

impl StoredPack {
    /// It was in order when it was imported; another version of the server may see it otherwise.
    pub fn parse(&self) -> Result<Pack, PackProblem> {
        Pack::parse(&self.content)
    }
}

impl LoreStore {
    pub fn new(pool: PgPool) -> Self {
        Self { rows: Rows::new(pool) }
    }

    /// The same as long as no pack comes, changes or goes, on whichever server.
    pub(super) async fn fingerprint(&self) -> Result<Vec<u8>> {
        let fingerprint = sqlx::query_scalar!(
            r#"SELECT coalesce(string_agg(packs.sha256, ''::bytea ORDER BY added_at, name), ''::bytea) AS "all!" FROM packs"#
        );
        Ok(fingerprint.fetch_one(self.rows.pool()).await?)
    }

    /// All of them, the one that was imported last at the end.
    pub(super) async fn packs(&self) -> Result<Vec<StoredPack>> {
        let packs = sqlx::query_as!(StoredPack, "SELECT name, content, added_at FROM packs ORDER BY added_at, name");
        Ok(packs.fetch_all(self.rows.pool()).await?)
    }

    pub(super) async fn pack(&self, name: &str) -> Result<Option<StoredPack>> {
        let pack = sqlx::query_as!(StoredPack, "SELECT name, content, added_at FROM packs WHERE name = $1", name);
        Ok(pack.fetch_optional(self.rows.pool()).await?)
    }

    /// Keeps a pack, in the place of one of the same name, and tells the audit.
    pub(super) async fn keep(&self, pack: &Pack, content: &str, told: &Entry) -> Result<OffsetDateTime> {
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        let added_at = sqlx::query_scalar!(
            "INSERT INTO packs (name, content, sha256) VALUES ($1, $2, $3)
            ON CONFLICT (name) DO UPDATE SET content = EXCLUDED.content, sha256 = EXCLUDED.sha256, added_at = EXCLUDED.added_at
            RETURNING added_at",
            pack.name,
            content,
            pack.sha256.as_slice(),
        )
        .fetch_one(&mut *everyones)
        .await?;
        tell_audit(&mut everyones, told).await?;
        everyones.commit().await?;
        Ok(added_at)
    }

    /// `false` when there is none of that name; then nothing is told.
    pub(super) async fn remove(&self, name: &str, told: &Entry) -> Result<bool> {
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        let removed = sqlx::query!("DELETE FROM packs WHERE name = $1", name).execute(&mut *everyones).await?;
        if removed.rows_affected() == 0 {
            return Ok(false);
        }
        tell_audit(&mut everyones, told).await?;
        everyones.commit().await?;
        Ok(true)
    }
}
