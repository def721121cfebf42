//! The feature's SQL.

mod associations;
mod cursor;
mod dialog;
mod opinions;
mod search;
mod symbols;
mod trial;
mod vector_tables;

use futures_util::future::BoxFuture;
use pgvector::Vector;
use sha2::{Digest, Sha256};
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use self::cursor::Cursor;
use self::vector_tables::{VectorTable, vector_table};
use super::{Dream, DreamPage, Interpretation, InterpretationFailure};
use crate::db::{Rows, Whose};
use crate::error::{Error, Result};
use crate::features::accounts::{Belongings, UserId};
use crate::features::lore::LensId;

pub use self::dialog::see_room;
pub use self::opinions::NO_READING;
pub use self::trial::{SearchTrial, TrialDream, TrialIndexes};
pub use self::vector_tables::EMBEDDING_DIMENSIONS;

/// The largest page.
const LONGEST_PAGE: u16 = 100;

/// Dreams in the database.
#[derive(Clone)]
pub struct DreamStore {
    rows: Rows,
}

/// What makes two readings the same, besides the dream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadingKey {
    pub lens: LensId,
    pub language: String,
    pub model: String,
    pub prompt_version: String,
    /// What the dreamer told of the images, as a hash.
    pub context: String,
}

/// A dream with its latest reading through each lens.
#[derive(Debug, Clone, PartialEq)]
pub struct DreamInStore {
    pub dream: Dream,
    pub interpretations: Vec<Interpretation>,
    /// The last attempt's failure, when there was no reading since.
    pub failure: Option<InterpretationFailure>,
}

impl DreamStore {
    pub fn new(pool: PgPool) -> Self {
        Self { rows: Rows::new(pool) }
    }

    /// Keeps a dream. The same text of the same owner again is the same dream (and the same id); its language is then
    /// what was said last.
    pub async fn keep(&self, owner: UserId, text: &str, language: &str) -> Result<Dream> {
        let digest = Sha256::digest(text);
        let kept = sqlx::query_as!(
            Dream,
            "INSERT INTO dreams (id, owner_id, text, text_sha256, language) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (owner_id, text_sha256) DO UPDATE SET language = EXCLUDED.language
            RETURNING id, text, language, created_at",
            Uuid::now_v7(),
            owner.0,
            text,
            digest.as_slice(),
            language,
        );
        let mut own = self.rows.begin(owner.into()).await?;
        let dream = kept.fetch_one(&mut *own).await.map_err(|error| match sql_state(&error).as_deref() {
            // PostgreSQL's text holds every character but U+0000.
            Some("22021") => Error::invalid("text", "holds a character that cannot be stored (U+0000)"),
            _ => error.into(),
        })?;
        own.commit().await?;
        Ok(dream)
    }

    /// `None` when there is none or it is another owner's.
    pub async fn find(&self, owner: UserId, id: Uuid) -> Result<Option<DreamInStore>> {
        let found = sqlx::query!(
            r#"SELECT text, language, created_at, last_failure AS "last_failure: Json<InterpretationFailure>"
            FROM dreams WHERE id = $1 AND owner_id = $2"#,
            id,
            owner.0
        );
        let mut own = self.rows.begin(owner.into()).await?;
        let Some(found) = found.fetch_optional(&mut *own).await? else { return Ok(None) };
        let readings = sqlx::query_scalar!(
            r#"SELECT DISTINCT ON (lens) content AS "content: Json<Interpretation>"
            FROM interpretations WHERE dream_id = $1 AND owner_id = $2 ORDER BY lens, created_at DESC"#,
            id,
            owner.0
        );
        let interpretations = readings.fetch_all(&mut *own).await?.into_iter().map(|Json(reading)| reading).collect();
        own.commit().await?;
        let dream = Dream { id, text: found.text, language: found.language, created_at: found.created_at };
        Ok(Some(DreamInStore { dream, interpretations, failure: found.last_failure.map(|Json(failure)| failure) }))
    }

