//! The SQL of the tables `dream_embeddings_N`: a closed set, written out at compile time. A table's name cannot be
//! bound, and pgvector's dimension is part of the column's type, so these are the queries that sqlx cannot check.

/// The statements on the table of one dimension.
///
/// Distances that are compared are a function's. By the operator `<=>` PostgreSQL would know them as the order of the HNSW
/// index: it would use that for an owner's dreams, too, and sort what comes from it no more, though it comes almost in
/// order (`hnsw.iterative_scan = relaxed_order`).
pub struct VectorTable {
    /// (dream, model, vector)
    pub keep: &'static str,
    /// (dream, model) → embedding
    pub find: &'static str,
    /// (owner, model, limit) → has the owner more vectors than this?
    pub owner_has_more: &'static str,
    /// (owner, model, vector, except, limit) → dreams with their distance, nearest first: all vectors of the owner are
    /// read.
    pub nearest_of_owner: &'static str,
    /// (owner, model, vector, except, limit, candidates) → dreams with their distance, nearest first, by the HNSW index.
    pub nearest_of_large_owner: &'static str,
    /// (model, vector, limit, candidates) → dreams with their distance, nearest first, by the HNSW index.
    pub nearest_of_everyone: &'static str,
}

macro_rules! vector_tables {
    ($($dimension:literal),+) => {
        /// The table for vectors of this dimension.
        pub fn vector_table(dimension: usize) -> Option<&'static VectorTable> {
            match dimension {
                $($dimension => Some(&VectorTable {
                    keep: concat!(
                        "INSERT INTO dream_embeddings_", $dimension, " (dream_id, owner_id, model, embedding) ",
                        "SELECT id, owner_id, $2, $3::vector::halfvec(", $dimension, ") FROM dreams WHERE id = $1 ",
                        "ON CONFLICT (dream_id, model) DO UPDATE SET embedding = EXCLUDED.embedding",
                    ),
                    find: concat!("SELECT embedding::vector FROM dream_embeddings_", $dimension, " WHERE dream_id = $1 AND model = $2"),
                    // What is searched for is a query of its own: made once, not for every row as in a plan for any parameters.
                    nearest_of_owner: concat!(
                        "WITH nearest AS MATERIALIZED (",
                        "SELECT dream_id, cosine_distance(embedding, (SELECT $3::vector::halfvec(", $dimension, "))) AS distance ",
                        "FROM dream_embeddings_", $dimension,
                        " WHERE owner_id = $1 AND model = $2 AND dream_id IS DISTINCT FROM $4 ORDER BY distance, dream_id LIMIT $5) ",
                        "SELECT id, text, language, created_at, distance FROM nearest JOIN dreams ON id = dream_id ",
                        "ORDER BY distance, id",
                    ),
                    owner_has_more: concat!(
                        "SELECT count(*) > $3 FROM (SELECT FROM dream_embeddings_", $dimension,
                        " WHERE owner_id = $1 AND model = $2 LIMIT $3 + 1) AS counted",
                    ),
                    nearest_of_large_owner: concat!(
                        "WITH candidates AS MATERIALIZED (",
                        "SELECT dream_id, cosine_distance(embedding, $3::vector::halfvec(", $dimension, ")) AS distance ",
                        "FROM dream_embeddings_", $dimension,
                        " WHERE owner_id = $1 AND model = $2 AND dream_id IS DISTINCT FROM $4 ",
                        "ORDER BY embedding <=> $3::vector::halfvec(", $dimension, ") LIMIT $6) ",
                        "SELECT id, text, language, created_at, distance FROM candidates JOIN dreams ON id = dream_id ",
                        "ORDER BY distance, id LIMIT $5",
                    ),
                    nearest_of_everyone: concat!(
                        "WITH candidates AS MATERIALIZED (",
                        "SELECT dream_id, cosine_distance(embedding, $2::vector::halfvec(", $dimension, ")) AS distance ",
                        "FROM dream_embeddings_", $dimension, " WHERE model = $1 ",
                        "ORDER BY embedding <=> $2::vector::halfvec(", $dimension, ") LIMIT $4) ",
                        "SELECT id, text, language, created_at, distance FROM candidates JOIN dreams ON id = dream_id ",
                        "ORDER BY distance, id LIMIT $3",
                    ),
                }),)+
                _ => None,
            }
        }

        /// The dimensions of embedding models whose vectors can be kept.
        pub const EMBEDDING_DIMENSIONS: &[usize] = &[$($dimension),+];
    };
}

vector_tables!(384, 512, 768, 1024, 1536);
