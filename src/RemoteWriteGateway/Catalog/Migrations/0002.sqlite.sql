-- Version 2: push groups. Times are milliseconds since 1970, because they become the times of samples; they come from the gateway's clock.

CREATE TABLE push_groups (
    tenant               TEXT    NOT NULL,
    key                  BLOB    NOT NULL, -- 16 bytes of a SHA-256 over the labels
    labels               TEXT    NOT NULL, -- JSON, in the newest spelling
    mode                 INTEGER NOT NULL, -- 0 replace, 1 sum
    state                INTEGER NOT NULL, -- 0 live, 1 expired, 2 deleted
    created_ms           INTEGER NOT NULL,
    push_ms              INTEGER NOT NULL, -- 0: none has succeeded
    fail_ms              INTEGER NOT NULL,
    fail_reason          TEXT,
    pushed_by            TEXT,
    series               INTEGER NOT NULL,
    bytes                INTEGER NOT NULL,
    ttl_ms               INTEGER,
    expires_ms           INTEGER,
    generation           INTEGER NOT NULL, -- 0: no payload yet
    changed_ms           INTEGER NOT NULL, -- newest change of any kind
    dirty_since_ms       INTEGER, -- oldest change that is not written
    last_sample_ms       INTEGER NOT NULL,
    next_emit_ms         INTEGER,
    lease_owner          TEXT,
    lease_until_ms       INTEGER NOT NULL,
    written_generation   INTEGER, -- what the store holds open
    zeroed_generation    INTEGER NOT NULL,
    emission             INTEGER NOT NULL,
    inflight_step        INTEGER, -- 1 zero, 2 value
    inflight_generation  INTEGER,
    inflight_ms          INTEGER,
    inflight_floor_ms    INTEGER,
    inflight_push_ms     INTEGER,
    inflight_fail_ms     INTEGER,
    attempts             INTEGER NOT NULL,
    last_write_ms        INTEGER,
    last_write_error     TEXT,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX push_groups_due ON push_groups (next_emit_ms) WHERE next_emit_ms IS NOT NULL;
CREATE INDEX push_groups_expiry ON push_groups (expires_ms) WHERE expires_ms IS NOT NULL;
CREATE INDEX push_groups_deleted ON push_groups (changed_ms) WHERE state = 2;

-- Rows are never changed. Kept are a group's newest, inflight and written generations; an empty payload has none.
CREATE TABLE push_payloads (
    tenant     TEXT    NOT NULL,
    key        BLOB    NOT NULL,
    generation INTEGER NOT NULL,
    body       BLOB    NOT NULL,
    PRIMARY KEY (tenant, key, generation)
) STRICT;

-- Which group holds a metric.
CREATE TABLE push_series (
    tenant TEXT    NOT NULL,
    series BLOB    NOT NULL, -- 16 bytes
    key    BLOB    NOT NULL,
    PRIMARY KEY (tenant, series)
) STRICT, WITHOUT ROWID;

-- How many groups hold a name, and the type that they agree on.
CREATE TABLE push_names (
    tenant TEXT    NOT NULL,
    name   TEXT    NOT NULL,
    type   INTEGER,
    refs   INTEGER NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX push_names_unused ON push_names (tenant, name) WHERE refs = 0;

CREATE TABLE push_usage (
    tenant TEXT    NOT NULL PRIMARY KEY,
    groups INTEGER NOT NULL,
    series INTEGER NOT NULL,
    bytes  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE push_idempotency (
    tenant      TEXT    NOT NULL,
    idem_key    TEXT    NOT NULL,
    fingerprint BLOB    NOT NULL,
    status      INTEGER NOT NULL,
    body        TEXT    NOT NULL,
    expires_ms  INTEGER NOT NULL,
    PRIMARY KEY (tenant, idem_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX push_idempotency_expiry ON push_idempotency (expires_ms);
