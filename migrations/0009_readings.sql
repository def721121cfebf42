-- What readings lean on and what dreamers say of them.

-- Lenses, symbols and sources that the operator added. Nobody's own: read for everybody, changed on nobody's behalf.
CREATE TABLE packs (
    name     text PRIMARY KEY,
    content  text NOT NULL CHECK (octet_length(content) <= 1048576),
    sha256   bytea NOT NULL CHECK (octet_length(sha256) = 32),
    added_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE packs IS 'Packs of lenses and symbols as they were imported (TOML).';
ALTER TABLE packs ENABLE ROW LEVEL SECURITY;
CREATE POLICY read ON packs FOR SELECT TO oneiros_app USING (true);
CREATE POLICY everything ON packs TO oneiros_job USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON packs TO oneiros_job;
REVOKE INSERT, UPDATE, DELETE ON packs FROM oneiros_app;

-- Which images of the dictionary a dream holds: what recurs is counted here.
CREATE TABLE dream_symbols (
    dream_id uuid NOT NULL,
    owner_id uuid NOT NULL,
    symbol   text NOT NULL,
    PRIMARY KEY (dream_id, symbol),
    FOREIGN KEY (dream_id, owner_id) REFERENCES dreams (id, owner_id) ON DELETE CASCADE
);
COMMENT ON COLUMN dream_symbols.symbol IS 'An id of the dictionary.';
CREATE INDEX dream_symbols_of_owner ON dream_symbols (owner_id, symbol);

CREATE TABLE associations (
    dream_id   uuid NOT NULL,
    owner_id   uuid NOT NULL,
    symbol     text NOT NULL,
    note       text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (dream_id, symbol),
    FOREIGN KEY (dream_id, owner_id) REFERENCES dreams (id, owner_id) ON DELETE CASCADE
);
COMMENT ON TABLE associations IS 'What comes to a dreamer''s mind about an image of a dream: an id of the dictionary, or the word itself.';
CREATE INDEX associations_of_owner ON associations (owner_id, symbol, updated_at DESC);

CREATE TABLE reading_opinions (
    dream_id   uuid NOT NULL,
    owner_id   uuid NOT NULL,
    lens       text NOT NULL,
    rating     smallint CHECK (rating BETWEEN 1 AND 5),
    chosen     boolean NOT NULL DEFAULT false,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (dream_id, lens),
    FOREIGN KEY (dream_id, owner_id) REFERENCES dreams (id, owner_id) ON DELETE CASCADE
);
COMMENT ON TABLE reading_opinions IS 'What a dreamer thinks of a reading through one lens.';
CREATE INDEX reading_opinions_of_owner ON reading_opinions (owner_id, updated_at DESC);
-- One reading of a dream is the one that fits.
CREATE UNIQUE INDEX reading_opinions_one_chosen ON reading_opinions (dream_id) WHERE chosen;

CREATE TABLE dialog_turns (
    id         uuid PRIMARY KEY,
    dream_id   uuid NOT NULL,
    owner_id   uuid NOT NULL,
    lens       text NOT NULL,
    question   text NOT NULL,
    answer     text NOT NULL,
    language   text NOT NULL,
    model      text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (dream_id, owner_id) REFERENCES dreams (id, owner_id) ON DELETE CASCADE
);
COMMENT ON TABLE dialog_turns IS 'Questions about a reading and what a model answered.';
CREATE INDEX dialog_turns_in_order ON dialog_turns (dream_id, created_at, id);

DO $$
DECLARE
    owned text;
BEGIN
    FOREACH owned IN ARRAY ARRAY['dream_symbols', 'associations', 'reading_opinions', 'dialog_turns']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', owned);
        EXECUTE format('CREATE POLICY own_rows ON %I TO oneiros_app USING (owner_id = (SELECT current_owner()))', owned);
        EXECUTE format('CREATE POLICY everything ON %I TO oneiros_job USING (true)', owned);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO oneiros_job', owned);
    END LOOP;
END $$;

-- What the dreamer told about the dream's images makes another reading of it.
ALTER TABLE interpretations ADD COLUMN context text NOT NULL DEFAULT '',
    DROP CONSTRAINT interpretations_pkey,
    ADD PRIMARY KEY (dream_id, lens, language, model, prompt_version, context);
COMMENT ON COLUMN interpretations.context IS 'Hash of what the dreamer told about the images; empty when nothing was told.';
