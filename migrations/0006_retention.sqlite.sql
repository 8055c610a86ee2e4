-- How long a business's raw updates keep their bodies; histories are whole without them.

ALTER TABLE business ADD COLUMN raw_retention_days INTEGER NOT NULL DEFAULT 7 CHECK (raw_retention_days BETWEEN 0 AND 365);

-- Updates whose bodies are kept longer than a week have given up their numbers by then, and no other index has them: so that the erasure of a
-- business finds them.
CREATE INDEX raw_update_numberless ON raw_update (business_id, id)
WHERE update_id IS NULL AND digest IS NULL AND mark IS NULL;
