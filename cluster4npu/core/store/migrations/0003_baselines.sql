-- Runs that a person has named as the past with which new ones are compared. Marks are only added.
CREATE TABLE baselines (run_id VARCHAR NOT NULL, marked_at TIMESTAMP NOT NULL); -- UTC
