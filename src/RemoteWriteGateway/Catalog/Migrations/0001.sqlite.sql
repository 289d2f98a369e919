-- Version 1. Times are microseconds since 1970, uuids lower-case text, arrays and json are text that holds JSON.

CREATE TABLE catalog_changes (
    topic      TEXT    NOT NULL PRIMARY KEY,
    revision   INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

-- Inserted only. In force on the replica until its next row.
CREATE TABLE policy_versions (
    replica   TEXT    NOT NULL,
    loaded_at INTEGER NOT NULL,
    version   TEXT    NOT NULL,
    sha256    BLOB    NOT NULL,
    document  TEXT    NOT NULL,
    PRIMARY KEY (replica, loaded_at)
) STRICT;
CREATE INDEX policy_versions_version ON policy_versions (version);

CREATE TABLE revocations (
    id              TEXT    NOT NULL PRIMARY KEY,
    tid             TEXT    NOT NULL,
    kind            TEXT    NOT NULL CHECK (kind IN ('subject', 'client', 'token', 'key')),
    value           TEXT    NOT NULL,
    issued_before   INTEGER,
    until           INTEGER,
    reason          TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    created_by_tid  TEXT,
    created_by_oid  TEXT,
    created_by_name TEXT,
    lifted_at       INTEGER,
    lifted_by_oid   TEXT,
    lifted_by_name  TEXT,
    lift_reason     TEXT
) STRICT;
CREATE INDEX revocations_in_force ON revocations (kind, value) WHERE lifted_at IS NULL;

CREATE TABLE audit_events (
    ts               INTEGER NOT NULL,
    stream           TEXT    NOT NULL,
    seq              INTEGER NOT NULL,
    id               TEXT    NOT NULL,
    event            TEXT    NOT NULL,
    outcome          TEXT    NOT NULL CHECK (outcome IN ('allow', 'deny', 'error')),
    reason           TEXT,
    http_status      INTEGER,
    tid              TEXT,
    subject_oid      TEXT,
    subject_kind     TEXT,
    subject_name     TEXT,
    actor_client     TEXT,
    actor_parent     TEXT,
    client_auth      TEXT,
    token_uti        TEXT,
    token_hash       BLOB,
    token_kid        TEXT,
    token_ver        TEXT,
    token_issued_at  INTEGER,
    token_expires_at INTEGER,
    roles            TEXT,
    scopes           TEXT,
    groups_matched   TEXT,
    groups_unknown   INTEGER,
    bindings         TEXT,
    policy_version   TEXT,
    permission       TEXT,
    tenant           TEXT,
    tenants          TEXT,
    tenants_requested TEXT,
    remote_ip        TEXT,
    user_agent       TEXT,
    request_id       TEXT,
    traceparent      TEXT,
    method           TEXT,
    route            TEXT,
    query_text       TEXT,
    query_sha256     BLOB,
    query_start      INTEGER,
    query_end        INTEGER,
    query_step_ms    INTEGER,
    duration_us      INTEGER,
    result_series    INTEGER,
    result_bytes     INTEGER,
    samples          INTEGER,
    series           INTEGER,
    body_bytes       INTEGER,
    count            INTEGER NOT NULL DEFAULT 1,
    first_ts         INTEGER,
    last_ts          INTEGER,
    detail           TEXT,
    chain_format     INTEGER NOT NULL,
    prev_hash        BLOB    NOT NULL,
    hash             BLOB    NOT NULL,
    PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_events_ts ON audit_events (ts);
CREATE INDEX audit_events_subject ON audit_events (subject_oid, ts) WHERE subject_oid IS NOT NULL;
CREATE INDEX audit_events_client ON audit_events (actor_client, ts) WHERE actor_client IS NOT NULL;
CREATE INDEX audit_events_tenant ON audit_events (tenant, ts) WHERE tenant IS NOT NULL;
CREATE INDEX audit_events_request ON audit_events (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX audit_events_not_allowed ON audit_events (ts) WHERE outcome <> 'allow';

CREATE TABLE audit_checkpoints (
    stream TEXT    NOT NULL,
    seq    INTEGER NOT NULL,
    ts     INTEGER NOT NULL,
    hash   BLOB    NOT NULL,
    events INTEGER NOT NULL,
    PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE replicas (
    instance             TEXT    NOT NULL PRIMARY KEY,
    name                 TEXT    NOT NULL,
    stream               TEXT    NOT NULL,
    version              TEXT    NOT NULL,
    started_at           INTEGER NOT NULL,
    last_seen            INTEGER NOT NULL,
    policy_version       TEXT,
    revocations_revision INTEGER,
    keys_state           TEXT    NOT NULL,
    keys_loaded_at       INTEGER,
    audit_spooled        INTEGER NOT NULL
) STRICT;

-- One row: records before this time may be deleted. `rwgateway audit retain` moves it.
CREATE TABLE audit_retention (
    deletable_before INTEGER NOT NULL
) STRICT;
INSERT INTO audit_retention (deletable_before) VALUES (-9223372036854775808);

-- What was recorded stays as it is. REPLACE counts as DELETE because our connections have recursive_triggers on.
CREATE TRIGGER audit_events_no_update BEFORE UPDATE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'audit_events: a record is never changed');
END;
CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events
WHEN OLD.ts >= coalesce((SELECT min(deletable_before) FROM audit_retention), -9223372036854775808)
BEGIN
    SELECT RAISE(ABORT, 'audit_events: the record is newer than audit_retention allows to delete');
END;
CREATE TRIGGER audit_checkpoints_no_update BEFORE UPDATE ON audit_checkpoints
BEGIN
    SELECT RAISE(ABORT, 'audit_checkpoints: a checkpoint is never changed');
END;
CREATE TRIGGER audit_checkpoints_no_delete BEFORE DELETE ON audit_checkpoints
BEGIN
    SELECT RAISE(ABORT, 'audit_checkpoints: checkpoints stay');
END;
CREATE TRIGGER audit_retention_one_row BEFORE INSERT ON audit_retention
BEGIN
    SELECT RAISE(ABORT, 'audit_retention: has one row');
END;
CREATE TRIGGER audit_retention_stays BEFORE DELETE ON audit_retention
BEGIN
    SELECT RAISE(ABORT, 'audit_retention: has one row');
END;
CREATE TRIGGER policy_versions_no_update BEFORE UPDATE ON policy_versions
BEGIN
    SELECT RAISE(ABORT, 'policy_versions: a row is never changed');
END;
