-- How long a business's raw updates keep their bodies; histories are whole without them.

ALTER TABLE business ADD COLUMN raw_retention_days INTEGER NOT NULL DEFAULT 7 CHECK (raw_retention_days BETWEEN 0 AND 365);
