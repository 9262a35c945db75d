-- How many frames went into a worker's model at once; NULL: from before it was kept, and not fixed by an option.
ALTER TABLE devices ADD COLUMN batch_size INTEGER;
UPDATE devices SET batch_size = TRY_CAST(nullif(regexp_extract(settled_id, '[?&]batch=([0-9]+)', 1), '') AS INTEGER);
