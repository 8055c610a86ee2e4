-- Rises when a webhook is turned on, gets another address or another secret: what failed before says nothing any more.

ALTER TABLE webhook_endpoint ADD COLUMN renewal INTEGER NOT NULL DEFAULT 0;

-- Late answers are passed over by business and conversation without a look at their rows.
DROP INDEX delivery_late;
CREATE INDEX delivery_late ON delivery (id, business_id, conversation_id) WHERE late_answer IS NOT NULL;
