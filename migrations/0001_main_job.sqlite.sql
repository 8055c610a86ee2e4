-- The main job: businesses and their bots, what customers write, and the history of it.
-- Times are Unix milliseconds, but where a name says otherwise. Ids that callers see are never used again (AUTOINCREMENT, arrival).

CREATE TABLE setting (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Sealed value that opens with the right master key alone: a wrong key is told before anything else is touched.
CREATE TABLE key_check (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    sealed BLOB NOT NULL,
    key_id TEXT NOT NULL
) STRICT;

-- The next number in the order of arrival: of raw updates and of messages alike. It runs through the whole server, rises in commit order
-- and is never given twice.
CREATE TABLE arrival (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    next INTEGER NOT NULL CHECK (next > 0)
) STRICT;
INSERT INTO arrival (one, next) VALUES (1, 1);

-- The version of what a running server keeps in memory of businesses and bots: the triggers below raise it.
CREATE TABLE registry_version (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL
) STRICT;
INSERT INTO registry_version (one, version) VALUES (1, 1);

CREATE TABLE business (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    slug TEXT NOT NULL UNIQUE CHECK (length(slug) BETWEEN 1 AND 40),
    name TEXT NOT NULL CHECK (length(name) > 0),
    state TEXT NOT NULL CHECK (state IN ('active', 'suspended')),
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE bot (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    business_id INTEGER NOT NULL REFERENCES business (id),
    telegram_id INTEGER NOT NULL,
    username TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'paused', 'removed')),
    health TEXT NOT NULL CHECK (health IN ('ok', 'unverified', 'token_revoked', 'webhook_failed')),
    health_detail TEXT,
    health_at INTEGER,
    hook TEXT NOT NULL UNIQUE CHECK (length(hook) >= 22),
    token_sealed BLOB,
    token_key_id TEXT,
    token_version INTEGER NOT NULL CHECK (token_version > 0),
    secret_sealed BLOB NOT NULL,
    secret_key_id TEXT NOT NULL,
    secret_version INTEGER NOT NULL CHECK (secret_version > 0),
    secret_digest BLOB NOT NULL CHECK (length(secret_digest) = 32),
    previous_secret_digest BLOB CHECK (length(previous_secret_digest) = 32),
    previous_secret_until INTEGER,
    known_webhook_url TEXT,
    known_webhook_pending INTEGER,
    known_webhook_at INTEGER,
    created_at INTEGER NOT NULL,
    CHECK ((token_sealed IS NULL) = (token_key_id IS NULL)),
    CHECK ((previous_secret_digest IS NULL) = (previous_secret_until IS NULL))
) STRICT;
CREATE UNIQUE INDEX bot_telegram_id ON bot (telegram_id) WHERE state <> 'removed';
CREATE INDEX bot_business ON bot (business_id);
CREATE INDEX bot_username ON bot (username COLLATE NOCASE);

CREATE TRIGGER registry_business_state AFTER UPDATE OF state ON business BEGIN
    UPDATE registry_version SET version = version + 1;
END;
CREATE TRIGGER registry_bot_added AFTER INSERT ON bot BEGIN
    UPDATE registry_version SET version = version + 1;
END;
CREATE TRIGGER registry_bot_changed
AFTER UPDATE OF business_id, state, hook, secret_digest, previous_secret_digest, previous_secret_until ON bot BEGIN
    UPDATE registry_version SET version = version + 1;
END;
CREATE TRIGGER registry_bot_deleted AFTER DELETE ON bot BEGIN
    UPDATE registry_version SET version = version + 1;
END;

CREATE TABLE customer (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    business_id INTEGER NOT NULL REFERENCES business (id),
    telegram_user_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    username TEXT,
    language TEXT,
    created_at INTEGER NOT NULL,
    UNIQUE (business_id, telegram_user_id)
) STRICT;

-- One chat as one bot sees it. `space` keeps apart chats that share an id: direct, business:<connection>, guest.
CREATE TABLE chat (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    bot_id INTEGER NOT NULL REFERENCES bot (id),
    space TEXT NOT NULL,
    telegram_chat_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    UNIQUE (bot_id, space, telegram_chat_id)
) STRICT;