    /// Newest first. `cursor` is a page's `next_cursor`; a broken one is `Error::Invalid` on field `cursor`. `limit` is
    /// brought into 1 to 100.
    pub async fn page(&self, owner: UserId, cursor: Option<&str>, limit: u16) -> Result<DreamPage> {
        let limit = limit.clamp(1, LONGEST_PAGE);
        let after = cursor.map(Cursor::parse).transpose()?;
        let rows = sqlx::query_as!(
            Dream,
            "SELECT id, text, language, created_at FROM dreams
            WHERE owner_id = $1 AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3))
            ORDER BY created_at DESC, id DESC LIMIT $4",
            owner.0,
            after.map(|cursor| cursor.created_at),
            after.map_or(Uuid::nil(), |cursor| cursor.id),
            i64::from(limit) + 1,
        );
        let mut own = self.rows.begin(owner.into()).await?;
        let mut dreams = rows.fetch_all(&mut *own).await?;
        own.commit().await?;
        let more = dreams.len() > usize::from(limit);
        dreams.truncate(usize::from(limit));
        let next_cursor = dreams.last().filter(|_| more).map(|last| Cursor { created_at: last.created_at, id: last.id }.to_text());
        Ok(DreamPage { dreams, next_cursor })
    }

    /// Deletes a dream with its readings and vectors. `false` when there was none.
    pub async fn delete(&self, owner: UserId, id: Uuid) -> Result<bool> {
        let mut own = self.rows.begin(owner.into()).await?;
        let deleted = sqlx::query!("DELETE FROM dreams WHERE id = $1 AND owner_id = $2", id, owner.0).execute(&mut *own).await?;
        own.commit().await?;
        Ok(deleted.rows_affected() == 1)
    }

    /// The reading kept under this key, marked as `cached`.
    pub async fn cached(&self, owner: UserId, dream: Uuid, key: &ReadingKey) -> Result<Option<Interpretation>> {
        let found = sqlx::query_scalar!(
            r#"SELECT content AS "content: Json<Interpretation>" FROM interpretations
            WHERE dream_id = $1 AND lens = $2 AND language = $3 AND model = $4 AND prompt_version = $5 AND context = $6 AND owner_id = $7"#,
            dream,
            key.lens.as_str(),
            key.language,
            key.model,
            key.prompt_version,
            key.context,
            owner.0,
        );
        let mut own = self.rows.begin(owner.into()).await?;
        let Some(Json(reading)) = found.fetch_optional(&mut *own).await? else { return Ok(None) };
        show_again(&mut own, dream, key).await?;
        own.commit().await?;
        Ok(Some(Interpretation { cached: true, ..reading }))
    }

    /// Keeps a reading (replacing one with the same key) and clears the dream's failure. `Error::NotFound` when the
    /// dream was deleted meanwhile.
    pub async fn keep_reading(&self, owner: UserId, dream: Uuid, reading: &Interpretation, context: &str) -> Result<()> {
        let content = Interpretation { cached: false, ..reading.clone() };
        let kept = sqlx::query!(
            "WITH kept AS (
                INSERT INTO interpretations (dream_id, lens, language, model, prompt_version, context, content, owner_id)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                ON CONFLICT (dream_id, lens, language, model, prompt_version, context)
                DO UPDATE SET content = EXCLUDED.content, created_at = EXCLUDED.created_at)
            UPDATE dreams SET last_failure = NULL WHERE id = $1 AND last_failure IS NOT NULL",
            dream,
            reading.lens.as_str(),
            reading.language,
            reading.model,
            reading.prompt_version,
            context,
            Json(&content) as _,
            owner.0,
        );
        let mut own = self.rows.begin(owner.into()).await?;
        kept.execute(&mut *own).await.map_err(|error| match sql_state(&error).as_deref() {
            Some("23503") => Error::NotFound("dream"),
            _ => error.into(),
        })?;
        Ok(own.commit().await?)
    }

    /// `Error::NotFound` when the dream was deleted meanwhile.
    pub async fn keep_failure(&self, owner: UserId, dream: Uuid, failure: &InterpretationFailure) -> Result<()> {
        let mut own = self.rows.begin(owner.into()).await?;
        let kept = sqlx::query!("UPDATE dreams SET last_failure = $2 WHERE id = $1", dream, Json(failure) as _).execute(&mut *own).await?;
        own.commit().await?;
        found_dream(kept.rows_affected())
    }

    /// Keeps a dream's vector under an embedding model's catalogue id. `Error::NotFound` when the dream was deleted
    /// meanwhile; a dimension outside [`EMBEDDING_DIMENSIONS`] is an error of the catalogue's.
    pub async fn keep_vector(&self, whose: impl Into<Whose>, dream: Uuid, model: &str, vector: &[f32]) -> Result<()> {
        let kept = sqlx::query(table_for(vector)?.keep).bind(dream).bind(model).bind(Vector::from(vector.to_vec()));
        let mut rows = self.rows.begin(whose.into()).await?;
        let kept = kept.execute(&mut *rows).await?;
        rows.commit().await?;
        found_dream(kept.rows_affected())
    }

    pub async fn vector(&self, owner: UserId, dream: Uuid, model: &str) -> Result<Option<Vec<f32>>> {
        let mut own = self.rows.begin(owner.into()).await?;
        for table in EMBEDDING_DIMENSIONS.iter().filter_map(|dimension| vector_table(*dimension)) {
            let found = sqlx::query_scalar::<_, Vector>(table.find).bind(dream).bind(model);
            if let Some(vector) = found.fetch_optional(&mut *own).await? {
                own.commit().await?;
                return Ok(Some(vector.to_vec()));
            }
        }
        own.commit().await?;
        Ok(None)
    }

    /// Ids and texts of at most `limit` dreams that have no vector of this model yet.
    pub async fn without_vector(&self, model: &str, limit: u16) -> Result<Vec<(Uuid, String)>> {
        self.without_vector_after(model, Uuid::nil(), limit).await
    }

    /// The same in order of ids, beyond `after`: so a pass over all ends, even where one text cannot be embedded.
    pub async fn without_vector_after(&self, model: &str, after: Uuid, limit: u16) -> Result<Vec<(Uuid, String)>> {
        let rows = sqlx::query!(
            "SELECT id, text FROM dreams WHERE id > $2
                AND NOT EXISTS (SELECT FROM dream_vectors WHERE dream_id = dreams.id AND model = $1)
            ORDER BY id LIMIT $3",
            model,
            after,
            i64::from(limit),
        );
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        let found = rows.fetch_all(&mut *everyones).await?;
        everyones.commit().await?;
        Ok(found.into_iter().map(|row| (row.id, row.text)).collect())
    }

    /// (with a vector of this model, all) over every owner: how far a re-embedding is.
    pub async fn vector_progress(&self, model: &str) -> Result<(u64, u64)> {
        let counted = sqlx::query!(
            r#"SELECT (SELECT count(DISTINCT dream_id) FROM dream_vectors WHERE model = $1) AS "with_vector!",
                (SELECT count(*) FROM dreams) AS "all!""#,
            model
        );
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        let counted = counted.fetch_one(&mut *everyones).await?;
        everyones.commit().await?;
        Ok((counted.with_vector.unsigned_abs(), counted.all.unsigned_abs()))
    }
}

