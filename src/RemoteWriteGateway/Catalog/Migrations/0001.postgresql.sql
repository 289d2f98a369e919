-- Version 1. Everything stands in the schema "rwgateway", which is the search path of every connection of ours.

CREATE TABLE catalog_changes (
    topic      text        PRIMARY KEY,
    revision   bigint      NOT NULL,
    changed_at timestamptz NOT NULL
);

-- Inserted only. In force on the replica until its next row.
CREATE TABLE policy_versions (
    replica   text        NOT NULL,
    loaded_at timestamptz NOT NULL,
    version   text        NOT NULL,
    sha256    bytea       NOT NULL,
    document  text        NOT NULL,
    PRIMARY KEY (replica, loaded_at)
);
CREATE INDEX policy_versions_version ON policy_versions (version);

CREATE TABLE revocations (
    id              uuid        PRIMARY KEY,
    tid             uuid        NOT NULL,
    kind            text        NOT NULL CHECK (kind IN ('subject', 'client', 'token', 'key')),
    value           text        NOT NULL,
    issued_before   timestamptz,
    until           timestamptz,
    reason          text        NOT NULL,
    created_at      timestamptz NOT NULL,
    created_by_tid  uuid,
    created_by_oid  uuid,
    created_by_name text,
    lifted_at       timestamptz,
    lifted_by_oid   uuid,
    lifted_by_name  text,
    lift_reason     text
);
CREATE INDEX revocations_in_force ON revocations (kind, value) WHERE lifted_at IS NULL;

-- Inserted only. Partitions are months and are made by whoever writes the audit; there is no default one.
CREATE TABLE audit_events (
    ts               timestamptz NOT NULL,
    stream           text        NOT NULL COLLATE "C", -- by its bytes: the streams of a replica stand together, in the order of their starts
    seq              bigint      NOT NULL,
    id               uuid        NOT NULL,
    event            text        NOT NULL,
    outcome          text        NOT NULL CHECK (outcome IN ('allow', 'deny', 'error')),
    reason           text,
    http_status      smallint,
    tid              uuid,
    subject_oid      uuid,
    subject_kind     text,
    subject_name     text,
    actor_client     uuid,
    actor_parent     text,
    client_auth      text,
    token_uti        text,
    token_hash       bytea,
    token_kid        text,
    token_ver        text,
    token_issued_at  timestamptz,
    token_expires_at timestamptz,
    roles            text[],
    scopes           text[],
    groups_matched   uuid[],
    groups_unknown   boolean,
    bindings         text[],
    policy_version   text,
    permission       text,
    tenant           text,
    tenants          text[],
    tenants_requested text[],
    remote_ip        text,
    user_agent       text,
    request_id       text,
    traceparent      text,
    method           text,
    route            text,
    query_text       text,
    query_sha256     bytea,
    query_start      timestamptz,
    query_end        timestamptz,
    query_step_ms    bigint,
    duration_us      bigint,
    result_series    bigint,
    result_bytes     bigint,
    samples          bigint,
    series           bigint,
    body_bytes       bigint,
    count            bigint      NOT NULL DEFAULT 1,
    first_ts         timestamptz,
    last_ts          timestamptz,
    detail           json,       -- not jsonb: the text must survive for the hash
    chain_format     smallint    NOT NULL,
    prev_hash        bytea       NOT NULL,
    hash             bytea       NOT NULL,
    PRIMARY KEY (stream, seq, ts)
) PARTITION BY RANGE (ts);
CREATE INDEX audit_events_ts ON audit_events USING brin (ts);
CREATE INDEX audit_events_subject ON audit_events (subject_oid, ts) WHERE subject_oid IS NOT NULL;
CREATE INDEX audit_events_client ON audit_events (actor_client, ts) WHERE actor_client IS NOT NULL;
CREATE INDEX audit_events_tenant ON audit_events (tenant, ts) WHERE tenant IS NOT NULL;
CREATE INDEX audit_events_request ON audit_events (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX audit_events_tenants ON audit_events USING gin (tenants) WHERE tenants IS NOT NULL;
CREATE INDEX audit_events_not_allowed ON audit_events (ts) WHERE outcome <> 'allow';

-- Inserted only, and kept when the events go.
CREATE TABLE audit_checkpoints (
    stream text        NOT NULL COLLATE "C",
    seq    bigint      NOT NULL,
    ts     timestamptz NOT NULL,
    hash   bytea       NOT NULL,
    events bigint      NOT NULL,
    PRIMARY KEY (stream, seq)
);

CREATE TABLE replicas (
    instance             uuid        PRIMARY KEY,
    name                 text        NOT NULL,
    stream               text        NOT NULL,
    version              text        NOT NULL,
    started_at           timestamptz NOT NULL,
    last_seen            timestamptz NOT NULL,
    policy_version       text,
    revocations_revision bigint,
    keys_state           text        NOT NULL,
    keys_loaded_at       timestamptz,
    audit_spooled        bigint      NOT NULL
);
