//! Dreams by likeness: exact among few, by the HNSW index among many.

use pgvector::Vector;
use sqlx::{AssertSqlSafe, FromRow};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{DreamStore, table_for};
use crate::db::Whose;
use crate::error::Result;
use crate::features::accounts::UserId;
use crate::features::dreams::{Dream, SimilarDream};

/// Among so many vectors of an owner the nearest are found by looking at all, in about 4 ms at 384 dimensions. The index
/// is quicker from there on (docs/benchmarks/search.md): it is the owner's share of all vectors that makes it slow.
const EXACT_UP_TO: i64 = 11_000;

/// Candidates that a search of the HNSW index keeps (`hnsw.ef_search`): more are slower and miss less.
const SEARCH_BREADTH: u16 = 120;

/// Whether PostgreSQL may read all rows where it thinks that this is cheaper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Planner {
    MayScan,
    /// Its estimate for an owner's rows in the order of the index is too high.
    MustUseIndex,
}

impl DreamStore {
    /// The owner's own dreams by cosine distance, `except` left out. Exact while the owner has few; see [`EXACT_UP_TO`].
    pub async fn similar_of_owner(
        &self,
        owner: UserId,
        model: &str,
        vector: &[f32],
        except: Option<Uuid>,
        limit: u16,
    ) -> Result<Vec<SimilarDream>> {
        let table = table_for(vector)?;
        let mut own = self.rows.begin(owner.into()).await?;
        let many = sqlx::query_scalar::<_, bool>(table.owner_has_more).bind(owner.0).bind(model).bind(EXACT_UP_TO);
        let many = many.fetch_one(&mut *own).await?;
        let nearest = sqlx::query_as::<_, NearDream>(if many { table.nearest_of_large_owner } else { table.nearest_of_owner });
        let nearest = nearest.bind(owner.0).bind(model).bind(Vector::from(vector.to_vec())).bind(except).bind(i64::from(limit));
        let found = if many {
            sqlx::raw_sql(AssertSqlSafe(by_index(limit, Planner::MustUseIndex))).execute(&mut *own).await?;
            nearest.bind(candidates(limit)).fetch_all(&mut *own).await?
        } else {
            nearest.fetch_all(&mut *own).await?
        };
        own.commit().await?;
        Ok(found.into_iter().map(SimilarDream::from).collect())
    }

    /// Dreams of every owner by cosine distance, by HNSW index with iterative scan. For features that hold consent.
    pub async fn similar_of_everyone(&self, model: &str, vector: &[f32], limit: u16) -> Result<Vec<SimilarDream>> {
        let table = table_for(vector)?;
        let mut transaction = self.rows.begin_with(Whose::Everyones, &by_index(limit, Planner::MayScan)).await?;
        let nearest = sqlx::query_as::<_, NearDream>(table.nearest_of_everyone);
        let nearest = nearest.bind(model).bind(Vector::from(vector.to_vec())).bind(i64::from(limit)).bind(candidates(limit));
        let found = nearest.fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(found.into_iter().map(SimilarDream::from).collect())
    }
}

/// Settings of a transaction in which the HNSW index is searched as it should be.
///
/// pgvector filters what the index finds. With an iterative scan it goes on until enough of the right model and owner were
/// found; they come almost in order, and the query sorts them.
fn by_index(limit: u16, planner: Planner) -> String {
    // At least as long as the list of candidates; pgvector takes 1 to 1000.
    let breadth = limit.saturating_mul(2).clamp(SEARCH_BREADTH, 1000);
    let mut settings = format!("; SET LOCAL hnsw.iterative_scan = relaxed_order; SET LOCAL hnsw.ef_search = {breadth}");
    if planner == Planner::MustUseIndex {
        settings.push_str("; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off");
    }
    settings
}

/// How many are taken from the HNSW index: a few more than are asked for, since it gives them almost in order.
fn candidates(limit: u16) -> i64 {
    i64::from(limit) + i64::from(limit) / 4 + 1
}

/// A dream with its cosine distance to what was searched for.
#[derive(FromRow)]
struct NearDream {
    id: Uuid,
    text: String,
    language: String,
    created_at: OffsetDateTime,
    distance: f64,
}

impl From<NearDream> for SimilarDream {
    fn from(near: NearDream) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a similarity between −1 and 1; the vectors are f32, too")]
        let similarity = (1.0 - near.distance) as f32;
        Self { dream: Dream { id: near.id, text: near.text, language: near.language, created_at: near.created_at }, similarity }
    }
}
