import GRDB
import Gateway
import Telegram

/// Writes what became of rows of the outbox, within an open transaction.
///
/// A row that is not there any more, or is not being sent, is left alone.
struct OutboxSettling {
    private let db: Database
    private let now: Int64

    init(_ db: Database, _ now: Timestamp) {
        self.db = db
        self.now = now.milliseconds
    }

    /// The row as far as settling goes.
    private struct Open {
        let id: Int64
        let business: Int64
        let bot: Int64
        let conversation: Int64
        let chatRow: Int64
        /// Telegram's id of it.
        let chatID: Int64
        let space: String
        let firstMessage: Int64?
        let messages: Int64
        let method: String
        let parameters: String
        let isBlocked: Bool
        /// Nothing more is sent by a bot that is removed, not even when it comes back.
        let isOfRemovedBot: Bool

        var ids: [Int64] { firstMessage.map { Array($0..<$0 + messages) } ?? [] }

        /// Takes the columns of `open`, by their places: one settles with every message.
        init(_ row: Row) {
            id = row[0]
            business = row[1]
            bot = row[2]
            conversation = row[3]
            chatRow = row[9]
            chatID = row[11]
            space = row[10]
            firstMessage = row[4]
            messages = row[5]
            method = row[6]
            parameters = row[7]
            isBlocked = row[8]
            isOfRemovedBot = row[12]
        }
    }

    /// Writes what became of one row.
    func settle(_ settlement: Settlement) throws {
        guard let row = try open(settlement.id, isOpen: true) else { return }
        switch settlement.outcome {
        case .sent(let messages):
            for (index, id) in row.ids.enumerated() {
                try sent(id, index < messages.count ? messages[index] : nil, row)
            }
            if row.isBlocked { try mark(row.conversation, blocked: false) }
            try delete(row)
        case .numbered(let number):
            for id in row.ids.prefix(1) { try numbered(id, number, row) }
            if row.isBlocked { try mark(row.conversation, blocked: false) }
            try delete(row)
        case .edited(let message):
            try edit(message, row)
            try delete(row)
        case .done:
            try shown(row)
            try delete(row)
        case .expired: try delete(row)
        case .again(_, let reason, let isUnknown) where row.isOfRemovedBot:
            try bury(row, isUnknown ? .unknown : .failed, isUnknown ? reason ?? Self.removed : Self.removed, [])
        case .migrated where row.isOfRemovedBot: try bury(row, .failed, Self.removed, [])
        case .again(let time, let reason, let isUnknown):
            try db.cachedStatement(
                sql: """
                    UPDATE outbox SET state = 'queued', not_before = ?2, error = ?3, unknowns = unknowns + ?4 WHERE id = ?1
                    """
            ).execute(arguments: [row.id, time.milliseconds, reason, isUnknown ? 1 : 0])
        case .migrated(let chat):
            try ChatMigration(try connection()).move(row.chatRow, toChat: chat)
            try db.cachedStatement(
                sql: "UPDATE outbox SET state = 'queued', migrated = 1, not_before = 0 WHERE id = ?1"
            ).execute(arguments: [row.id])
        case .dead(let cause, let reason, let extent, let messages):
            try bury(row, cause, reason, messages)
            switch extent {
            case .blocked: try mark(row.conversation, blocked: true)
            case .connectionLost: try loseConnection(row)
            case nil: break
            }
        }
    }

    private static let removed = "the bot was removed before this was sent"

    /// The row if it is being sent, or, with `isOpen` false, if it waits.
    private func open(_ id: OutboxID, isOpen: Bool) throws -> Open? {
        // The state is part of the text: where a partial index asks for it, SQLite would plan anew for each value that is bound.
        let state = isOpen ? "sending" : "queued"
        let statement = try db.cachedStatement(
            sql: """
                SELECT o.id, o.business_id, o.bot_id, o.conversation_id, o.first_message_id, o.messages, o.method, o.parameters,
                    c.blocked, chat.id AS chat_row, chat.space, chat.telegram_chat_id, bot.state = 'removed' AS is_of_removed
                FROM outbox o
                CROSS JOIN conversation c ON c.id = o.conversation_id
                CROSS JOIN chat own ON own.id = c.chat_id
                CROSS JOIN chat ON chat.id = coalesce(own.successor_id, own.id)
                CROSS JOIN bot ON bot.id = o.bot_id
                WHERE o.id = ?1 AND o.state = '\(state)'
                """
        )
        return try Row.fetchOne(statement, arguments: [id.rawValue]).map(Open.init)
    }