-- thread 0 is none: NULLs would never collide in the UNIQUE key.
CREATE TABLE conversation (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    business_id INTEGER NOT NULL REFERENCES business (id),
    bot_id INTEGER NOT NULL REFERENCES bot (id),
    chat_id INTEGER NOT NULL REFERENCES chat (id),
    thread INTEGER NOT NULL DEFAULT 0,
    customer_id INTEGER REFERENCES customer (id),
    status TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'pending', 'closed')),
    handled_by TEXT NOT NULL DEFAULT 'pipeline' CHECK (handled_by IN ('pipeline', 'people')),
    blocked INTEGER NOT NULL DEFAULT 0 CHECK (blocked IN (0, 1)),
    last_message_id INTEGER NOT NULL DEFAULT 0,
    last_message_at INTEGER,
    created_at INTEGER NOT NULL,
    UNIQUE (chat_id, thread)
) STRICT;
CREATE INDEX conversation_inbox ON conversation (business_id, last_message_id);
CREATE INDEX conversation_bot ON conversation (bot_id);
CREATE INDEX conversation_customer ON conversation (customer_id) WHERE customer_id IS NOT NULL;

-- The id is the number of arrival, so that messages are appended. Clustered by conversation instead, a page of history would lie together
-- on the disk, but every message would dirty a page of its own: measured, that halves what can be taken in.
CREATE TABLE message (
    id INTEGER PRIMARY KEY,
    conversation_id INTEGER NOT NULL REFERENCES conversation (id),
    chat_id INTEGER NOT NULL,
    telegram_message_id INTEGER,
    direction TEXT NOT NULL CHECK (direction IN ('in', 'out')),
    sender_role TEXT NOT NULL CHECK (sender_role IN ('customer', 'owner', 'bot', 'agent', 'system', 'unknown')),
    sender_id INTEGER,
    sender_name TEXT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT,
    extra TEXT,
    reply_to INTEGER,
    sent_at INTEGER,
    received_at INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('received', 'queued', 'sending', 'sent', 'failed', 'unknown'))
) STRICT;
CREATE INDEX message_history ON message (conversation_id, id);
-- Telegram numbers all private chats of a bot in one row: with the number first, what arrives together lies together.
CREATE UNIQUE INDEX message_telegram_id ON message (telegram_message_id, chat_id) WHERE telegram_message_id IS NOT NULL;

-- The two hot tables refer to one parent each: the bot's row has the business, the conversation's row the chat.
--
-- What Telegram delivered, as it came: the key that tells a repetition, and the job, in one row. A message that it brought has the same id.
-- update_id is NULL where the body cannot be read, and where its number was taken by another update (then claimed_update_id has it).
CREATE TABLE raw_update (
    id INTEGER PRIMARY KEY,
    business_id INTEGER NOT NULL,
    bot_id INTEGER NOT NULL REFERENCES bot (id),
    update_id INTEGER,
    claimed_update_id INTEGER,
    kind TEXT NOT NULL,
    telegram_chat_id INTEGER,
    telegram_message_id INTEGER,
    conversation_id INTEGER,
    received_at INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'done')),
    mark TEXT CHECK (mark IN ('unreadable', 'unknown_kind', 'kept_raw', 'conflict', 'failed')),
    mark_detail TEXT,
    digest BLOB CHECK (length(digest) = 32),
    body BLOB
) STRICT;
CREATE UNIQUE INDEX raw_update_number ON raw_update (bot_id, update_id) WHERE update_id IS NOT NULL;
CREATE UNIQUE INDEX raw_update_digest ON raw_update (bot_id, digest) WHERE digest IS NOT NULL;
CREATE INDEX raw_update_marked ON raw_update (business_id, id) WHERE mark IS NOT NULL;
CREATE INDEX raw_update_marked_all ON raw_update (id) WHERE mark IS NOT NULL;
