-- How the devices of a run were while it went on. NULL: not reported. The machine is that of the run.
CREATE TABLE device_looks (
    run_id VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    device VARCHAR NOT NULL, -- without options and worker
    looked_at TIMESTAMP NOT NULL, -- UTC
    status VARCHAR NOT NULL,
    utilization DOUBLE, -- 0..1
    temperature_c DOUBLE,
    power_w DOUBLE,
    memory_used_bytes BIGINT,
    provenance VARCHAR NOT NULL
);
