-- Vectors of several models live side by side: a table for each dimension (an HNSW index has one), a row for each
-- dream and model. The owner is kept here too, so that an exact search reads the owner's rows and no others.
-- There already in a private cluster, whose superuser makes it.
CREATE EXTENSION IF NOT EXISTS vector;

CREATE TABLE dream_embeddings_384 (
    dream_id  uuid NOT NULL,
    owner_id  uuid NOT NULL,
    model     text NOT NULL,
    embedding vector(384) NOT NULL,
    PRIMARY KEY (dream_id, model),
    FOREIGN KEY (dream_id, owner_id) REFERENCES dreams (id, owner_id) ON DELETE CASCADE
);
COMMENT ON TABLE dream_embeddings_384 IS 'Vectors of dreams by embedding models of 384 dimensions (catalogue ids).';
CREATE INDEX dream_embeddings_384_of_owner ON dream_embeddings_384 (owner_id, model);
CREATE INDEX dream_embeddings_384_hnsw ON dream_embeddings_384 USING hnsw (embedding vector_cosine_ops);

CREATE TABLE dream_embeddings_512 (
    dream_id  uuid NOT NULL,
    owner_id  uuid NOT NULL,
    model     text NOT NULL,
    embedding vector(512) NOT NULL,
    PRIMARY KEY (dream_id, model),
    FOREIGN KEY (dream_id, owner_id) REFERENCES dreams (id, owner_id) ON DELETE CASCADE
);
COMMENT ON TABLE dream_embeddings_512 IS 'Vectors of dreams by embedding models of 512 dimensions (catalogue ids).';
CREATE INDEX dream_embeddings_512_of_owner ON dream_embeddings_512 (owner_id, model);
CREATE INDEX dream_embeddings_512_hnsw ON dream_embeddings_512 USING hnsw (embedding vector_cosine_ops);

CREATE TABLE dream_embeddings_768 (
    dream_id  uuid NOT NULL,
    owner_id  uuid NOT NULL,
    model     text NOT NULL,
    embedding vector(768) NOT NULL,
    PRIMARY KEY (dream_id, model),
    FOREIGN KEY (dream_id, owner_id) REFERENCES dreams (id, owner_id) ON DELETE CASCADE
);
COMMENT ON TABLE dream_embeddings_768 IS 'Vectors of dreams by embedding models of 768 dimensions (catalogue ids).';
CREATE INDEX dream_embeddings_768_of_owner ON dream_embeddings_768 (owner_id, model);
CREATE INDEX dream_embeddings_768_hnsw ON dream_embeddings_768 USING hnsw (embedding vector_cosine_ops);

CREATE TABLE dream_embeddings_1024 (
    dream_id  uuid NOT NULL,
    owner_id  uuid NOT NULL,
    model     text NOT NULL,
    embedding vector(1024) NOT NULL,
    PRIMARY KEY (dream_id, model),
    FOREIGN KEY (dream_id, owner_id) REFERENCES dreams (id, owner_id) ON DELETE CASCADE
);
COMMENT ON TABLE dream_embeddings_1024 IS 'Vectors of dreams by embedding models of 1024 dimensions (catalogue ids).';
CREATE INDEX dream_embeddings_1024_of_owner ON dream_embeddings_1024 (owner_id, model);
CREATE INDEX dream_embeddings_1024_hnsw ON dream_embeddings_1024 USING hnsw (embedding vector_cosine_ops);

CREATE TABLE dream_embeddings_1536 (
    dream_id  uuid NOT NULL,
    owner_id  uuid NOT NULL,
    model     text NOT NULL,
    embedding vector(1536) NOT NULL,
    PRIMARY KEY (dream_id, model),
    FOREIGN KEY (dream_id, owner_id) REFERENCES dreams (id, owner_id) ON DELETE CASCADE
);
COMMENT ON TABLE dream_embeddings_1536 IS 'Vectors of dreams by embedding models of 1536 dimensions (catalogue ids).';
CREATE INDEX dream_embeddings_1536_of_owner ON dream_embeddings_1536 (owner_id, model);
CREATE INDEX dream_embeddings_1536_hnsw ON dream_embeddings_1536 USING hnsw (embedding vector_cosine_ops);

CREATE VIEW dream_vectors WITH (security_invoker = true) AS
    SELECT dream_id, model FROM dream_embeddings_384
    UNION ALL SELECT dream_id, model FROM dream_embeddings_512
    UNION ALL SELECT dream_id, model FROM dream_embeddings_768
    UNION ALL SELECT dream_id, model FROM dream_embeddings_1024
    UNION ALL SELECT dream_id, model FROM dream_embeddings_1536;
COMMENT ON VIEW dream_vectors IS 'Which dream has a vector of which model, whatever the dimension.';
