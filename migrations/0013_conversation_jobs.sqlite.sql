-- The open jobs of one conversation are found among its business's without a look at the others' rows.

DROP INDEX raw_update_open;
CREATE INDEX raw_update_open ON raw_update (business_id, id, conversation_id) WHERE state = 'open';
