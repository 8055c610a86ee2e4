import Foundation
import GRDB
import Gateway

extension SQLiteStore: Transcript {
    static let messageColumns = """
        message.id, message.conversation_id, message.direction, message.sender_role, message.sender_id, message.sender_name,
        message.kind, message.text, message.extra, message.telegram_message_id, message.reply_to, message.sent_at,
        message.received_at, message.state, message.album_id, message.edited_at, message.deleted_at,
        message.error
        """

    private static let conversationColumns = """
        c.id AS c_id, c.bot_id AS c_bot, chat.space, chat.telegram_chat_id, c.thread, chat.kind AS chat_kind,
        chat.title, c.customer_id, c.status, c.handled_by, c.assignee, c.blocked, c.last_message_at, c.last_message_id
        """

    /// See `Transcript`.
    public func conversations(
        of business: BusinessID,
        matching filter: ConversationFilter,
        page: Page
    ) async throws -> Slice<Conversation> {
        let key = Self.key(page)
        return try await read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT \(Self.conversationColumns), \(Self.messageColumns)
                    FROM conversation c
                    JOIN chat ON chat.id = c.chat_id
                    LEFT JOIN message ON message.conversation_id = c.id AND message.id = c.last_message_id
                    WHERE c.business_id = ?1 AND c.last_message_id > 0 AND c.last_message_id \(key.comparison) ?2
                        AND (?3 IS NULL OR c.bot_id = ?3) AND (?4 IS NULL OR c.status = ?4)
                    ORDER BY c.last_message_id \(key.order) LIMIT ?5
                    """,
                arguments: [business.rawValue, key.value, filter.bot?.rawValue, filter.status, page.limit + 1]
            )
            var slice = try Self.slice(rows, page.limit, key: "last_message_id", Self.conversation)
            let places = slice.elements.indices.filter { slice.elements[$0].lastMessage != nil }
            var messages = places.compactMap { slice.elements[$0].lastMessage }
            try MessageDetails(db, business).complete(&messages, versions: false)
            for (place, message) in zip(places, messages) { slice.elements[place].lastMessage = message }
            try Self.addLabels(to: &slice.elements, of: business, db)
            return slice
        }
    }

    /// See `Transcript`.
    public func conversation(_ conversation: ConversationID, business: BusinessID) async throws -> Conversation {
        try await read { db in
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT \(Self.conversationColumns), \(Self.messageColumns)
                    FROM conversation c
                    JOIN chat ON chat.id = c.chat_id
                    LEFT JOIN message ON message.conversation_id = c.id AND message.id = c.last_message_id
                    WHERE c.id = ?1 AND c.business_id = ?2
                    """,
                arguments: [conversation.rawValue, business.rawValue]
            )
            guard let row else { throw GatewayError.unknownConversation(conversation.description) }
            var found = try Self.conversation(row)
            if let last = found.lastMessage {
                var messages = [last]
                try MessageDetails(db, business).complete(&messages, versions: false)
                found.lastMessage = messages.first
            }
            found.labels = try Self.labels(of: conversation, db).sorted()
            return found
        }
    }

    /// See `Transcript`.
    public func messages(
        of conversation: ConversationID,
        business: BusinessID,
        page: Page,
        raw: Bool
    ) async throws -> Slice<Message> {
        let key = Self.key(page)
        return try await read { db in
            let isTheirs = try Bool.fetchOne(
                db,
                sql: "SELECT 1 FROM conversation WHERE id = ?1 AND business_id = ?2",
                arguments: [conversation.rawValue, business.rawValue]
            )
            guard isTheirs != nil else { throw GatewayError.unknownConversation(conversation.description) }
            let rows = try Row.fetchAll(
                db,
                sql: """
                    WITH page (id) AS (
                        SELECT message_id FROM (
                            SELECT message_id FROM history
                            WHERE conversation_id = ?1 AND message_id \(key.comparison) ?3
                            ORDER BY message_id \(key.order) LIMIT ?4)
                        UNION
                        SELECT message_id FROM (
                            SELECT message_id FROM history_tail
                            WHERE conversation_id = ?1 AND message_id \(key.comparison) ?3
                            ORDER BY message_id \(key.order) LIMIT ?4)
                    )
                    SELECT \(Self.messageColumns), \(raw ? "raw_update.body" : "NULL") AS raw_body
                    FROM page
                    CROSS JOIN message ON message.id = page.id
                    JOIN conversation c ON c.id = message.conversation_id AND c.business_id = ?2
                    \(raw ? "LEFT JOIN raw_update ON raw_update.id = message.id AND raw_update.business_id = ?2" : "")
                    WHERE message.conversation_id = ?1
                    ORDER BY page.id \(key.order) LIMIT ?4
                    """,
                arguments: [conversation.rawValue, business.rawValue, key.value, page.limit + 1]
            )
            var slice = try Self.slice(rows, page.limit, key: "id", Self.messageWithRaw)
            try MessageDetails(db, business).complete(&slice.elements, versions: true)
            if raw { try Self.addRuns(to: &slice.elements, of: business, db) }
            return slice
        }
    }

    /// See `Transcript`.
    public func message(_ id: MessageID, business: BusinessID, raw: Bool) async throws -> Message {
        try await read { db in
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT \(Self.messageColumns), \(raw ? "raw_update.body" : "NULL") AS raw_body
                    FROM message
                    JOIN conversation c ON c.id = message.conversation_id AND c.business_id = ?2
                    \(raw ? "LEFT JOIN raw_update ON raw_update.id = message.id AND raw_update.business_id = ?2" : "")
                    WHERE message.id = ?1
                    """,
                arguments: [id.rawValue, business.rawValue]
            )
            guard let row else { throw GatewayError.unknownMessage(id.description) }
            var messages = [try Self.messageWithRaw(row)]
            try MessageDetails(db, business).complete(&messages, versions: true)
            if raw { try Self.addRuns(to: &messages, of: business, db) }
            return messages[0]
        }
    }

    /// See `Transcript`.
    public func keptUpdates(of business: BusinessID?, page: Page) async throws -> Slice<KeptUpdate> {
        let key = Self.key(page)
        // Not `?1 IS NULL OR …`: with that SQLite would walk through all updates of all businesses.
        let scope = business == nil ? "" : "business_id = ?1 AND"
        return try await read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT id, bot_id, coalesce(update_id, claimed_update_id) AS number, kind, mark, mark_detail, received_at,
                        coalesce(length(body), 0) AS bytes
                    FROM raw_update
                    WHERE \(scope) mark IS NOT NULL AND id \(key.comparison) ?2
                    ORDER BY id \(key.order) LIMIT ?3
                    """,
                arguments: [business?.rawValue, key.value, page.limit + 1]
            )
            return try Self.slice(rows, page.limit, key: "id") { row in
                guard let mark = UpdateMark(rawValue: row["mark"]) else {
                    throw StoreError.damaged("mark of an update")
                }
                return KeptUpdate(
                    id: KeptUpdateID(rawValue: row["id"]),
                    botID: BotID(rawValue: row["bot_id"]),
                    updateID: row["number"],
                    kind: row["kind"],
                    mark: mark,
                    detail: row["mark_detail"],
                    receivedAt: Timestamp(milliseconds: row["received_at"]),
                    bytes: row["bytes"]
                )
            }
        }
    }

    static func key(_ page: Page) -> (comparison: String, value: Int64, order: String) {
        switch page.position {
        case .newest: ("<", .max, "DESC")
        case .before(let key): ("<", key, "DESC")
        case .after(let key): (">", key, "ASC")
        }
    }

    /// One row more than asked for was read: it only tells that there is more.
    static func slice<Element: Sendable>(
        _ rows: [Row],
        _ limit: Int,
        key: String,
        _ read: (Row) throws -> Element
    ) throws -> Slice<Element> {
        let shown = rows.prefix(limit)
        return Slice(elements: try shown.map(read), next: rows.count > limit ? shown.last?[key] : nil)
    }

    private static func conversation(_ row: Row) throws -> Conversation {
        let thread: Int64 = row["thread"]
        var conversation = Conversation(
            id: ConversationID(rawValue: row["c_id"]),
            botID: BotID(rawValue: row["c_bot"]),
            space: row["space"],
            chatID: row["telegram_chat_id"],
            threadID: thread == 0 ? nil : thread,
            kind: row["chat_kind"],
            title: row["title"],
            customerID: (row["customer_id"] as Int64?).map(CustomerID.init(rawValue:)),
            status: row["status"],
            handledBy: row["handled_by"],
            blocked: row["blocked"],
            lastMessageAt: (row["last_message_at"] as Int64?).map(Timestamp.init(milliseconds:)),
            lastMessage: row["id"] == nil ? nil : try message(row)
        )
        conversation.assignee = row["assignee"]
        return conversation
    }

    private static func messageWithRaw(_ row: Row) throws -> Message {
        var message = try message(row)
        message.raw = (row["raw_body"] as Data?).map { Array($0) }
        return message
    }

    static func message(_ row: Row) throws -> Message {
        guard let direction = Message.Direction(rawValue: row["direction"]),
            let role = Message.Sender.Role(rawValue: row["sender_role"])
        else { throw StoreError.damaged("direction or role of a message") }
        var message = Message(
            id: MessageID(rawValue: row["id"]),
            conversationID: ConversationID(rawValue: row["conversation_id"]),
            direction: direction,
            sender: .init(role: role, id: row["sender_id"], name: row["sender_name"]),
            kind: row["kind"],
            text: row["text"],
            extra: row["extra"],
            telegramMessageID: row["telegram_message_id"],
            replyTo: row["reply_to"],
            sentAt: (row["sent_at"] as Int64?).map(Timestamp.init(milliseconds:)),
            receivedAt: Timestamp(milliseconds: row["received_at"]),
            state: row["state"],
            error: row["error"]
        )
        message.albumID = row["album_id"]
        message.editedAt = (row["edited_at"] as Int64?).map(Timestamp.init(milliseconds:))
        message.deletedAt = (row["deleted_at"] as Int64?).map(Timestamp.init(milliseconds:))
        return message
    }
}
