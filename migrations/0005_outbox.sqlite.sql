-- The outbox: calls that are to be made for businesses, so that what was asked for is made though the server dies meanwhile.

-- Whether a call that was written and not answered is tried once more (it may make a second message) or kept as it is.
ALTER TABLE business ADD COLUMN on_unknown TEXT NOT NULL DEFAULT 'retry' CHECK (on_unknown IN ('retry', 'keep'));
-- Why it failed, or why nobody knows; no part of the text.
ALTER TABLE message ADD COLUMN error TEXT;

-- A row is here until it is settled: then the message tells the rest. `parameters` is a JSON object without chat, connection and topic,
-- which are those of the conversation when the call is made. `first_message_id` is the first of `messages` rows of ours, in a row.
-- `sending` is written before the call is: found at a start, nobody knows whether it was made.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    business_id INTEGER NOT NULL REFERENCES business (id),
    bot_id INTEGER NOT NULL REFERENCES bot (id),
    conversation_id INTEGER NOT NULL REFERENCES conversation (id),
    method TEXT NOT NULL,
    parameters TEXT NOT NULL,
    messages INTEGER NOT NULL CHECK (messages >= 0),
    first_message_id INTEGER,
    priority INTEGER NOT NULL CHECK (priority IN (0, 1)),
    state TEXT NOT NULL CHECK (state IN ('queued', 'sending')),
    attempts INTEGER NOT NULL DEFAULT 0,
    unknowns INTEGER NOT NULL DEFAULT 0,
    migrated INTEGER NOT NULL DEFAULT 0 CHECK (migrated IN (0, 1)),
    not_before INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    created_at INTEGER NOT NULL,
    CHECK ((messages = 0) = (first_message_id IS NULL))
) STRICT;
-- In these a window of a bot's conversations is found by seeks, however many rows wait.
CREATE INDEX outbox_turns ON outbox (bot_id, priority, conversation_id);
CREATE INDEX outbox_conversation ON outbox (conversation_id);
-- Only what is out now, and at a start what was out when the server died.
CREATE INDEX outbox_sending ON outbox (id) WHERE state = 'sending';

-- What will not be tried again by itself, with its own copy of the call.
CREATE TABLE dead_letter (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    business_id INTEGER NOT NULL REFERENCES business (id),
    bot_id INTEGER NOT NULL REFERENCES bot (id),
    conversation_id INTEGER NOT NULL REFERENCES conversation (id),
    method TEXT NOT NULL,
    parameters TEXT NOT NULL,
    messages INTEGER NOT NULL,
    first_message_id INTEGER,
    priority INTEGER NOT NULL,
    cause TEXT NOT NULL CHECK (cause IN ('failed', 'blocked', 'unknown', 'partial', 'given_up')),
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    died_at INTEGER NOT NULL
) STRICT;
CREATE INDEX dead_letter_business ON dead_letter (business_id, id);
CREATE INDEX dead_letter_conversation ON dead_letter (conversation_id);

-- What was asked for under a key of the caller's, so that asking again gives the same and sends nothing.
CREATE TABLE idempotency (
    business_id INTEGER NOT NULL REFERENCES business (id),
    key TEXT NOT NULL,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    first_outbox_id INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    first_message_id INTEGER,
    messages INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (business_id, key)
) STRICT;
CREATE INDEX idempotency_age ON idempotency (created_at);

-- What the sender keeps in memory of bots: it reads them anew when the version rises.
CREATE TRIGGER registry_bot_sends AFTER UPDATE OF health, token_version ON bot
WHEN old.health <> new.health OR old.token_version <> new.token_version BEGIN
    UPDATE registry_version SET version = version + 1;
END;
