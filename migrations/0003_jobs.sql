CREATE TABLE jobs (
    id                uuid PRIMARY KEY,
    kind              text NOT NULL,
    payload           jsonb NOT NULL,
    deduplication_key text,
    state             text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'dead')),
    attempts          integer NOT NULL DEFAULT 0,
    max_attempts      integer NOT NULL CHECK (max_attempts > 0),
    run_at            timestamptz NOT NULL DEFAULT now(),
    runner            uuid,
    locked_until      timestamptz,
    progress_done     bigint NOT NULL DEFAULT 0,
    progress_total    bigint NOT NULL DEFAULT 0,
    last_error        text,
    created_at        timestamptz NOT NULL DEFAULT now(),
    finished_at       timestamptz,
    CHECK ((state = 'running') = (runner IS NOT NULL AND locked_until IS NOT NULL)),
    CHECK ((state IN ('done', 'dead')) = (finished_at IS NOT NULL))
);
COMMENT ON TABLE jobs IS 'Durable work. A runner holds a job until locked_until and pushes that on; when it lapses, another takes over.';
COMMENT ON COLUMN jobs.attempts IS 'Begun attempts. With the runner it fences a job off from one that lost it.';
COMMENT ON COLUMN jobs.deduplication_key IS 'At most one job of a kind and key is waiting or running.';
CREATE UNIQUE INDEX jobs_one_at_a_time ON jobs (kind, deduplication_key) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_due ON jobs (run_at, id) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE state IN ('done', 'dead');
