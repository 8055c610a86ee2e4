-- Handler webhooks: what a pipeline's steps call by their names, with what signs the calls, and every event with its tries.

CREATE TABLE webhook_endpoint (
    id INTEGER PRIMARY KEY,
    business_id INTEGER NOT NULL REFERENCES business (id),
    step TEXT NOT NULL CHECK (length(step) BETWEEN 1 AND 80),
    -- As the pipeline says; later tries go where it says then.
    url TEXT NOT NULL CHECK (length(url) BETWEEN 1 AND 2048),
    secret_sealed BLOB,
    secret_key_id TEXT,
    -- Rises with each new secret.
    secret_version INTEGER NOT NULL DEFAULT 0,
    -- Signs beside the present one until then.
    previous_sealed BLOB,
    previous_key_id TEXT,
    previous_version INTEGER,
    previous_until INTEGER,
    state TEXT NOT NULL DEFAULT 'on' CHECK (state IN ('on', 'off')),
    off_reason TEXT,
    -- Since when every try has failed; NULL while the last one did not.
    failing_since INTEGER,
    failed_at INTEGER NOT NULL DEFAULT 0,
    -- When the first of its waiting deliveries is due.
    next_at INTEGER,
    created_at INTEGER NOT NULL,
    UNIQUE (business_id, step),
    CHECK ((secret_sealed IS NULL) = (secret_key_id IS NULL) AND (secret_sealed IS NULL) = (secret_version = 0)),
    CHECK ((previous_sealed IS NULL) = (previous_until IS NULL))
) STRICT;
CREATE INDEX webhook_endpoint_due ON webhook_endpoint (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE delivery (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    business_id INTEGER NOT NULL REFERENCES business (id),
    endpoint_id INTEGER NOT NULL REFERENCES webhook_endpoint (id),
    conversation_id INTEGER REFERENCES conversation (id),
    -- The message that it is about, by its number; it may be gone.
    message_id INTEGER,
    -- What the handler knows the event by: the same at every try.
    event_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    body BLOB NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('answer', 'notify')),
    timeout_seconds INTEGER NOT NULL CHECK (timeout_seconds BETWEEN 1 AND 30),
    -- Until when the conversation waits for it; NULL if it does not.
    hold_until INTEGER,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'done', 'failed', 'dropped')),
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER,
    -- The status of the last answer; NULL where there was none.
    status INTEGER,
    -- Why the last try failed, or why its answer was refused.
    problem TEXT,
    -- The beginning of the last answer, for people.
    answer BLOB CHECK (length(answer) <= 20000),
    -- An answer that came behind its job, whole, until its actions are done.
    late_answer BLOB,
    created_at INTEGER NOT NULL,
    tried_at INTEGER,
    settled_at INTEGER,
    CHECK ((state = 'waiting') = (next_at IS NOT NULL)),
    CHECK ((state = 'waiting') = (settled_at IS NULL))
) STRICT;
CREATE INDEX delivery_due ON delivery (endpoint_id, next_at, id) WHERE state = 'waiting';
CREATE INDEX delivery_business ON delivery (business_id, id);
CREATE INDEX delivery_failed ON delivery (business_id, id) WHERE state = 'failed';
CREATE INDEX delivery_conversation ON delivery (conversation_id, id);
CREATE INDEX delivery_held ON delivery (conversation_id, hold_until) WHERE state = 'waiting' AND hold_until IS NOT NULL;
CREATE INDEX delivery_late ON delivery (id) WHERE late_answer IS NOT NULL;
CREATE INDEX delivery_settled ON delivery (state, settled_at);
