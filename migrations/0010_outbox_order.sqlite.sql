-- What the outbox must know of its calls: in which chat the messages that they name have their numbers, and what was sent on from where.

-- The message of ours that this one forwards or copies; it may be erased since.
ALTER TABLE message ADD COLUMN source_id INTEGER;
-- The chat row in which the messages that a call names (to answer, edit, delete or react to) have their numbers; NULL if it names none.
-- When the conversation has another chat by the time of the call, the numbers mean other messages.
ALTER TABLE outbox ADD COLUMN numbered_in INTEGER;
ALTER TABLE dead_letter ADD COLUMN numbered_in INTEGER;
-- Answers to callbacks and checkouts go beside the order of their conversations, so they are found beside it.
CREATE INDEX outbox_aside ON outbox (bot_id, id) WHERE method IN ('answerCallbackQuery', 'answerPreCheckoutQuery');
