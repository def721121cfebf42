-- Accounts: who may come in, and a second wall between people's data.
--
-- The wall: every table with an owner has row-level security. The application says on whose behalf a transaction works
-- (`oneiros.user_id`, for that transaction alone) and sees that person's rows and no others, whatever its queries forget.
-- Work on nobody's behalf (jobs, log-in, an admin's lists) is done as oneiros_job, a role that the application takes for
-- one transaction at a time.

GRANT USAGE ON SCHEMA public TO oneiros_job;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO oneiros_job;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO oneiros_job;

CREATE FUNCTION current_owner() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('oneiros.user_id', true), '')::uuid;
COMMENT ON FUNCTION current_owner() IS 'On whose behalf this transaction works; null when on nobody''s.';

-- People.
ALTER TABLE users
    ADD COLUMN name          text,
    ADD COLUMN name_key      text UNIQUE,
    ADD COLUMN email         text,
    ADD COLUMN email_key     text UNIQUE,
    ADD COLUMN role          text NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'imam', 'operator', 'admin')),
    ADD COLUMN password_hash text,
    ADD COLUMN suspended_at  timestamptz,
    ADD COLUMN language      text,
    ADD COLUMN time_zone     text,
    ADD COLUMN place         text,
    ADD COLUMN last_seen_at  timestamptz,
    ADD CHECK ((name IS NULL) = (name_key IS NULL)),
    ADD CHECK ((email IS NULL) = (email_key IS NULL));
COMMENT ON TABLE users IS 'People with an account. The first row is the person at this machine, who becomes the first admin at set-up.';
COMMENT ON COLUMN users.name IS 'As it is shown; null before set-up.';
COMMENT ON COLUMN users.name_key IS 'What makes two names the same: names that look alike have one key.';
COMMENT ON COLUMN users.password_hash IS 'A PHC string (argon2id).';
COMMENT ON COLUMN users.place IS 'For the moon, as the person wrote it.';
CREATE INDEX users_newest_first ON users (created_at DESC, id DESC);

CREATE TABLE appliance (
    one_row        boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    claimed_at     timestamptz,
    host_name      text,
    registration   text NOT NULL DEFAULT 'closed' CHECK (registration IN ('closed', 'open')),
    daily_readings integer CHECK (daily_readings > 0)
);
COMMENT ON TABLE appliance IS 'What holds for all: one row.';
COMMENT ON COLUMN appliance.claimed_at IS 'When the first admin came; null while whoever sits at this machine uses it.';
COMMENT ON COLUMN appliance.host_name IS 'The name that browsers reach it by.';
COMMENT ON COLUMN appliance.daily_readings IS 'How many readings a person may ask for in a day; null: as many as they like.';
INSERT INTO appliance DEFAULT VALUES;
REVOKE INSERT, UPDATE, DELETE ON appliance FROM oneiros_app;

-- Ways in. Only digests are kept: what is in a database's backup opens nothing.
CREATE TABLE sessions (
    id           uuid PRIMARY KEY,
    owner_id     uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    token_sha256 bytea NOT NULL UNIQUE CHECK (octet_length(token_sha256) = 32),
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    user_agent   text,
    address      inet
);
COMMENT ON TABLE sessions IS 'Browsers that are logged in. A session ends when its row goes.';
CREATE INDEX sessions_of_owner ON sessions (owner_id, last_seen_at DESC);

CREATE TABLE api_keys (
    id           uuid PRIMARY KEY,
    owner_id     uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    name         text NOT NULL,
    prefix       text NOT NULL,
    key_sha256   bytea NOT NULL UNIQUE CHECK (octet_length(key_sha256) = 32),
    scopes       text[] NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    last_used_at timestamptz,
    last_address inet
);
COMMENT ON TABLE api_keys IS 'Keys of programs. They are random, so that a plain digest keeps them.';
COMMENT ON COLUMN api_keys.prefix IS 'The beginning of the key, by which a person knows it again.';
CREATE INDEX api_keys_of_owner ON api_keys (owner_id, created_at DESC);

CREATE TABLE one_time_codes (
    id          uuid PRIMARY KEY,
    purpose     text NOT NULL CHECK (purpose IN ('invitation', 'password-reset')),
    code_sha256 bytea NOT NULL UNIQUE CHECK (octet_length(code_sha256) = 32),
    -- Of an invitation: what the person will be. Of a reset: whose password.
    role        text CHECK (role IN ('user', 'imam', 'operator', 'admin')),
    owner_id    uuid REFERENCES users ON DELETE CASCADE,
    note        text,
    created_by  uuid REFERENCES users ON DELETE SET NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz,
    used_by     uuid REFERENCES users ON DELETE SET NULL,
    CHECK ((purpose = 'invitation') = (role IS NOT NULL)),
    CHECK ((purpose = 'password-reset') = (owner_id IS NOT NULL))
);
COMMENT ON TABLE one_time_codes IS 'Codes that an admin hands over: each opens one door once.';

