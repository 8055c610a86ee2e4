-- Pipelines at work: open jobs by business, what was done with each, and late answers to queries.

CREATE INDEX raw_update_open ON raw_update (business_id, id) WHERE state = 'open';

-- When a query that no step had answered got an empty answer.
ALTER TABLE raw_update ADD COLUMN answered_at INTEGER;

-- What a pipeline did with an update; goes with the update's body.
CREATE TABLE pipeline_run (
    update_id INTEGER NOT NULL PRIMARY KEY,
    business_id INTEGER NOT NULL REFERENCES business (id),
    conversation_id INTEGER,
    decided_at INTEGER NOT NULL,
    result TEXT NOT NULL CHECK (result IN ('ran', 'not_started', 'staff_answer', 'failed')),
    pipeline INTEGER,
    details TEXT NOT NULL
) STRICT;
CREATE INDEX pipeline_run_business ON pipeline_run (business_id, update_id);
