-- The application's role owns nothing; it may read and write rows of what the owner makes. Migrations run as the owner
-- and sqlx's own table is older than this line, so the application cannot touch the record of migrations.
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO oneiros_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO oneiros_app;
GRANT USAGE ON SCHEMA public TO oneiros_app;

CREATE TABLE users (
    id         uuid PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE users IS 'Who owns dreams. Until accounts exist: the person at this machine.';
-- OwnerId::LOCAL
INSERT INTO users (id) VALUES ('00000000-0000-0000-0000-000000000001');

CREATE TABLE dreams (
    id           uuid PRIMARY KEY,
    owner_id     uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    text         text NOT NULL,
    text_sha256  bytea NOT NULL CHECK (octet_length(text_sha256) = 32),
    language     text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_failure jsonb,
    UNIQUE (owner_id, text_sha256),
    -- What the vectors refer to, so that a vector's owner is always its dream's.
    UNIQUE (id, owner_id)
);
COMMENT ON TABLE dreams IS 'Dreams as they were told; one row for each text of an owner.';
COMMENT ON COLUMN dreams.text_sha256 IS 'SHA-256 of the UTF-8 text: the same text again is the same dream.';
COMMENT ON COLUMN dreams.language IS 'ISO 639-1.';
COMMENT ON COLUMN dreams.last_failure IS 'Why the last reading failed (InterpretationFailure); null after a reading.';
CREATE INDEX dreams_newest_first ON dreams (owner_id, created_at DESC, id DESC);

CREATE TABLE interpretations (
    dream_id       uuid NOT NULL REFERENCES dreams ON DELETE CASCADE,
    lens           text NOT NULL,
    language       text NOT NULL,
    model          text NOT NULL,
    prompt_version text NOT NULL,
    content        jsonb NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (dream_id, lens, language, model, prompt_version)
);
COMMENT ON TABLE interpretations IS 'Readings. The key is what makes two readings the same: the cache of identical requests.';
COMMENT ON COLUMN interpretations.content IS 'The whole reading (Interpretation) as the API shows it.';
