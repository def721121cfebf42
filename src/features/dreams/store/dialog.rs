//! Questions about readings with their answers.

use uuid::Uuid;

use super::{
    DreamStore,
    opinions::{held, stored_lens},
};
use crate::{
    error::{Error, Result},
    features::{accounts::UserId, dreams::DialogTurn},
};

/// How many questions are kept of one dream.
const MOST_TURNS: usize = 50;

impl DreamStore {
    /// Everything that was asked about a dream's readings, oldest first.
    pub async fn dialog(&self, owner: UserId, dream: Uuid) -> Result<Vec<DialogTurn>> {
        let asked = sqlx::query!(
            "SELECT id, lens, question, answer, language, model, created_at FROM dialog_turns
            WHERE dream_id = $1 AND owner_id = $2 ORDER BY created_at, id",
            dream,
            owner.0
        );
        let mut own = self.rows.begin(owner.into()).await?;
        let asked = asked.fetch_all(&mut *own).await?;
        own.commit().await?;
        let turn = |lens, id, question, answer, language, model, created_at| {
            Ok(DialogTurn { id, lens: stored_lens(lens)?, question, answer, language, model, created_at })
        };
        asked.into_iter().map(|row| turn(row.lens, row.id, row.question, row.answer, row.language, row.model, row.created_at)).collect()
    }

    /// Keeps a question with its answer. `Error::NotFound` when the dream was deleted meanwhile; a dream with too many is
    /// `Error::Invalid`. Its moment is the database's.
    pub async fn keep_turn(&self, owner: UserId, dream: Uuid, turn: DialogTurn) -> Result<DialogTurn> {
        let mut own = self.rows.begin(owner.into()).await?;
        held(&mut own, owner, dream).await?;
        let earlier =
            sqlx::query_scalar!(r#"SELECT count(*) AS "turns!" FROM dialog_turns WHERE dream_id = $1 AND owner_id = $2"#, dream, owner.0);
        see_room(usize::try_from(earlier.fetch_one(&mut *own).await?).unwrap_or(usize::MAX))?;
        let kept = sqlx::query_scalar!(
            "INSERT INTO dialog_turns (id, dream_id, owner_id, lens, question, answer, language, model)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING created_at",
            turn.id,
            dream,
            owner.0,
            turn.lens.as_str(),
            turn.question,
            turn.answer,
            turn.language,
            turn.model,
        );
        let created_at = kept.fetch_one(&mut *own).await?;
        own.commit().await?;
        Ok(DialogTurn { created_at, ..turn })
    }

    /// Forgets everything that was asked about a dream's readings. `Error::NotFound` without the dream.
    pub async fn forget_dialog(&self, owner: UserId, dream: Uuid) -> Result<()> {
        let mut own = self.rows.begin(owner.into()).await?;
        held(&mut own, owner, dream).await?;
        sqlx::query!("DELETE FROM dialog_turns WHERE dream_id = $1 AND owner_id = $2", dream, owner.0).execute(&mut *own).await?;
        Ok(own.commit().await?)
    }
}

/// Sees that one more question about a dream is kept.
pub fn see_room(turns: usize) -> Result<()> {
    if turns < MOST_TURNS {
        return Ok(());
    }
    Err(Error::invalid("question", format!("{MOST_TURNS} questions were asked about this dream already: forget the dialog to ask more")))
}
