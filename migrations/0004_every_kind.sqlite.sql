-- Everything that Telegram tells beside new texts: files, edits, deletions, reactions, polls, migrated groups, business accounts.

ALTER TABLE message ADD COLUMN album_id TEXT;
ALTER TABLE message ADD COLUMN poll_id TEXT;
ALTER TABLE message ADD COLUMN edited_at INTEGER;
ALTER TABLE message ADD COLUMN deleted_at INTEGER;

-- A group that became a supergroup: its conversations belong to the successor, and this row still tells its own message numbers apart.
ALTER TABLE chat ADD COLUMN successor_id INTEGER REFERENCES chat (id);
-- When the bot's place in the chat was told last (Telegram's time): of two tellings the later holds, in whichever order they come.
ALTER TABLE chat ADD COLUMN membership_at INTEGER;
CREATE INDEX chat_successor ON chat (successor_id) WHERE successor_id IS NOT NULL;

CREATE TABLE attachment (
    message_id INTEGER NOT NULL REFERENCES message (id),
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    file_id TEXT NOT NULL,
    file_unique_id TEXT NOT NULL,
    name TEXT,
    mime TEXT,
    size INTEGER,
    details TEXT,
    PRIMARY KEY (message_id, position)
) STRICT, WITHOUT ROWID;

-- What a message was before it was edited; the message itself is as it is now. `edited_at` NULL is how it was written first.
CREATE TABLE message_version (
    message_id INTEGER NOT NULL REFERENCES message (id),
    number INTEGER NOT NULL,
    kind TEXT NOT NULL,
    text TEXT,
    extra TEXT,
    attachments TEXT,
    edited_at INTEGER,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (message_id, number)
) STRICT, WITHOUT ROWID;

-- By Telegram's number and not by the message: Telegram promises no order, so a reaction may come before what it is about.
-- actor_id 0 are the totals of a chat where reactions are anonymous.
CREATE TABLE reaction (
    chat_id INTEGER NOT NULL REFERENCES chat (id),
    telegram_message_id INTEGER NOT NULL,
    actor_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    actor_role TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    count INTEGER NOT NULL,
    reacted_at INTEGER NOT NULL,
    PRIMARY KEY (chat_id, telegram_message_id, actor_id, position)
) STRICT;

-- Polls and votes, joined to their message by Telegram's id of the poll; they may come before it.
CREATE TABLE poll (
    bot_id INTEGER NOT NULL REFERENCES bot (id),
    poll_id TEXT NOT NULL,
    state TEXT NOT NULL,
    is_closed INTEGER NOT NULL CHECK (is_closed IN (0, 1)),
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (bot_id, poll_id)
) STRICT;

CREATE TABLE poll_answer (
    bot_id INTEGER NOT NULL REFERENCES bot (id),
    poll_id TEXT NOT NULL,
    voter_id INTEGER NOT NULL,
    voter_name TEXT NOT NULL,
    options TEXT NOT NULL,
    answered_at INTEGER NOT NULL,
    PRIMARY KEY (bot_id, poll_id, voter_id)
) STRICT;

-- Accounts that a bot may act for. A connection that is named by a message before Telegram told of it is `wanted`: it is asked for
-- beside the intake, and until then nobody knows who of the two in a chat is the owner.
CREATE TABLE business_connection (
    bot_id INTEGER NOT NULL REFERENCES bot (id),
    connection_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('wanted', 'known', 'gone')),
    owner_id INTEGER,
    owner_name TEXT,
    user_chat_id INTEGER,
    is_enabled INTEGER NOT NULL DEFAULT 0 CHECK (is_enabled IN (0, 1)),
    rights TEXT,
    connected_at INTEGER,
    updated_at INTEGER NOT NULL,
    ask_at INTEGER,
    tries INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (bot_id, connection_id),
    CHECK (state <> 'known' OR owner_id IS NOT NULL)
) STRICT;
CREATE INDEX business_connection_wanted ON business_connection (ask_at) WHERE state = 'wanted';

CREATE TABLE managed_bot (
    bot_id INTEGER NOT NULL REFERENCES bot (id),
    telegram_id INTEGER NOT NULL,
    owner_id INTEGER NOT NULL,
    owner_name TEXT NOT NULL,
    username TEXT NOT NULL,
    name TEXT NOT NULL,
    told_at INTEGER NOT NULL,
    PRIMARY KEY (bot_id, telegram_id)
) STRICT;

-- What customers did outside any conversation. The id is that of the update.
CREATE TABLE customer_event (
    id INTEGER PRIMARY KEY,
    business_id INTEGER NOT NULL REFERENCES business (id),
    bot_id INTEGER NOT NULL REFERENCES bot (id),
    customer_id INTEGER REFERENCES customer (id),
    kind TEXT NOT NULL,
    text TEXT,
    details TEXT NOT NULL,
    received_at INTEGER NOT NULL
) STRICT;
CREATE INDEX customer_event_business ON customer_event (business_id, id);
CREATE INDEX customer_event_customer ON customer_event (customer_id) WHERE customer_id IS NOT NULL;
CREATE INDEX customer_event_bot ON customer_event (bot_id);