-- Who did what. Rows come and never change: nobody but the owner of the tables may alter or delete them.
CREATE TABLE audit (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT now(),
    action     text NOT NULL,
    actor_id   uuid,
    subject_id uuid,
    address    inet,
    detail     jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE audit IS 'Log-ins, denials, changes by admins, what left the machine; never content. People are ids, so that an erased one is nameless here.';
CREATE INDEX audit_by_action ON audit (action, id DESC);
CREATE INDEX audit_by_actor ON audit (actor_id, id DESC);
CREATE INDEX audit_by_subject ON audit (subject_id, id DESC);
REVOKE UPDATE, DELETE, TRUNCATE ON audit FROM oneiros_app, oneiros_job;

-- How much somebody asked for in a window of time. Lost in a crash, which starts the windows anew.
CREATE UNLOGGED TABLE limit_counts (
    subject      text NOT NULL,
    window_start timestamptz NOT NULL,
    used         bigint NOT NULL,
    PRIMARY KEY (subject, window_start)
);
COMMENT ON TABLE limit_counts IS 'What limits have counted, for every server of this database.';
CREATE INDEX limit_counts_old ON limit_counts (window_start);

-- A reading's owner is kept beside it, as a vector's is.
ALTER TABLE interpretations ADD COLUMN owner_id uuid;
UPDATE interpretations SET owner_id = dreams.owner_id FROM dreams WHERE dreams.id = dream_id;
ALTER TABLE interpretations ALTER COLUMN owner_id SET NOT NULL,
    DROP CONSTRAINT interpretations_dream_id_fkey,
    ADD FOREIGN KEY (dream_id, owner_id) REFERENCES dreams (id, owner_id) ON DELETE CASCADE;

-- The wall. The setting is read once for a statement, not for every row.
DO $$
DECLARE
    owned text;
BEGIN
    FOR owned IN
        SELECT table_name FROM information_schema.columns
        WHERE table_schema = 'public' AND column_name = 'owner_id' AND table_name NOT IN ('one_time_codes')
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', owned);
        EXECUTE format('CREATE POLICY own_rows ON %I TO oneiros_app USING (owner_id = (SELECT current_owner()))', owned);
        EXECUTE format('CREATE POLICY everything ON %I TO oneiros_job USING (true)', owned);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO oneiros_job', owned);
    END LOOP;
END $$;

GRANT SELECT ON dream_vectors TO oneiros_job;

ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY oneself ON users TO oneiros_app USING (id = (SELECT current_owner()));
CREATE POLICY everything ON users TO oneiros_job USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON users TO oneiros_job;

-- Codes and the audit are nobody's own: they are told and read on nobody's behalf.
ALTER TABLE one_time_codes ENABLE ROW LEVEL SECURITY;
CREATE POLICY everything ON one_time_codes TO oneiros_job USING (true);
ALTER TABLE audit ENABLE ROW LEVEL SECURITY;
CREATE POLICY told ON audit FOR INSERT TO oneiros_app WITH CHECK (true);
CREATE POLICY everything ON audit TO oneiros_job USING (true);

-- What the application may not change as a person: who somebody is.
REVOKE UPDATE, INSERT ON users FROM oneiros_app;
GRANT UPDATE (email, email_key, language, time_zone, place, password_hash, last_seen_at) ON users TO oneiros_app;

-- Who comes with a session or a key. Asked at every request, before it is known who asks: so the wall does not stand in the
-- way of these two, which answer for one digest each.
CREATE FUNCTION session_with(digest bytea, idle interval)
    RETURNS TABLE (id uuid, owner_id uuid, role text, last_seen_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        SELECT sessions.id, sessions.owner_id, users.role, sessions.last_seen_at
        FROM sessions JOIN users ON users.id = sessions.owner_id
        WHERE sessions.token_sha256 = digest AND users.suspended_at IS NULL AND sessions.expires_at > now()
            AND sessions.last_seen_at > now() - idle
            -- A clock that was wrong when it began must not make it last.
            AND sessions.created_at < now() + interval '5 minutes';
    END;
CREATE FUNCTION key_with(digest bytea)
    RETURNS TABLE (id uuid, owner_id uuid, role text, scopes text[], last_used_at timestamptz, last_address inet)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        SELECT api_keys.id, api_keys.owner_id, users.role, api_keys.scopes, api_keys.last_used_at, api_keys.last_address
        FROM api_keys JOIN users ON users.id = api_keys.owner_id
        WHERE api_keys.key_sha256 = digest AND users.suspended_at IS NULL
            AND (api_keys.expires_at IS NULL OR api_keys.expires_at > now());
    END;
REVOKE EXECUTE ON FUNCTION session_with, key_with FROM public;
GRANT EXECUTE ON FUNCTION session_with, key_with TO oneiros_app;
