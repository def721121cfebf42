-- Search within one owner. Reading all of an owner's vectors fetched a page of the table for nearly each, and the HNSW index
-- knows no owners, so that it serves an owner of few among all badly. Now an index holds an owner's vectors side by side
-- and answers by itself, without the table.
--
-- That takes vectors that fit: in half precision, whose error of about 0.00002 in a similarity of these dimensions is far
-- below that of the models' own weights. The table keeps them so, too, which halves it.
--
-- The index answers by itself for rows that a vacuum has seen, so one comes after every fiftieth of a table is new, not
-- after every fifth as by default. While nothing was deleted it reads the new pages only.

DROP INDEX dream_embeddings_384_hnsw;
ALTER TABLE dream_embeddings_384 ALTER COLUMN embedding TYPE halfvec(384) USING embedding::halfvec(384);
ALTER TABLE dream_embeddings_384 SET (autovacuum_vacuum_insert_scale_factor = 0.02);
CREATE INDEX dream_embeddings_384_owner_by_owner ON dream_embeddings_384 (owner_id, model) INCLUDE (dream_id, embedding);
CREATE INDEX dream_embeddings_384_hnsw ON dream_embeddings_384
    USING hnsw (embedding halfvec_cosine_ops) WITH (m = 16, ef_construction = 128);

DROP INDEX dream_embeddings_512_hnsw;
ALTER TABLE dream_embeddings_512 ALTER COLUMN embedding TYPE halfvec(512) USING embedding::halfvec(512);
ALTER TABLE dream_embeddings_512 SET (autovacuum_vacuum_insert_scale_factor = 0.02);
CREATE INDEX dream_embeddings_512_owner_by_owner ON dream_embeddings_512 (owner_id, model) INCLUDE (dream_id, embedding);
CREATE INDEX dream_embeddings_512_hnsw ON dream_embeddings_512
    USING hnsw (embedding halfvec_cosine_ops) WITH (m = 16, ef_construction = 128);

DROP INDEX dream_embeddings_768_hnsw;
ALTER TABLE dream_embeddings_768 ALTER COLUMN embedding TYPE halfvec(768) USING embedding::halfvec(768);
ALTER TABLE dream_embeddings_768 SET (autovacuum_vacuum_insert_scale_factor = 0.02);
CREATE INDEX dream_embeddings_768_owner_by_owner ON dream_embeddings_768 (owner_id, model) INCLUDE (dream_id, embedding);
CREATE INDEX dream_embeddings_768_hnsw ON dream_embeddings_768
    USING hnsw (embedding halfvec_cosine_ops) WITH (m = 16, ef_construction = 128);

DROP INDEX dream_embeddings_1024_hnsw;
ALTER TABLE dream_embeddings_1024 ALTER COLUMN embedding TYPE halfvec(1024) USING embedding::halfvec(1024);
ALTER TABLE dream_embeddings_1024 SET (autovacuum_vacuum_insert_scale_factor = 0.02);
CREATE INDEX dream_embeddings_1024_owner_by_owner ON dream_embeddings_1024 (owner_id, model) INCLUDE (dream_id, embedding);
CREATE INDEX dream_embeddings_1024_hnsw ON dream_embeddings_1024
    USING hnsw (embedding halfvec_cosine_ops) WITH (m = 16, ef_construction = 128);

-- Of 1,536 dimensions not even half precision fits into an index's entry (2,704 bytes): these are read from the table.
DROP INDEX dream_embeddings_1536_hnsw;
ALTER TABLE dream_embeddings_1536 ALTER COLUMN embedding TYPE halfvec(1536) USING embedding::halfvec(1536);
CREATE INDEX dream_embeddings_1536_hnsw ON dream_embeddings_1536
    USING hnsw (embedding halfvec_cosine_ops) WITH (m = 16, ef_construction = 128);
