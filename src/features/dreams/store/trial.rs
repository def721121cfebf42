//! Many dreams at once in a database that nobody needs again, to measure how they are found: `oneiros bench search`.

use pgvector::Vector;
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use super::{DreamStore, table_for};
use crate::error::Result;
use crate::features::accounts::UserId;

/// Rows of one statement.
const ROWS_AT_ONCE: usize = 1000;

/// A store in a throwaway database and the right to rebuild it.
pub struct SearchTrial {
    /// The role that owns the tables.
    owner_pool: PgPool,
    store: DreamStore,
    /// The catalogue id under which vectors are kept.
    model: String,
}

/// What the indexes of one table cost.
#[derive(Debug, Clone, Copy, Default)]
pub struct TrialIndexes {
    /// Of the HNSW index.
    pub build_time: std::time::Duration,
    /// The HNSW index, which searches among everyone's.
    pub everyone_bytes: u64,
    /// The index that holds vectors owner by owner.
    pub owners_bytes: u64,
}

/// A dream as it is kept.
#[derive(Debug, Clone)]
pub struct TrialDream {
    pub id: Uuid,
    pub owner: UserId,
    pub text: String,
    pub vector: Vec<f32>,
}

impl SearchTrial {
    /// `owner_pool` works as the role that owns the tables, `pool` as the application.
    pub fn new(owner_pool: PgPool, pool: PgPool, model: String) -> Self {
        Self { owner_pool, store: DreamStore::new(pool), model }
    }

    /// What the product searches with.
    pub fn store(&self) -> &DreamStore {
        &self.store
    }

    /// Keeps dreams of any owners, who come into being with them. The index is made anew afterwards, by its own
    /// definition, since that is quicker than letting it grow.
    pub async fn keep(&self, dreams: &[TrialDream]) -> Result<TrialIndexes> {
        let Some(first) = dreams.first() else { return Ok(Default::default()) };
        table_for(&first.vector)?;
        let table = format!("dream_embeddings_{}", first.vector.len());
        let definition = format!("SELECT pg_get_indexdef('{table}_hnsw'::regclass)");
        let definition: String = sqlx::query_scalar(AssertSqlSafe(definition)).fetch_one(&self.owner_pool).await?;
        self.run(format!("DROP INDEX {table}_hnsw")).await?;
        for some in dreams.chunks(ROWS_AT_ONCE) {
            self.keep_some(&table, some).await?;
        }
        let start = std::time::Instant::now();
        self.run(definition).await?;
        let build_time = start.elapsed();
        self.run(format!("VACUUM ANALYZE {table}")).await?;
        self.run("VACUUM ANALYZE dreams".into()).await?;
        let everyone_bytes = self.index_bytes(&format!("{table}_hnsw")).await?;
        let owners_bytes = self.index_bytes(&format!("{table}_owner_by_owner")).await?;
        Ok(TrialIndexes { build_time, everyone_bytes, owners_bytes })
    }

    /// 0 where there is no such index.
    async fn index_bytes(&self, index: &str) -> Result<u64> {
        let size = sqlx::query_scalar::<_, i64>("SELECT coalesce(pg_relation_size(to_regclass($1)), 0)").bind(index);
        Ok(size.fetch_one(&self.owner_pool).await?.unsigned_abs())
    }

    async fn keep_some(&self, table: &str, dreams: &[TrialDream]) -> Result<()> {
        let ids: Vec<Uuid> = dreams.iter().map(|dream| dream.id).collect();
        let owners: Vec<Uuid> = dreams.iter().map(|dream| dream.owner.0).collect();
        let texts: Vec<&str> = dreams.iter().map(|dream| dream.text.as_str()).collect();
        let vectors: Vec<Vector> = dreams.iter().map(|dream| Vector::from(dream.vector.clone())).collect();
        // What is not written yet when the vacuum comes would be read from the table, as if somebody had just kept it.
        let mut transaction = self.owner_pool.begin_with("BEGIN; SET LOCAL synchronous_commit = on").await?;
        sqlx::query("INSERT INTO users (id) SELECT DISTINCT unnest($1::uuid[]) ON CONFLICT DO NOTHING")
            .bind(&owners)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "INSERT INTO dreams (id, owner_id, text, text_sha256, language)
            SELECT id, owner_id, text, sha256(convert_to(text, 'UTF8')), 'en'
            FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS told (id, owner_id, text)",
        )
        .bind(&ids)
        .bind(&owners)
        .bind(&texts)
        .execute(&mut *transaction)
        .await?;
        let keep = format!(
            "INSERT INTO {table} (dream_id, owner_id, model, embedding)
            SELECT id, owner_id, $3, embedding::halfvec FROM unnest($1::uuid[], $2::uuid[], $4::vector[]) AS kept (id, owner_id, embedding)"
        );
        sqlx::query(AssertSqlSafe(keep)).bind(&ids).bind(&owners).bind(&self.model).bind(&vectors).execute(&mut *transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// One statement by itself: `VACUUM` runs in no transaction.
    async fn run(&self, statement: String) -> Result<()> {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&self.owner_pool).await?;
        Ok(())
    }
}
