-- Whether a device left the model to the processor, and why it was given up. NULL: the unit is unknown; from before it was kept.
ALTER TABLE devices ADD COLUMN fell_back BOOLEAN;
ALTER TABLE devices ADD COLUMN failed VARCHAR; -- '': it was not
UPDATE devices SET fell_back =
    regexp_replace(unit, '^simulated ', '') = 'cpu'
    AND NOT list_contains(string_split(lower(regexp_extract(id, '^[^:]*:([^?#]*)', 1)), ':'), 'cpu')
WHERE unit NOT IN ('', 'unknown');
