-- Rises when a webhook is turned on, gets another address or another secret: what failed before says nothing any more.

ALTER TABLE webhook_endpoint ADD COLUMN renewal INTEGER NOT NULL DEFAULT 0;
