-- The history of a conversation is kept in a table of its own, in which many messages of a conversation are entered at once.
-- As an index of `message` it dirtied a page for every message: measured, the dearest part of taking an update in.

CREATE TABLE history (
    conversation_id INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, message_id)
) STRICT, WITHOUT ROWID;
INSERT INTO history (conversation_id, message_id) SELECT conversation_id, id FROM message ORDER BY conversation_id, id;
DROP INDEX message_history;

-- Messages that came so fast that they are not entered yet; a history is what both tables have. Small: emptied about every second,
-- and after a crash at the next start. Their conversations' last_message_id is brought up to date with them.
CREATE TABLE history_tail (
    message_id INTEGER PRIMARY KEY,
    conversation_id INTEGER NOT NULL
) STRICT;
