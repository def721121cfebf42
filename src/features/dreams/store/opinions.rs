//! What a dreamer thinks of the readings.

use sqlx::{Postgres, Transaction};
use uuid::Uuid;

use super::DreamStore;
use crate::{
    error::{Error, Result},
    features::{
        accounts::UserId,
        dreams::{Opinion, OpinionRequest},
        lore::LensId,
    },
};

/// Over how many of the readings that were chosen last the preferred lens is looked for.
const LAST_CHOICES: i64 = 20;

/// What is not there when something is said of a reading that was never made.
pub const NO_READING: &str = "reading of this dream: read it through this lens first";

impl DreamStore {
    /// The lens that was chosen most often lately; of two that were chosen as often, the one that was chosen last. It may be one
    /// that is there no more.
    pub async fn preferred_lens(&self, owner: UserId) -> Result<Option<LensId>> {
        let preferred = sqlx::query_scalar!(
            r#"SELECT lens AS "lens!" FROM
                (SELECT lens, updated_at FROM reading_opinions WHERE owner_id = $1 AND chosen ORDER BY updated_at DESC LIMIT $2) AS last
            GROUP BY lens ORDER BY count(*) DESC, max(updated_at) DESC LIMIT 1"#,
            owner.0,
            LAST_CHOICES,
        );
        let mut own = self.rows.begin(owner.into()).await?;
        let preferred = preferred.fetch_optional(&mut *own).await?;
        own.commit().await?;
        preferred.map(stored_lens).transpose()
    }

    /// What was said of a dream's readings, by lens.
    pub async fn opinions(&self, owner: UserId, dream: Uuid) -> Result<Vec<Opinion>> {
        let said = sqlx::query!(
            "SELECT lens, rating, chosen FROM reading_opinions WHERE dream_id = $1 AND owner_id = $2 ORDER BY lens",
            dream,
            owner.0
        );
        let mut own = self.rows.begin(owner.into()).await?;
        let said = said.fetch_all(&mut *own).await?;
        own.commit().await?;
        said.into_iter().map(|row| opinion(row.lens, row.rating, row.chosen)).collect()
    }

    /// Keeps what is thought of the reading through a lens; what the request leaves out stays as it was. A reading that is chosen
    /// takes the place of the one that was. `Error::NotFound` without the dream or the reading.
    pub async fn keep_opinion(&self, owner: UserId, dream: Uuid, lens: &LensId, request: &OpinionRequest) -> Result<Opinion> {
        let mut own = self.rows.begin(owner.into()).await?;
        held(&mut own, owner, dream).await?;
        let is_read = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM interpretations WHERE dream_id = $1 AND owner_id = $2 AND lens = $3) AS "is_read!""#,
            dream,
            owner.0,
            lens.as_str()
        );
        if !is_read.fetch_one(&mut *own).await? {
            return Err(Error::NotFound(NO_READING));
        }
        if request.chosen == Some(true) {
            let other = sqlx::query!(
                "UPDATE reading_opinions SET chosen = false, updated_at = now()
                WHERE dream_id = $1 AND owner_id = $2 AND lens <> $3 AND chosen",
                dream,
                owner.0,
                lens.as_str()
            );
            other.execute(&mut *own).await?;
        }
        let kept = sqlx::query!(
            "INSERT INTO reading_opinions AS old (dream_id, owner_id, lens, rating, chosen) VALUES ($1, $2, $3, $4, coalesce($5, false))
            ON CONFLICT (dream_id, lens) DO UPDATE SET rating = CASE WHEN $6 THEN EXCLUDED.rating ELSE old.rating END,
                chosen = coalesce($5, old.chosen), updated_at = now()
            RETURNING rating, chosen",
            dream,
            owner.0,
            lens.as_str(),
            request.rating.flatten().map(i16::from),
            request.chosen,
            request.rating.is_some(),
        );
        let kept = kept.fetch_one(&mut *own).await?;
        own.commit().await?;
        opinion(lens.to_string(), kept.rating, kept.chosen)
    }
}

/// Sees that the dream is there and holds its row, so that what is said of it is said by one request at a time.
pub(super) async fn held(own: &mut Transaction<'static, Postgres>, owner: UserId, dream: Uuid) -> Result<()> {
    let dream = sqlx::query_scalar!("SELECT id FROM dreams WHERE id = $1 AND owner_id = $2 FOR NO KEY UPDATE", dream, owner.0);
    dream.fetch_optional(&mut **own).await?.map(drop).ok_or(Error::NotFound("dream"))
}

pub(super) fn stored_lens(id: String) -> Result<LensId> {
    LensId::try_from(id).map_err(|problem| Error::Internal(anyhow::anyhow!("{problem}")))
}

fn opinion(lens: String, rating: Option<i16>, chosen: bool) -> Result<Opinion> {
    Ok(Opinion { lens: stored_lens(lens)?, rating: rating.and_then(|rating| u8::try_from(rating).ok()), chosen })
}
