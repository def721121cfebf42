//! Which images of the dictionary a person's dreams hold.

use uuid::Uuid;

use super::{DreamStore, sql_state};
use crate::{
    error::{Error, Result},
    features::{accounts::UserId, dreams::Dream},
};

impl DreamStore {
    /// Keeps which images a dream holds, in place of what was kept before. `Error::NotFound` when the dream was deleted meanwhile.
    pub async fn keep_symbols(&self, owner: UserId, dream: Uuid, symbols: &[String]) -> Result<()> {
        let kept = sqlx::query!(
            "WITH gone AS (DELETE FROM dream_symbols WHERE dream_id = $1 AND owner_id = $2 AND symbol <> ALL ($3))
            INSERT INTO dream_symbols (dream_id, owner_id, symbol) SELECT $1, $2, unnest($3::text[])
            ON CONFLICT (dream_id, symbol) DO NOTHING",
            dream,
            owner.0,
            symbols,
        );
        let mut own = self.rows.begin(owner.into()).await?;
        kept.execute(&mut *own).await.map_err(|error| match sql_state(&error).as_deref() {
            Some("23503") => Error::NotFound("dream"),
            _ => error.into(),
        })?;
        Ok(own.commit().await?)
    }

    /// The images that a dream holds, by id.
    pub async fn symbols_of(&self, owner: UserId, dream: Uuid) -> Result<Vec<String>> {
        let held =
            sqlx::query_scalar!("SELECT symbol FROM dream_symbols WHERE dream_id = $1 AND owner_id = $2 ORDER BY symbol", dream, owner.0);
        let mut own = self.rows.begin(owner.into()).await?;
        let held = held.fetch_all(&mut *own).await?;
        own.commit().await?;
        Ok(held)
    }

    /// Those of the images that other dreams of this person hold, and how many: most often first.
    pub async fn recurring(&self, owner: UserId, dream: Uuid, symbols: &[String]) -> Result<Vec<(String, u32)>> {
        let counted = sqlx::query!(
            r#"SELECT symbol AS "symbol!", count(*) AS "dreams!" FROM dream_symbols
            WHERE owner_id = $1 AND dream_id <> $2 AND symbol = ANY ($3) GROUP BY symbol ORDER BY 2 DESC, symbol"#,
            owner.0,
            dream,
            symbols,
        );
        let mut own = self.rows.begin(owner.into()).await?;
        let counted = counted.fetch_all(&mut *own).await?;
        own.commit().await?;
        Ok(counted.into_iter().map(|row| (row.symbol, u32::try_from(row.dreams).unwrap_or(u32::MAX))).collect())
    }

    /// The newest dreams that hold an image, newest first.
    pub async fn dreams_with(&self, owner: UserId, symbol: &str, limit: u16) -> Result<Vec<Dream>> {
        let newest = sqlx::query_as!(
            Dream,
            "SELECT id, text, language, created_at FROM dreams
            WHERE owner_id = $1 AND id IN (SELECT dream_id FROM dream_symbols WHERE owner_id = $1 AND symbol = $2)
            ORDER BY created_at DESC, id DESC LIMIT $3",
            owner.0,
            symbol,
            i64::from(limit),
        );
        let mut own = self.rows.begin(owner.into()).await?;
        let newest = newest.fetch_all(&mut *own).await?;
        own.commit().await?;
        Ok(newest)
    }
}
