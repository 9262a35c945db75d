-- Benchmark results of other tools. One row of `imports` per file that was read, known by its content.
CREATE TABLE imports (
    sha256 VARCHAR NOT NULL, -- of the file's bytes: a second import of them adds nothing
    file_name VARCHAR NOT NULL, -- without its folder
    bytes BIGINT NOT NULL,
    imported_at TIMESTAMP NOT NULL, -- UTC
    importer_version INTEGER NOT NULL,
    shape VARCHAR NOT NULL, -- where in the file most records stand; # for numbers, NAME for models and devices
    numbers BIGINT NOT NULL, -- in the file
    measurements BIGINT NOT NULL, -- rows of imported_measurements with a value
    failures BIGINT NOT NULL,
    skipped JSON NOT NULL, -- reason: number of numbers
    unknown_fields JSON NOT NULL, -- name: number of numbers that could not be told
    notes JSON NOT NULL,
    checksum VARCHAR NOT NULL -- BLAKE2b of the rows in order
);

CREATE TABLE imported_measurements (
    sha256 VARCHAR NOT NULL, -- the file
    position BIGINT NOT NULL, -- of the row, from 0
    path VARCHAR NOT NULL, -- where in the file
    model VARCHAR NOT NULL, -- unknown: the file does not say
    device VARCHAR NOT NULL, -- as the file says, which need not be what ran
    batch_size BIGINT,
    sequence_length BIGINT,
    precision VARCHAR NOT NULL,
    variant VARCHAR NOT NULL, -- enclosing names that are none of the above
    recorded_at VARCHAR NOT NULL, -- as the file says
    metric VARCHAR NOT NULL, -- latency, throughput, memory ...; failure: no value
    statistic VARCHAR NOT NULL, -- value, mean, p50, p95, min, sample ...
    sample BIGINT, -- of a sample in its list, from 0
    value DOUBLE,
    unit VARCHAR NOT NULL, -- times ms, sizes MB, rates per s
    source_value DOUBLE,
    source_unit VARCHAR NOT NULL,
    unit_rule VARCHAR NOT NULL, -- how the source's unit was found
    provenance VARCHAR NOT NULL, -- imported, simulated, formula
    status VARCHAR NOT NULL, -- ok, failed, incompatible, skipped
    error VARCHAR NOT NULL,
    scope VARCHAR NOT NULL, -- figure, sample, summary, text, failure
    record_digest VARCHAR NOT NULL -- equal for copies of a record in several files
);
