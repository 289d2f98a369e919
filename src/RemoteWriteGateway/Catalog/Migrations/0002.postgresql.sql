-- Version 2: push groups. Times are milliseconds since 1970, because they become the times of samples.

-- The one clock of pushes and emissions. Tests put another in its place.
CREATE FUNCTION now_ms() RETURNS bigint LANGUAGE sql VOLATILE
    AS $$ SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint $$;

CREATE TABLE push_groups (
    tenant               text     NOT NULL,
    key                  bytea    NOT NULL, -- 16 bytes of a SHA-256 over the labels
    labels               text     NOT NULL, -- JSON, in the newest spelling
    mode                 smallint NOT NULL, -- 0 replace, 1 sum
    state                smallint NOT NULL, -- 0 live, 1 expired, 2 deleted
    created_ms           bigint   NOT NULL,
    push_ms              bigint   NOT NULL, -- 0: none has succeeded
    fail_ms              bigint   NOT NULL,
    fail_reason          text,
    pushed_by            text,
    series               int      NOT NULL,
    bytes                int      NOT NULL,
    ttl_ms               bigint,
    expires_ms           bigint,
    generation           bigint   NOT NULL, -- 0: no payload yet
    changed_ms           bigint   NOT NULL, -- newest change of any kind
    dirty_since_ms       bigint,            -- oldest change that is not written
    last_sample_ms       bigint   NOT NULL,
    next_emit_ms         bigint,
    lease_owner          text,
    lease_until_ms       bigint   NOT NULL,
    written_generation   bigint,            -- what the store holds open
    zeroed_generation    bigint   NOT NULL,
    emission             bigint   NOT NULL,
    inflight_step        smallint,          -- 1 zero, 2 value
    inflight_generation  bigint,
    inflight_ms          bigint,
    inflight_floor_ms    bigint,
    inflight_push_ms     bigint,
    inflight_fail_ms     bigint,
    attempts             int      NOT NULL,
    last_write_ms        bigint,
    last_write_error     text,
    PRIMARY KEY (tenant, key)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX push_groups_due ON push_groups (next_emit_ms) WHERE next_emit_ms IS NOT NULL;
CREATE INDEX push_groups_expiry ON push_groups (expires_ms) WHERE expires_ms IS NOT NULL;
CREATE INDEX push_groups_deleted ON push_groups (changed_ms) WHERE state = 2;

-- Rows are never changed. Kept are a group's newest, inflight and written generations; an empty payload has none.
CREATE TABLE push_payloads (
    tenant     text   NOT NULL,
    key        bytea  NOT NULL,
    generation bigint NOT NULL,
    body       bytea  NOT NULL,
    PRIMARY KEY (tenant, key, generation)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);

-- Which group holds a metric.
CREATE TABLE push_series (
    tenant text  NOT NULL,
    series bytea NOT NULL, -- 16 bytes
    key    bytea NOT NULL,
    PRIMARY KEY (tenant, series)
);

-- How many groups hold a name, and the type that they agree on.
CREATE TABLE push_names (
    tenant text     NOT NULL,
    name   text     NOT NULL COLLATE "C",
    type   smallint,
    refs   int      NOT NULL,
    PRIMARY KEY (tenant, name)
);
CREATE INDEX push_names_unused ON push_names (tenant, name) WHERE refs = 0;

CREATE TABLE push_usage (
    tenant text   PRIMARY KEY,
    groups int    NOT NULL,
    series int    NOT NULL,
    bytes  bigint NOT NULL
);

CREATE TABLE push_idempotency (
    tenant      text     NOT NULL,
    idem_key    text     NOT NULL,
    fingerprint bytea    NOT NULL,
    status      smallint NOT NULL,
    body        text     NOT NULL,
    expires_ms  bigint   NOT NULL,
    PRIMARY KEY (tenant, idem_key)
);
CREATE INDEX push_idempotency_expiry ON push_idempotency (expires_ms);
