-- Append-only tables, no foreign keys (they block ALTER in DuckDB) and no unique index on what is written per frame.
CREATE TABLE hosts (
    id VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    os VARCHAR NOT NULL,
    cpu VARCHAR NOT NULL,
    cores INTEGER,
    memory_bytes BIGINT
);

CREATE TABLE models (sha256 VARCHAR NOT NULL, name VARCHAR NOT NULL, bytes BIGINT);

CREATE TABLE pipelines (digest VARCHAR NOT NULL, text VARCHAR NOT NULL);

CREATE TABLE runs (
    id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    created_at TIMESTAMP NOT NULL, -- UTC
    host_id VARCHAR NOT NULL,
    pipeline_digest VARCHAR NOT NULL,
    pipeline_name VARCHAR NOT NULL,
    model_sha256 VARCHAR,
    command VARCHAR NOT NULL,
    versions JSON NOT NULL,
    conditions JSON NOT NULL,
    detail JSON NOT NULL,
    headline VARCHAR NOT NULL,
    valid BOOLEAN NOT NULL,
    invalid_reason VARCHAR NOT NULL,
    provenance VARCHAR NOT NULL, -- measured, simulated
    result_rows INTEGER NOT NULL,
    sample_rows BIGINT NOT NULL,
    sample_checksum VARCHAR NOT NULL -- BLAKE2b of the samples in order, as `records.SAMPLE`
);

CREATE TABLE devices (
    run_id VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    id VARCHAR NOT NULL,
    settled_id VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    backend VARCHAR NOT NULL,
    unit VARCHAR NOT NULL,
    provenance VARCHAR NOT NULL
);

CREATE TABLE results (
    run_id VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    side VARCHAR NOT NULL, -- run, single, parallel
    device VARCHAR NOT NULL, -- '': the side as a whole
    fps DOUBLE,
    latency_samples BIGINT NOT NULL,
    latency_mean_ms DOUBLE,
    latency_p50_ms DOUBLE,
    latency_p90_ms DOUBLE,
    latency_p95_ms DOUBLE,
    latency_p99_ms DOUBLE,
    frames BIGINT NOT NULL,
    frames_dropped BIGINT NOT NULL,
    frames_failed BIGINT NOT NULL,
    wall_s DOUBLE,
    share DOUBLE,
    busy DOUBLE,
    weight DOUBLE,
    startup_ms DOUBLE,
    first_inference_ms DOUBLE,
    restarts INTEGER NOT NULL,
    provenance VARCHAR NOT NULL
);

CREATE TABLE segments (
    run_id VARCHAR NOT NULL,
    segment INTEGER NOT NULL,
    stage VARCHAR NOT NULL,
    side VARCHAR NOT NULL,
    devices VARCHAR[] NOT NULL,
    workers VARCHAR[] NOT NULL, -- samples.worker is an index into it, from 0
    measure_from_ns BIGINT,
    measure_to_ns BIGINT
);

CREATE TABLE samples (
    run_id VARCHAR NOT NULL,
    position BIGINT NOT NULL,
    segment INTEGER NOT NULL,
    frame_id BIGINT NOT NULL,
    worker SMALLINT NOT NULL,
    status UTINYINT NOT NULL, -- 0 delivered, 1 failed, 2 dropped
    scheduled_ns BIGINT NOT NULL,
    captured_ns BIGINT NOT NULL,
    queued_ns BIGINT NOT NULL,
    started_ns BIGINT NOT NULL,
    inferred_ns BIGINT NOT NULL,
    finished_ns BIGINT NOT NULL,
    delivered_ns BIGINT NOT NULL
);
