-- Second factors, passkeys, people whom a provider of identities knows, and sessions of apps.

-- A person's authenticator: the secret that it and this server make codes from (RFC 6238).
CREATE TABLE authenticators (
    owner_id      uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    secret_sealed bytea NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    confirmed_at  timestamptz,
    last_step     bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE authenticators IS 'Secrets of apps that make codes, sealed with the master key, which is not in the database.';
COMMENT ON COLUMN authenticators.confirmed_at IS 'When its first code was shown; before that it opens nothing and asks for nothing.';
COMMENT ON COLUMN authenticators.last_step IS 'The last step of time whose code was taken: no code is taken twice.';

CREATE TABLE recovery_codes (
    owner_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    code_sha256 bytea NOT NULL CHECK (octet_length(code_sha256) = 32),
    PRIMARY KEY (owner_id, code_sha256)
);
COMMENT ON TABLE recovery_codes IS 'Codes for whoever lost their second factor: each opens once, then its row goes.';

CREATE TABLE passkeys (
    id            uuid PRIMARY KEY,
    owner_id      uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    credential_id bytea NOT NULL UNIQUE,
    fixed_state   bytea NOT NULL,
    moving_state  bytea NOT NULL,
    name          text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    last_used_at  timestamptz
);
COMMENT ON TABLE passkeys IS 'Public keys of passkeys (WebAuthn). Nothing in them is secret.';
COMMENT ON COLUMN passkeys.fixed_state IS 'Public key and what else does not change.';
COMMENT ON COLUMN passkeys.moving_state IS 'Counter of signatures and flags, which each use changes.';
CREATE INDEX passkeys_of_owner ON passkeys (owner_id, created_at DESC);

CREATE TABLE identities (
    id           uuid PRIMARY KEY,
    owner_id     uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    issuer       text NOT NULL,
    subject      text NOT NULL,
    label        text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    UNIQUE (issuer, subject)
);
COMMENT ON TABLE identities IS 'As whom a provider of identities (OpenID Connect) knows a person.';
COMMENT ON COLUMN identities.label IS 'How the provider called them, to be known again by.';
CREATE INDEX identities_of_owner ON identities (owner_id);

-- Ceremonies of several messages. Kept here, so that any server can take the next message, and each is taken once.
CREATE TABLE ceremonies (
    token_sha256 bytea PRIMARY KEY CHECK (octet_length(token_sha256) = 32),
    kind         text NOT NULL CHECK (kind IN ('passkey-registration', 'passkey-log-in', 'provider')),
    user_id      uuid REFERENCES users ON DELETE CASCADE,
    state        bytea NOT NULL,
    expires_at   timestamptz NOT NULL
);
COMMENT ON TABLE ceremonies IS 'Begun and not finished: passkeys being made or shown, log-ins through a provider.';
CREATE INDEX ceremonies_old ON ceremonies (expires_at);

-- How somebody came in. Apps have sessions, too, whose secret is their refresh token.
ALTER TABLE sessions
    ADD COLUMN came_by text NOT NULL DEFAULT 'password' CHECK (came_by IN ('password', 'passkey', 'provider')),
    ADD COLUMN app     text,
    ADD COLUMN scopes  text[],
    ADD CHECK ((app IS NULL) = (scopes IS NULL));
COMMENT ON COLUMN sessions.app IS 'What the app calls itself; null for browsers.';
COMMENT ON COLUMN sessions.scopes IS 'What the app may do, as far as its person may.';

ALTER TABLE appliance
    ADD COLUMN second_factor_roles text[] NOT NULL DEFAULT '{}'
        CHECK (second_factor_roles <@ ARRAY['user', 'imam', 'operator', 'admin']);
COMMENT ON COLUMN appliance.second_factor_roles IS 'People of these roles can do nothing but set up a second factor until they have one.';

DO $$
DECLARE
    owned text;
BEGIN
    FOREACH owned IN ARRAY ARRAY['authenticators', 'recovery_codes', 'passkeys', 'identities'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', owned);
        EXECUTE format('CREATE POLICY own_rows ON %I TO oneiros_app USING (owner_id = (SELECT current_owner()))', owned);
        EXECUTE format('CREATE POLICY everything ON %I TO oneiros_job USING (true)', owned);
    END LOOP;
END $$;
ALTER TABLE ceremonies ENABLE ROW LEVEL SECURITY;
CREATE POLICY everything ON ceremonies TO oneiros_job USING (true);

-- Whoever erases a person orders the sweeping of the disk in the same transaction.
GRANT SELECT, INSERT ON jobs TO oneiros_job;

-- Whether a person may do nothing yet but set up the second factor that their role must have.
CREATE FUNCTION lacks_second_factor(person uuid, person_role text) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    RETURN EXISTS (SELECT FROM appliance WHERE person_role = ANY (second_factor_roles))
        AND NOT EXISTS (SELECT FROM authenticators WHERE owner_id = person AND confirmed_at IS NOT NULL)
        AND NOT EXISTS (SELECT FROM passkeys WHERE owner_id = person);
REVOKE EXECUTE ON FUNCTION lacks_second_factor FROM public;

DROP FUNCTION session_with;
CREATE FUNCTION session_with(digest bytea, idle interval)
    RETURNS TABLE (id uuid, owner_id uuid, role text, last_seen_at timestamptz, limited boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        SELECT sessions.id, sessions.owner_id, users.role, sessions.last_seen_at,
            sessions.came_by <> 'provider' AND lacks_second_factor(users.id, users.role)
        FROM sessions JOIN users ON users.id = sessions.owner_id
        WHERE sessions.token_sha256 = digest AND sessions.app IS NULL
            AND users.suspended_at IS NULL AND sessions.expires_at > now()
            AND sessions.last_seen_at > now() - idle
            -- A clock that was wrong when it began must not make it last.
            AND sessions.created_at < now() + interval '5 minutes';
    END;

-- Who an app's session is for: asked with an access token that names it.
CREATE FUNCTION app_session(session uuid, idle interval)
    RETURNS TABLE (owner_id uuid, role text, scopes text[], limited boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        SELECT sessions.owner_id, users.role, sessions.scopes, lacks_second_factor(users.id, users.role)
        FROM sessions JOIN users ON users.id = sessions.owner_id
        WHERE sessions.id = session AND sessions.app IS NOT NULL
            AND users.suspended_at IS NULL AND sessions.expires_at > now()
            AND sessions.last_seen_at > now() - idle
            AND sessions.created_at < now() + interval '5 minutes';
    END;

DROP FUNCTION key_with;
CREATE FUNCTION key_with(digest bytea)
    RETURNS TABLE (id uuid, owner_id uuid, role text, scopes text[], last_used_at timestamptz, last_address inet, limited boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        SELECT api_keys.id, api_keys.owner_id, users.role, api_keys.scopes, api_keys.last_used_at, api_keys.last_address,
            lacks_second_factor(users.id, users.role)
        FROM api_keys JOIN users ON users.id = api_keys.owner_id
        WHERE api_keys.key_sha256 = digest AND users.suspended_at IS NULL
            AND (api_keys.expires_at IS NULL OR api_keys.expires_at > now());
    END;
REVOKE EXECUTE ON FUNCTION session_with, app_session, key_with FROM public;
GRANT EXECUTE ON FUNCTION session_with, app_session, key_with TO oneiros_app;
