-- What imported files say of training, browsers and what runs where: rows of an import, not of a run; and what runs showed.
ALTER TABLE training_results ALTER COLUMN run_id DROP NOT NULL;
ALTER TABLE training_results ALTER COLUMN batch_size DROP NOT NULL; -- NULL: not said
ALTER TABLE training_results ADD COLUMN import_sha256 VARCHAR; -- the file; NULL: of a run
ALTER TABLE training_results ADD COLUMN model VARCHAR DEFAULT ''; -- as the file says
ALTER TABLE browser_results ALTER COLUMN run_id DROP NOT NULL;
ALTER TABLE browser_results ALTER COLUMN batch_size DROP NOT NULL;
ALTER TABLE browser_results ADD COLUMN import_sha256 VARCHAR;
ALTER TABLE browser_results ADD COLUMN model VARCHAR DEFAULT '';
ALTER TABLE compatibility ALTER COLUMN model_sha256 DROP NOT NULL; -- NULL: a file said it, which knows the model's name only
ALTER TABLE compatibility ALTER COLUMN host_id DROP NOT NULL;
ALTER TABLE compatibility ADD COLUMN import_sha256 VARCHAR;
ALTER TABLE compatibility ADD COLUMN model VARCHAR DEFAULT '';
