-- What a run's rows said when they were saved. Runs from before have none.
CREATE TABLE row_checksums (
    run_id VARCHAR NOT NULL,
    of_table VARCHAR NOT NULL,
    columns VARCHAR NOT NULL, -- those that the checksum is of, in this order
    checksum VARCHAR NOT NULL -- MD5 of the rows as text
);
