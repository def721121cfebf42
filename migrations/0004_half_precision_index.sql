-- An index of half the size: it holds vectors in half precision, and what it finds is measured again with the full
-- ones. Its graph is built with more care than by default (`ef_construction` 64), since a library of dreams has many
-- that resemble each other; `oneiros bench search` shows what that does.

DROP INDEX dream_embeddings_384_hnsw;
CREATE INDEX dream_embeddings_384_hnsw ON dream_embeddings_384
    USING hnsw ((embedding::halfvec(384)) halfvec_cosine_ops) WITH (m = 16, ef_construction = 128);

DROP INDEX dream_embeddings_512_hnsw;
CREATE INDEX dream_embeddings_512_hnsw ON dream_embeddings_512
    USING hnsw ((embedding::halfvec(512)) halfvec_cosine_ops) WITH (m = 16, ef_construction = 128);

DROP INDEX dream_embeddings_768_hnsw;
CREATE INDEX dream_embeddings_768_hnsw ON dream_embeddings_768
    USING hnsw ((embedding::halfvec(768)) halfvec_cosine_ops) WITH (m = 16, ef_construction = 128);

DROP INDEX dream_embeddings_1024_hnsw;
CREATE INDEX dream_embeddings_1024_hnsw ON dream_embeddings_1024
    USING hnsw ((embedding::halfvec(1024)) halfvec_cosine_ops) WITH (m = 16, ef_construction = 128);

DROP INDEX dream_embeddings_1536_hnsw;
CREATE INDEX dream_embeddings_1536_hnsw ON dream_embeddings_1536
    USING hnsw ((embedding::halfvec(1536)) halfvec_cosine_ops) WITH (m = 16, ef_construction = 128);
