import GRDB
import Gateway

/// Moves the conversations of a group to the supergroup that it has become, whoever tells of it first: an update, or the refusal of a call.
///
/// The group's row stays: its messages are numbered anew in the supergroup, so both rows tell their numbers apart. Rare, so its statements
/// are prepared when they are needed. What remembers where conversations are must forget it afterwards, see `Places.forgetAll`.
struct ChatMigration {
    private let connection: OpaquePointer

    init(_ connection: OpaquePointer) { self.connection = connection }

    /// Moves all conversations to the chat with that id of Telegram's, which may be new.
    func move(_ group: Int64, toChat telegramID: Int64) throws {
        let supergroup = try HotStatement(
            connection,
            """
            INSERT INTO chat (bot_id, space, telegram_chat_id, kind, title)
            SELECT bot_id, space, ?2, 'supergroup', title FROM chat WHERE id = ?1
            ON CONFLICT (bot_id, space, telegram_chat_id) DO UPDATE SET kind = 'supergroup'
            RETURNING id
            """
        ).first(.int(group), .int(telegramID)) { $0.int64(0) }
        guard let supergroup else { throw StoreError.damaged("a chat was not written") }
        try move(group, to: supergroup)
    }

    /// Moves all conversations; one that the supergroup has already of the same topic joins the group's.
    func move(_ group: Int64, to supergroup: Int64) throws {
        guard group != supergroup else { return }
        try HotStatement(connection, "UPDATE chat SET successor_id = ?2 WHERE id = ?1 OR successor_id = ?1")
            .run(.int(group), .int(supergroup))
        let moving = try HotStatement(connection, "SELECT id, thread FROM conversation WHERE chat_id = ?1")
            .all(.int(group)) { (id: $0.int64(0), thread: $0.int64(1)) }
        let find = try HotStatement(connection, "SELECT id FROM conversation WHERE chat_id = ?1 AND thread = ?2")
        for conversation in moving {
            let other = try find.first(.int(supergroup), .int(conversation.thread)) { $0.int64(0) }
            if let other { try join(other, into: conversation.id) }
            try HotStatement(connection, "UPDATE conversation SET chat_id = ?2 WHERE id = ?1")
                .run(.int(conversation.id), .int(supergroup))
        }
    }

    private func join(_ other: Int64, into conversation: Int64) throws {
        let messages = """
            (SELECT message_id FROM history WHERE conversation_id = ?1
            UNION SELECT message_id FROM history_tail WHERE conversation_id = ?1)
            """
        for sql in [
            "UPDATE message SET conversation_id = ?2 WHERE id IN \(messages)",
            "UPDATE raw_update SET conversation_id = ?2 WHERE id IN \(messages)",
            // Jobs of edits and of payments, which are in no history.
            """
            UPDATE raw_update SET conversation_id = ?2
            WHERE business_id = (SELECT business_id FROM conversation WHERE id = ?1) AND state = 'open' AND conversation_id = ?1
            """,
            // People keep what they have taken over, and what was noted stays known.
            """
            UPDATE conversation SET handled_by = 'people', release_at = other.release_at, assignee = coalesce(assignee, other.by)
            FROM (SELECT handled_by, release_at, assignee AS by FROM conversation WHERE id = ?1) other
            WHERE id = ?2 AND conversation.handled_by = 'pipeline' AND other.handled_by = 'people'
            """,
            "UPDATE OR IGNORE label SET conversation_id = ?2 WHERE conversation_id = ?1",
            "UPDATE OR IGNORE attribute SET conversation_id = ?2 WHERE conversation_id = ?1",
            "INSERT INTO history (conversation_id, message_id) SELECT ?2, message_id FROM history WHERE conversation_id = ?1",
            "DELETE FROM history WHERE conversation_id = ?1 AND ?2 IS NOT NULL",
            "UPDATE history_tail SET conversation_id = ?2 WHERE conversation_id = ?1",
            """
            UPDATE conversation SET last_message_id = other.last_message_id, last_message_at = other.last_message_at
            FROM (SELECT last_message_id, last_message_at FROM conversation WHERE id = ?1) other
            WHERE id = ?2 AND other.last_message_id > conversation.last_message_id
            """,
            "UPDATE outbox SET conversation_id = ?2 WHERE conversation_id = ?1",
            "UPDATE delivery SET conversation_id = ?2 WHERE conversation_id = ?1",
            "UPDATE dead_letter SET conversation_id = ?2 WHERE conversation_id = ?1",
            // The emptied row stays, out of every list and out of the way: to delete it, SQLite would look for messages that still
            // refer to it, all of them, since nothing finds them by their conversation but the histories.
            "UPDATE conversation SET thread = -id, last_message_id = 0, last_message_at = NULL WHERE id = ?1 AND ?2 IS NOT NULL",
        ] {
            try HotStatement(connection, sql).run(.int(other), .int(conversation))
        }
    }
}
