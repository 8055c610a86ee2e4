-- Pipelines with their versions, and what they note about conversations: labels, attributes, who takes care, when people give back.

CREATE TABLE pipeline_version (
    business_id INTEGER NOT NULL REFERENCES business (id),
    number INTEGER NOT NULL CHECK (number > 0),
    text TEXT NOT NULL CHECK (length(CAST(text AS BLOB)) BETWEEN 1 AND 262144),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (business_id, number)
) STRICT;

-- The version in force; a business without a row has none.
CREATE TABLE active_pipeline (
    business_id INTEGER NOT NULL PRIMARY KEY REFERENCES business (id),
    number INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    FOREIGN KEY (business_id, number) REFERENCES pipeline_version (business_id, number)
) STRICT;

-- A running server reads pipelines anew with its registry.
CREATE TRIGGER registry_pipeline_added AFTER INSERT ON active_pipeline BEGIN
    UPDATE registry_version SET version = version + 1;
END;
CREATE TRIGGER registry_pipeline_changed AFTER UPDATE ON active_pipeline BEGIN
    UPDATE registry_version SET version = version + 1;
END;
CREATE TRIGGER registry_pipeline_deleted AFTER DELETE ON active_pipeline BEGIN
    UPDATE registry_version SET version = version + 1;
END;

ALTER TABLE conversation ADD COLUMN assignee TEXT;
-- When people give the conversation back by themselves; NULL for not before they are told to.
ALTER TABLE conversation ADD COLUMN release_at INTEGER;
CREATE INDEX conversation_release ON conversation (release_at) WHERE release_at IS NOT NULL;

CREATE TABLE label (
    conversation_id INTEGER NOT NULL REFERENCES conversation (id),
    name TEXT NOT NULL,
    business_id INTEGER NOT NULL REFERENCES business (id),
    added_at INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, name)
) STRICT;
CREATE INDEX label_business ON label (business_id, name, conversation_id);

-- What is known about a conversation, or about a customer in all conversations.
CREATE TABLE attribute (
    id INTEGER PRIMARY KEY,
    business_id INTEGER NOT NULL REFERENCES business (id),
    conversation_id INTEGER REFERENCES conversation (id),
    customer_id INTEGER REFERENCES customer (id),
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    set_at INTEGER NOT NULL,
    CHECK ((conversation_id IS NULL) <> (customer_id IS NULL))
) STRICT;
CREATE UNIQUE INDEX attribute_conversation ON attribute (conversation_id, name) WHERE conversation_id IS NOT NULL;
CREATE UNIQUE INDEX attribute_customer ON attribute (customer_id, name) WHERE customer_id IS NOT NULL;
CREATE INDEX attribute_business ON attribute (business_id, name);
