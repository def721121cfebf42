//! What comes to a dreamer's mind about the images.

use uuid::Uuid;

use super::{DreamStore, opinions::held};
use crate::{
    error::{Error, Result},
    features::{accounts::UserId, dreams::Association},
};

/// How many of a dream's images may have a note.
const MOST_NOTES: i64 = 40;

impl DreamStore {
    /// A dream's notes, by image.
    pub async fn associations(&self, owner: UserId, dream: Uuid) -> Result<Vec<Association>> {
        self.associations_for(owner, dream, &[]).await
    }

    /// A dream's own notes, and for each of the images that has none here the newest note of another dream. Its own come first, the
    /// newest of them before all.
    pub async fn associations_for(&self, owner: UserId, dream: Uuid, symbols: &[String]) -> Result<Vec<Association>> {
        let notes = sqlx::query_as!(
            Association,
            r#"SELECT symbol, note, updated_at FROM (
                SELECT DISTINCT ON (symbol) symbol, note, updated_at, dream_id = $2 AS own FROM associations
                WHERE owner_id = $1 AND (dream_id = $2 OR symbol = ANY ($3)) ORDER BY symbol, dream_id = $2 DESC, updated_at DESC
            ) AS notes ORDER BY own DESC, updated_at DESC, symbol"#,
            owner.0,
            dream,
            symbols,
        );
        let mut own = self.rows.begin(owner.into()).await?;
        let notes = notes.fetch_all(&mut *own).await?;
        own.commit().await?;
        Ok(notes)
    }

    /// Keeps a note in place of the one that was. `Error::NotFound` without the dream; a dream with too many is `Error::Invalid`.
    pub async fn keep_association(&self, owner: UserId, dream: Uuid, symbol: &str, note: &str) -> Result<Association> {
        let mut own = self.rows.begin(owner.into()).await?;
        held(&mut own, owner, dream).await?;
        let others = sqlx::query_scalar!(
            r#"SELECT count(*) AS "others!" FROM associations WHERE dream_id = $1 AND owner_id = $2 AND symbol <> $3"#,
            dream,
            owner.0,
            symbol
        );
        if others.fetch_one(&mut *own).await? >= MOST_NOTES {
            return Err(Error::invalid("symbol", format!("this dream has notes on {MOST_NOTES} images already: delete one first")));
        }
        let kept = sqlx::query_as!(
            Association,
            "INSERT INTO associations (dream_id, owner_id, symbol, note) VALUES ($1, $2, $3, $4)
            ON CONFLICT (dream_id, symbol) DO UPDATE SET note = EXCLUDED.note, updated_at = now()
            RETURNING symbol, note, updated_at",
            dream,
            owner.0,
            symbol,
            note
        );
        let kept = kept.fetch_one(&mut *own).await?;
        own.commit().await?;
        Ok(kept)
    }

    /// `false` when there was none.
    pub async fn forget_association(&self, owner: UserId, dream: Uuid, symbol: &str) -> Result<bool> {
        let forgotten =
            sqlx::query!("DELETE FROM associations WHERE dream_id = $1 AND owner_id = $2 AND symbol = $3", dream, owner.0, symbol);
        let mut own = self.rows.begin(owner.into()).await?;
        let forgotten = forgotten.execute(&mut *own).await?;
        own.commit().await?;
        Ok(forgotten.rows_affected() == 1)
    }
}
