-- The life of a bot: what Telegram last accepted as its webhook, when to look again, and businesses that are being erased.

-- Set when the erasure begins, gone with the row at its end: an erasure that was interrupted is taken up again.
ALTER TABLE business ADD COLUMN removing_at INTEGER;
CREATE TRIGGER registry_business_removing AFTER UPDATE OF removing_at ON business BEGIN
    UPDATE registry_version SET version = version + 1;
END;

-- 0: its webhook was deleted on purpose, and nobody sets it again before told so.
ALTER TABLE bot ADD COLUMN wants_webhook INTEGER NOT NULL DEFAULT 1 CHECK (wants_webhook IN (0, 1));
-- The webhook that Telegram accepted from us last, with the versions of token and secret that it was set with. Telegram keeps
-- a webhook with the token and never tells the secret: only these say whether it has the present one.
ALTER TABLE bot ADD COLUMN accepted_url TEXT;
ALTER TABLE bot ADD COLUMN accepted_shape TEXT;
ALTER TABLE bot ADD COLUMN accepted_token_version INTEGER;
ALTER TABLE bot ADD COLUMN accepted_secret_version INTEGER;
-- Tries in a row that failed, and when Telegram is asked next.
ALTER TABLE bot ADD COLUMN webhook_failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE bot ADD COLUMN webhook_look_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX bot_webhook_look ON bot (webhook_look_at) WHERE state <> 'removed' AND wants_webhook = 1;