impl Belongings for DreamStore {
    fn name(&self) -> &'static str {
        "dreams"
    }

    /// Vectors are made of the dreams and are counted alone.
    fn export(&self, user: UserId) -> BoxFuture<'_, Result<serde_json::Value>> {
        Box::pin(async move {
            let mut own = self.rows.begin(user.into()).await?;
            let dreams = sqlx::query_scalar!(
                r#"SELECT coalesce(jsonb_agg(jsonb_build_object('id', id, 'text', text, 'language', language, 'created_at', created_at,
                    'readings', (SELECT coalesce(jsonb_agg(content ORDER BY interpretations.created_at), '[]') FROM interpretations
                        WHERE interpretations.dream_id = dreams.id),
                    'symbols', (SELECT coalesce(jsonb_agg(symbol ORDER BY symbol), '[]') FROM dream_symbols
                        WHERE dream_symbols.dream_id = dreams.id),
                    'associations', (SELECT coalesce(jsonb_agg(jsonb_build_object('symbol', symbol, 'note', note, 'updated_at', updated_at)
                        ORDER BY symbol), '[]') FROM associations WHERE associations.dream_id = dreams.id),
                    'opinions', (SELECT coalesce(jsonb_agg(jsonb_build_object('lens', lens, 'rating', rating, 'chosen', chosen,
                        'updated_at', updated_at) ORDER BY lens), '[]') FROM reading_opinions WHERE reading_opinions.dream_id = dreams.id),
                    'dialog', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', dialog_turns.id, 'lens', lens, 'question', question,
                        'answer', answer, 'language', dialog_turns.language, 'model', model, 'created_at', dialog_turns.created_at)
                        ORDER BY dialog_turns.created_at, dialog_turns.id), '[]') FROM dialog_turns WHERE dialog_turns.dream_id = dreams.id),
                    'vectors', (SELECT count(*) FROM dream_vectors WHERE dream_vectors.dream_id = dreams.id)) ORDER BY created_at, id), '[]')
                    AS "dreams!" FROM dreams WHERE owner_id = $1"#,
                user.0
            )
            .fetch_one(&mut *own)
            .await?;
            own.commit().await?;
            Ok(dreams)
        })
    }
}

/// What was asked for again is what the dream shows from now on, not what was made since.
async fn show_again(own: &mut PgConnection, dream: Uuid, key: &ReadingKey) -> Result<()> {
    let newest = sqlx::query!(
        "UPDATE interpretations SET created_at = now()
        WHERE dream_id = $1 AND lens = $2 AND language = $3 AND model = $4 AND prompt_version = $5 AND context = $6
            AND EXISTS (SELECT FROM interpretations AS newer WHERE newer.dream_id = $1 AND newer.lens = $2
                AND newer.created_at > interpretations.created_at)",
        dream,
        key.lens.as_str(),
        key.language,
        key.model,
        key.prompt_version,
        key.context,
    );
    newest.execute(&mut *own).await?;
    sqlx::query!("UPDATE dreams SET last_failure = NULL WHERE id = $1 AND last_failure IS NOT NULL", dream).execute(own).await?;
    Ok(())
}

fn table_for(vector: &[f32]) -> Result<&'static VectorTable> {
    vector_table(vector.len())
        .ok_or_else(|| Error::Internal(anyhow::anyhow!("no table holds vectors of {} dimensions: {EMBEDDING_DIMENSIONS:?}", vector.len())))
}

fn found_dream(rows: u64) -> Result<()> {
    if rows == 0 { Err(Error::NotFound("dream")) } else { Ok(()) }
}

/// PostgreSQL's error code, where the database refused something.
fn sql_state(error: &sqlx::Error) -> Option<std::borrow::Cow<'_, str>> {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code)
}
