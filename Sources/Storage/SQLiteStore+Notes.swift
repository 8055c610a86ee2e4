import GRDB
import Gateway

/// What pipelines and people note about conversations.
///
/// The static functions work within a transaction of whoever calls them, so that a decision and its outcome share one.
extension SQLiteStore {
    /// See `PipelineStore`.
    public func notes(on conversation: ConversationID, of business: BusinessID) async throws -> ConversationNotes {
        try await read { try Self.notes(on: conversation, of: business, $0) }
    }

    /// See `PipelineStore`.
    public func apply(
        _ change: ConversationChange,
        to conversation: ConversationID,
        of business: BusinessID,
        at now: Timestamp
    ) async throws {
        try await write(for: business) { try Self.apply(change, to: conversation, of: business, at: now, $0) }
    }

    /// See `PipelineStore`.
    public func pipelineSubject(_ message: MessageID, of business: BusinessID) async throws -> PipelineSubject {
        try await read { try Self.subject(message, of: business, $0) }
    }

    /// See `PipelineStore.pipelineSubject`.
    static func subject(_ message: MessageID, of business: BusinessID, _ db: Database) throws -> PipelineSubject {
        let row = try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT message.conversation_id, message.sender_id, c.bot_id, customer.name AS customer_name,
                        customer.telegram_user_id, customer.username AS customer_username, customer.language,
                        bot.username AS bot_username, bot.name AS bot_name
                    FROM message
                    JOIN conversation c ON c.id = message.conversation_id AND c.business_id = ?2
                    JOIN bot ON bot.id = c.bot_id
                    LEFT JOIN customer ON customer.business_id = ?2 AND customer.telegram_user_id = message.sender_id
                    WHERE message.id = ?1
                    """
            ),
            arguments: [message.rawValue, business.rawValue]
        )
        guard let row else { throw GatewayError.unknownMessage(message.description) }
        let conversation = ConversationID(rawValue: row["conversation_id"])
        return PipelineSubject(
            message: try Self.message(message, db),
            conversation: try Self.place(conversation, of: business, db),
            customer: (row["telegram_user_id"] as Int64?).map { id in
                .init(
                    telegramID: id,
                    name: row["customer_name"],
                    username: row["customer_username"],
                    language: row["language"]
                )
            },
            bot: .init(id: BotID(rawValue: row["bot_id"]), username: row["bot_username"], name: row["bot_name"]),
            isFirstContact: try Self.isFirstContact(message, in: conversation, db),
            notes: try Self.notes(on: conversation, of: business, db)
        )
    }

    /// Whether no customer wrote in the conversation before this message.
    static func isFirstContact(_ message: MessageID, in conversation: ConversationID, _ db: Database) throws -> Bool {
        // The first message of a customer is among the first of all, so each half ends early.
        for table in ["history", "history_tail"] {
            let statement = try db.cachedStatement(
                sql: """
                    SELECT 1 FROM \(table) entry CROSS JOIN message ON message.id = entry.message_id
                    WHERE entry.conversation_id = ?1 AND entry.message_id < ?2
                        AND message.sender_role = 'customer' AND message.direction = 'in' AND message.kind <> 'service'
                    ORDER BY entry.message_id LIMIT 1
                    """
            )
            let earlier = try Bool.fetchOne(statement, arguments: [conversation.rawValue, message.rawValue])
            if earlier != nil { return false }
        }
        return true
    }

    /// See `PipelineStore`.
    static func notes(
        on conversation: ConversationID,
        of business: BusinessID,
        _ db: Database
    ) throws -> ConversationNotes {
        let row = try Row.fetchOne(
            db.cachedStatement(
                sql: "SELECT customer_id, assignee FROM conversation WHERE id = ?1 AND business_id = ?2"
            ),
            arguments: [conversation.rawValue, business.rawValue]
        )
        guard let row else { throw GatewayError.unknownConversation(conversation.description) }
        return ConversationNotes(
            labels: try labels(of: conversation, db),
            attributes: try attributes(of: conversation, customer: row["customer_id"], db),
            assignee: row["assignee"]
        )
    }

    /// The labels of a conversation, of which the caller knows whose it is.
    static func labels(of conversation: ConversationID, _ db: Database) throws -> Set<String> {
        let statement = try db.cachedStatement(sql: "SELECT name FROM label WHERE conversation_id = ?1")
        return try String.fetchSet(statement, arguments: [conversation.rawValue])
    }

    /// Adds the labels of a page of a business's conversations, in one read.
    static func addLabels(to conversations: inout [Conversation], of business: BusinessID, _ db: Database) throws {
        let ids = "[\(conversations.map { String($0.id.rawValue) }.joined(separator: ","))]"
        let statement = try db.cachedStatement(
            sql: """
                SELECT conversation_id, name FROM label
                WHERE conversation_id IN (SELECT value FROM json_each(?1)) AND +business_id = ?2
                ORDER BY conversation_id, name
                """
        )
        var labels: [Int64: [String]] = [:]
        for row in try Row.fetchAll(statement, arguments: [ids, business.rawValue]) {
            labels[row[0], default: []].append(row[1])
        }
        for index in conversations.indices {
            conversations[index].labels = labels[conversations[index].id.rawValue] ?? []
        }
    }

    /// The attributes of such a conversation, and those of its customer.
    static func attributes(
        of conversation: ConversationID,
        customer: Int64?,
        _ db: Database
    ) throws -> [AttributeName: String] {
        let statement = try db.cachedStatement(
            sql: """
                SELECT name, value FROM attribute WHERE conversation_id = ?1
                UNION ALL
                SELECT 'customer.' || name, value FROM attribute WHERE customer_id = ?2
                """
        )
        var attributes: [AttributeName: String] = [:]
        for row in try Row.fetchAll(statement, arguments: [conversation.rawValue, customer]) {
            guard let name = AttributeName(row[0]) else { throw StoreError.damaged("name of an attribute") }
            attributes[name] = row[1]
        }
        return attributes
    }

    /// See `PipelineStore`.
    static func apply(
        _ change: ConversationChange,
        to conversation: ConversationID,
        of business: BusinessID,
        at now: Timestamp,
        _ db: Database
    ) throws {
        let row = try Row.fetchOne(
            db.cachedStatement(sql: "SELECT customer_id FROM conversation WHERE id = ?1 AND business_id = ?2"),
            arguments: [conversation.rawValue, business.rawValue]
        )
        guard let row else { throw GatewayError.unknownConversation(conversation.description) }
        try apply(labels: change.labels, to: conversation, of: business, at: now, db)
        // What is taken away makes room for what comes.
        for (name, value) in change.attributes.sorted(by: { $0.value == nil && $1.value != nil }) {
            // A customer's attribute where the conversation has no customer: the conversation keeps it.
            let customer: Int64? = name.isOfCustomer ? row["customer_id"] : nil
            let owner = customer.map { ("customer_id", $0) } ?? ("conversation_id", conversation.rawValue)
            try set(name.name, to: value, of: owner, business, at: now, db)
        }
        if let assignee = change.assignee {
            let sql = "UPDATE conversation SET assignee = ?2 WHERE id = ?1 AND business_id = ?3"
            try db.cachedStatement(sql: sql)
                .execute(arguments: [conversation.rawValue, assignee, business.rawValue])
        }
        guard let handling = change.handling else { return }
        var releaseAt: Int64?
        if case .people(let handOff) = handling {
            releaseAt = handOff.releaseAfterSeconds.map { now.milliseconds + $0 * 1000 }
        }
        let who = handling == .pipeline ? "pipeline" : "people"
        let sql = "UPDATE conversation SET handled_by = ?2, release_at = ?3 WHERE id = ?1 AND business_id = ?4"
        try db.cachedStatement(sql: sql)
            .execute(arguments: [conversation.rawValue, who, releaseAt, business.rawValue])
    }

    private static func apply(
        labels: [String: Bool],
        to conversation: ConversationID,
        of business: BusinessID,
        at now: Timestamp,
        _ db: Database
    ) throws {
        for (name, isAdded) in labels {
            if isAdded {
                try db.cachedStatement(
                    sql: """
                        INSERT INTO label (conversation_id, name, business_id, added_at) VALUES (?1, ?2, ?3, ?4)
                        ON CONFLICT DO NOTHING
                        """
                ).execute(arguments: [conversation.rawValue, name, business.rawValue, now.milliseconds])
            } else {
                let sql = "DELETE FROM label WHERE conversation_id = ?1 AND name = ?2 AND business_id = ?3"
                try db.cachedStatement(sql: sql).execute(arguments: [conversation.rawValue, name, business.rawValue])
            }
        }
        guard labels.values.contains(true) else { return }
        let count = try Int.fetchOne(
            db.cachedStatement(sql: "SELECT count(*) FROM label WHERE conversation_id = ?1 AND +business_id = ?2"),
            arguments: [conversation.rawValue, business.rawValue]
        )
        if let count, count > Label.maximumCount { throw GatewayError.tooManyLabels }
    }

    private static func set(
        _ name: String,
        to value: String?,
        of owner: (column: String, id: Int64),
        _ business: BusinessID,
        at now: Timestamp,
        _ db: Database
    ) throws {
        guard let value else {
            let sql = "DELETE FROM attribute WHERE \(owner.column) = ?1 AND name = ?2 AND business_id = ?3"
            return try db.cachedStatement(sql: sql).execute(arguments: [owner.id, name, business.rawValue])
        }
        try db.cachedStatement(
            sql: """
                INSERT INTO attribute (business_id, \(owner.column), name, value, set_at) VALUES (?1, ?2, ?3, ?4, ?5)
                ON CONFLICT (\(owner.column), name) WHERE \(owner.column) IS NOT NULL
                DO UPDATE SET value = excluded.value, set_at = excluded.set_at
                """
        ).execute(arguments: [business.rawValue, owner.id, name, value, now.milliseconds])
        let count = try Int.fetchOne(
            db.cachedStatement(sql: "SELECT count(*) FROM attribute WHERE \(owner.column) = ?1 AND +business_id = ?2"),
            arguments: [owner.id, business.rawValue]
        )
        if let count, count > AttributeName.maximumCount { throw GatewayError.tooManyAttributes }
    }

    private static func message(_ id: MessageID, _ db: Database) throws -> Message {
        let row = try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT \(messageColumns), message.edited_at AS last_edit
                    FROM message WHERE message.id = ?1
                    """
            ),
            arguments: [id.rawValue]
        )
        guard let row else { throw GatewayError.unknownMessage(id.description) }
        var message = try message(row)
        message.editedAt = (row["last_edit"] as Int64?).map(Timestamp.init(milliseconds:))
        return message
    }

    private static func place(_ id: ConversationID, of business: BusinessID, _ db: Database) throws -> Conversation {
        let row = try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT c.bot_id, chat.space, chat.telegram_chat_id, c.thread, chat.kind, chat.title, c.customer_id,
                        c.status, c.handled_by, c.blocked, c.last_message_at
                    FROM conversation c JOIN chat ON chat.id = c.chat_id WHERE c.id = ?1 AND c.business_id = ?2
                    """
            ),
            arguments: [id.rawValue, business.rawValue]
        )
        guard let row else { throw GatewayError.unknownConversation(id.description) }
        let thread: Int64 = row["thread"]
        return Conversation(
            id: id,
            botID: BotID(rawValue: row["bot_id"]),
            space: row["space"],
            chatID: row["telegram_chat_id"],
            threadID: thread == 0 ? nil : thread,
            kind: row["kind"],
            title: row["title"],
            customerID: (row["customer_id"] as Int64?).map(CustomerID.init(rawValue:)),
            status: row["status"],
            handledBy: row["handled_by"],
            blocked: row["blocked"],
            lastMessageAt: (row["last_message_at"] as Int64?).map(Timestamp.init(milliseconds:)),
            lastMessage: nil
        )
    }
}
