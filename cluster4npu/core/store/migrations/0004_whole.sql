-- What a model is, memory at its highest, figures of stages; and tables for what other parts of the program find.
ALTER TABLE models ADD COLUMN family VARCHAR DEFAULT ''; -- the layout of its boxes, else its task; '': not known
ALTER TABLE models ADD COLUMN parameters BIGINT;
ALTER TABLE models ADD COLUMN flops BIGINT; -- of one input: two for each multiply-add

ALTER TABLE results ADD COLUMN stage VARCHAR DEFAULT ''; -- the inference node that the worker serves
ALTER TABLE results ADD COLUMN host_peak_bytes BIGINT; -- resident, of manager and workers together
ALTER TABLE results ADD COLUMN device_peak_bytes BIGINT; -- in the device's own memory

CREATE TABLE runtimes (run_id VARCHAR NOT NULL, name VARCHAR NOT NULL, version VARCHAR NOT NULL);
INSERT INTO runtimes
    SELECT id, name, versions ->> ('$."' || name || '"')
    FROM (SELECT id, versions, unnest(json_keys(versions)) AS name FROM runs) ORDER BY id, name;

CREATE TABLE stages (
    run_id VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    stage VARCHAR NOT NULL,
    frames_in BIGINT NOT NULL,
    frames_out BIGINT NOT NULL,
    frames_dropped BIGINT NOT NULL,
    frames_failed BIGINT NOT NULL,
    inferences BIGINT NOT NULL, -- inputs that its model got: one a frame, or one for each crop
    policy VARCHAR NOT NULL,
    devices VARCHAR[] NOT NULL,
    provenance VARCHAR NOT NULL
);

CREATE TABLE training_results (
    run_id VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    device VARCHAR NOT NULL,
    precision VARCHAR NOT NULL,
    batch_size INTEGER NOT NULL,
    steps BIGINT NOT NULL,
    forward_ms DOUBLE,
    backward_ms DOUBLE,
    optimizer_ms DOUBLE,
    step_ms DOUBLE,
    samples_per_s DOUBLE,
    loss_first DOUBLE,
    loss_last DOUBLE,
    host_peak_bytes BIGINT,
    device_peak_bytes BIGINT,
    provenance VARCHAR NOT NULL
);

CREATE TABLE browser_results (
    run_id VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    browser VARCHAR NOT NULL,
    browser_version VARCHAR NOT NULL,
    backend VARCHAR NOT NULL, -- webgpu, webnn, wasm: what ran, not what was asked for
    adapter VARCHAR NOT NULL, -- as the browser tells it; '': it does not
    batch_size INTEGER NOT NULL,
    latency_samples BIGINT NOT NULL,
    latency_mean_ms DOUBLE,
    latency_p50_ms DOUBLE,
    latency_p95_ms DOUBLE,
    throughput_per_s DOUBLE,
    startup_ms DOUBLE,
    first_inference_ms DOUBLE,
    provenance VARCHAR NOT NULL
);

CREATE TABLE predictions (
    id VARCHAR NOT NULL,
    created_at TIMESTAMP NOT NULL, -- UTC
    predictor VARCHAR NOT NULL,
    predictor_version VARCHAR NOT NULL,
    pipeline_digest VARCHAR NOT NULL,
    model_sha256 VARCHAR,
    devices VARCHAR[] NOT NULL,
    metric VARCHAR NOT NULL,
    unit VARCHAR NOT NULL,
    value DOUBLE NOT NULL,
    low DOUBLE, -- of its interval
    high DOUBLE,
    confidence DOUBLE, -- that the interval holds the value: 0.9
    run_id VARCHAR, -- that measured it afterwards
    actual DOUBLE,
    provenance VARCHAR NOT NULL -- predicted
);

CREATE TABLE compatibility (
    model_sha256 VARCHAR NOT NULL,
    host_id VARCHAR NOT NULL,
    device VARCHAR NOT NULL,
    precision VARCHAR NOT NULL,
    status VARCHAR NOT NULL, -- runs, falls back, fails, unavailable
    reason VARCHAR NOT NULL,
    run_id VARCHAR, -- that shows it
    checked_at TIMESTAMP NOT NULL, -- UTC
    provenance VARCHAR NOT NULL
);