    private func delete(_ row: Open) throws {
        try db.cachedStatement(sql: "DELETE FROM outbox WHERE id = ?1").execute(arguments: [row.id])
    }

    private func mark(_ conversation: Int64, blocked: Bool) throws {
        try db.cachedStatement(sql: "UPDATE conversation SET blocked = ?2 WHERE id = ?1 AND blocked <> ?2").execute(
            arguments: [conversation, blocked]
        )
    }

    private func loseConnection(_ row: Open) throws {
        guard row.space.hasPrefix("business:") else { return }
        try db.cachedStatement(
            sql: """
                UPDATE business_connection SET state = 'wanted', ask_at = ?3, updated_at = ?3
                WHERE bot_id = ?1 AND connection_id = ?2 AND state = 'known'
                """
        ).execute(arguments: [row.bot, String(row.space.dropFirst("business:".count)), now])
    }

    // MARK: Messages

    /// A message is as Telegram shows it; without that, as it was asked for.
    private func sent(_ id: Int64, _ message: IncomingMessage?, _ row: Open) throws {
        guard let message else {
            return try db.cachedStatement(
                sql: "UPDATE message SET state = 'sent', sent_at = ?2, error = NULL WHERE id = ?1"
            ).execute(arguments: [id, now])
        }
        do {
            try write(message, as: id, row)
        } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
            // The same message has come as an update before its answer did: it is one.
            guard try removeEcho(of: message, than: id, in: try chatRow(of: message, row)) else { throw error }
            try write(message, as: id, row)
        }
        try attach(message, to: id)
    }

    /// A message is as it was asked for, with the number that Telegram gave it.
    private func numbered(_ id: Int64, _ number: Int64, _ row: Open) throws {
        try db.cachedStatement(
            sql: """
                UPDATE message SET state = 'sent', telegram_message_id = nullif(?2, 0), chat_id = ?3, sent_at = ?4, error = NULL
                WHERE id = ?1
                """
        ).execute(arguments: [id, number, row.chatRow, now])
        // What was copied has the same files.
        try db.cachedStatement(
            sql: """
                INSERT OR IGNORE INTO attachment (message_id, position, kind, file_id, file_unique_id, name, mime, size, details)
                SELECT ?1, position, kind, file_id, file_unique_id, name, mime, size, details FROM attachment
                WHERE message_id = (SELECT source_id FROM message WHERE id = ?1)
                """
        ).execute(arguments: [id])
    }

    private func write(_ message: IncomingMessage, as id: Int64, _ row: Open) throws {
        try db.cachedStatement(
            sql: """
                UPDATE message SET state = 'sent', telegram_message_id = ?2, chat_id = ?3, sent_at = ?4, kind = ?5, text = ?6,
                    extra = ?7, reply_to = coalesce(?8, reply_to), album_id = ?9, poll_id = ?10, error = NULL
                WHERE id = ?1
                """
        ).execute(arguments: [
            id, message.messageID, try chatRow(of: message, row), Timestamp(seconds: message.date).milliseconds,
            message.kind,
            message.text,
            message.extra, message.replyTo, message.albumID, message.pollID,
        ])
    }

    /// The chat in which Telegram has numbered a message: one that was under way when its group became a supergroup is numbered in the group.
    private func chatRow(of message: IncomingMessage, _ row: Open) throws -> Int64 {
        if message.chatID == row.chatID { return row.chatRow }
        let known = try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT id FROM chat WHERE bot_id = ?1 AND space = ?2 AND telegram_chat_id = ?3"),
            arguments: [row.bot, row.space, message.chatID]
        )
        return known ?? row.chatRow
    }

    private func attach(_ message: IncomingMessage, to id: Int64) throws {
        for file in message.attachments {
            try db.cachedStatement(
                sql: """
                    INSERT OR REPLACE INTO attachment (message_id, position, kind, file_id, file_unique_id, name, mime, size, details)
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                    """
            ).execute(arguments: [
                id, file.position, file.kind, file.fileID, file.fileUniqueID, file.name, file.mime, file.size,
                file.details,
            ])
        }
    }

    /// Removes the message that was stored of an update; false if there is none.
    private func removeEcho(of message: IncomingMessage, than id: Int64, in chatRow: Int64) throws -> Bool {
        let echo = try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT id, conversation_id FROM message WHERE telegram_message_id = ?1 AND chat_id = ?2 AND id <> ?3
                        AND state = 'received' AND sender_role IN ('bot', 'owner', 'unknown')
                    """
            ),
            arguments: [message.messageID, chatRow, id]
        )
        guard let echo else { return false }
        let (other, conversation): (Int64, Int64) = (echo[0], echo[1])
        for table in ["attachment", "message_version", "history_tail"] {
            try db.cachedStatement(sql: "DELETE FROM \(table) WHERE message_id = ?1").execute(arguments: [other])
        }
        try db.cachedStatement(sql: "DELETE FROM history WHERE conversation_id = ?1 AND message_id = ?2").execute(
            arguments: [conversation, other]
        )
        // A list shows the last message: that is the one which stays.
        try db.cachedStatement(
            sql: """
                UPDATE conversation SET last_message_id = max(
                    coalesce((SELECT max(message_id) FROM history WHERE conversation_id = ?1), 0),
                    coalesce((SELECT max(message_id) FROM history_tail WHERE conversation_id = ?1), 0))
                WHERE id = ?1 AND last_message_id = ?2
                """
        ).execute(arguments: [conversation, other])
        try db.cachedStatement(sql: "DELETE FROM message WHERE id = ?1").execute(arguments: [other])
        return true
    }

    /// A message is as an edit made it, and keeps what it was as a version.
    private func edit(_ message: IncomingMessage, _ row: Open) throws {
        let chatRow = try chatRow(of: message, row)
        let known = try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT id FROM message WHERE telegram_message_id = ?1 AND chat_id = ?2"),
            arguments: [message.messageID, chatRow]
        )
        guard let known else { return }
        let place = Places.Place(chatRow: chatRow, conversation: row.conversation)
        _ = try writer().edit(
            message,
            MessageWriter.Row(id: known, place: place, role: .bot, receivedAt: Timestamp(milliseconds: now))
        )
    }

    /// What the history shows of a call whose answer tells nothing: deletions, and the bot's reactions.
    private func shown(_ row: Open) throws {
        guard row.method.hasPrefix("delete") || row.method == "setMessageReaction",
            let root = try? JSONDocument(Array(row.parameters.utf8)).root
        else { return }
        if row.method == "setMessageReaction" { return try react(root, row) }
        let numbers = root["message_ids"]?.elements.map { $0.compactMap(\.int64) } ?? [root["message_id"]?.int64 ?? 0]
        try writer().delete(numbers, chatRow: row.chatRow, at: Timestamp(milliseconds: now))
    }

    private func react(_ parameters: JSONView, _ row: Open) throws {
        let bot = try Row.fetchOne(
            db.cachedStatement(sql: "SELECT telegram_id, name FROM bot WHERE id = ?1"),
            arguments: [row.bot]
        )
        guard let bot, let number = parameters["message_id"]?.int64 else { return }
        let reactions = parameters["reaction"]?.elements.map { list in
            list.map { reaction in
                Reaction(
                    kind: reaction["type"]?.string ?? "",
                    value: reaction["emoji"]?.string ?? reaction["custom_emoji_id"]?.string ?? ""
                )
            }
        }
        let change = ReactionChange(
            space: row.space,
            chatID: 0,
            messageID: number,
            date: now / 1000,
            actor: .init(role: .bot, id: bot["telegram_id"], name: bot["name"]),
            customer: nil,
            reactions: reactions ?? []
        )
        try writer().react(change, chatRow: row.chatRow)
    }

    /// Edits, deletions and reactions are rare beside messages: their statements are prepared when they are needed.
    private func writer() throws -> MessageWriter { try MessageWriter(try connection()) }

    private func connection() throws -> OpaquePointer {
        guard let connection = db.sqliteConnection else { throw StoreError.closed }
        return connection
    }

    // MARK: The dead

    /// Tells the staff in its chat that its answer did not reach the customer, once for each answer.
    private func tellStaff(_ row: Open, _ cause: DeadLetter.Cause, _ reason: String) throws {
        let statement = try db.cachedStatement(
            sql: """
                SELECT source.conversation_id, CASE WHEN chat.successor_id IS NULL THEN source.telegram_message_id END
                FROM message own
                CROSS JOIN message source ON source.id = own.source_id
                CROSS JOIN conversation c ON c.id = source.conversation_id AND c.business_id = ?2
                CROSS JOIN chat ON chat.id = source.chat_id
                WHERE own.id = ?1 AND own.sender_role = 'agent' AND source.direction = 'in' AND NOT EXISTS (
                    SELECT 1 FROM message before
                    WHERE before.id < own.id AND before.id >= own.id - 256 AND before.conversation_id = own.conversation_id
                        AND before.source_id = own.source_id AND before.state IN ('failed', 'unknown'))
                """
        )
        let arguments: StatementArguments = [row.firstMessage, row.business]
        guard row.firstMessage != nil, let place = try Row.fetchOne(statement, arguments: arguments) else { return }
        let isUnknown = cause == .unknown || cause == .partial
        let words = isUnknown ? "It is not known whether this reached the customer" : "This did not reach the customer"
        var options = SendOptions()
        options.replyTo = place[1]
        let request = SendRequest(
            business: BusinessID(rawValue: row.business),
            conversation: ConversationID(rawValue: place[0]),
            content: .text(FormattedText("\(words): \(reason)")),
            options: options
        )
        // Where it cannot be told, the dead call tells it.
        _ = try db.attempt { _ = try SQLiteStore.enqueue(request, at: Timestamp(milliseconds: now), db) }
    }

    /// Lays a row that is being sent, or with `isOpen` false one that waits, with the dead calls.
    func bury(_ id: OutboxID, isOpen: Bool, _ cause: DeadLetter.Cause, _ reason: String) throws {
        if let row = try open(id, isOpen: isOpen) { try bury(row, cause, reason, []) }
    }

    /// Lays some of what waits for a bot that is removed with the dead calls.
    ///
    /// - Parameter withOpen: those too that are being sent, as far as the database knows.
    /// - Returns: how many.
    func buryCalls(of bot: BotID, atMost count: Int, withOpen: Bool) throws -> Int {
        let rows = try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT outbox.id, outbox.state FROM outbox
                    JOIN bot ON bot.id = outbox.bot_id AND bot.state = 'removed'
                    WHERE outbox.bot_id = ?1 AND (outbox.state = 'queued' OR ?2) LIMIT ?3
                    """
            ),
            arguments: [bot.rawValue, withOpen, count]
        )
        for row in rows {
            let isOpen = (row[1] as String) == "sending"
            try bury(OutboxID(rawValue: row[0]), isOpen: isOpen, isOpen ? .unknown : .failed, Self.removed)
        }
        return rows.count
    }

    private func bury(
        _ row: Open,
        _ cause: DeadLetter.Cause,
        _ reason: String,
        _ messages: [IncomingMessage]
    ) throws {
        // Of an album of which a part was sent, nobody knows what became of the rest.
        let state = cause == .unknown || cause == .partial ? "unknown" : "failed"
        for (index, id) in row.ids.enumerated() {
            if index < messages.count {
                try sent(id, messages[index], row)
            } else {
                try db.cachedStatement(sql: "UPDATE message SET state = ?2, error = ?3 WHERE id = ?1").execute(
                    arguments: [id, state, reason]
                )
            }
        }
        try db.cachedStatement(
            sql: """
                INSERT INTO dead_letter (business_id, bot_id, conversation_id, method, parameters, messages, first_message_id,
                    priority, numbered_in, cause, reason, attempts, created_at, died_at)
                SELECT business_id, bot_id, conversation_id, method, parameters, messages, first_message_id, priority, numbered_in,
                    ?2, ?3, attempts, created_at, ?4
                FROM outbox WHERE id = ?1
                """
        ).execute(arguments: [row.id, cause.rawValue, reason, now])
        try delete(row)
        try tellStaff(row, cause, reason)
    }
}
