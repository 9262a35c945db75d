-- A file that was laid out anew is the same file. NULL: imported before this was kept.
ALTER TABLE imports ADD COLUMN content_sha256 VARCHAR; -- of the JSON, without its spaces and the order of its names
