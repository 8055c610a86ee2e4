-- Whether the pipeline in force calls a webhook: what waits for one that it does not call any more is told to nobody. And which conversations
-- have an answer that is not acted on yet, for those that are held until then.

ALTER TABLE webhook_endpoint ADD COLUMN in_force INTEGER NOT NULL DEFAULT 1 CHECK (in_force IN (0, 1));
CREATE INDEX delivery_unacted ON delivery (conversation_id) WHERE late_answer IS NOT NULL;
