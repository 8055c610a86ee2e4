import Foundation
import GRDB
import Gateway
import Telegram

extension SQLiteStore: Outbox {
    /// See `Outbox`.
    public func enqueue(_ request: SendRequest, at now: Timestamp) async throws -> QueuedCalls {
        try request.checkKey()
        return try await write(for: request.business) { try Self.enqueue(request, at: now, $0) }
    }

    /// Writes what a request takes within the caller's transaction.
    ///
    /// - Throws: as `Outbox.enqueue`; then nothing of it is written.
    static func enqueue(_ request: SendRequest, at now: Timestamp, _ db: Database) throws -> QueuedCalls {
        try request.checkKey()
        let place = try Place(request, db)
        let calls = try request.calls(to: place.target, numbers: try numbers(of: request, db))
        if let key = request.idempotencyKey, let known = try repetition(key, calls, request, at: now, db) {
            return known
        }
        // A call that was accepted before is accepted again, whatever has become of the chat meanwhile: so this comes second.
        try place.checkConnection(at: now, db)
        let messages = try takeArrivals(calls.reduce(0) { $0 + $1.drafts.count }, db)
        var next = messages.lowerBound
        var rows: [OutboxID] = []
        for call in calls {
            let first = call.drafts.isEmpty ? nil : next
            for draft in call.drafts {
                try add(draft, as: next, to: place, by: request.author, at: now, db)
                next += 1
            }
            rows.append(try add(call, first: first, request, place, at: now, db))
        }
        if let last = messages.last { try touch(place.conversation, last, at: now, db) }
        let queued = QueuedCalls(calls: rows, messages: messages.map(MessageID.init(rawValue:)), isRepeat: false)
        if let key = request.idempotencyKey { try remember(key, calls, queued, request, at: now, db) }
        return queued
    }

    /// Where a request goes, as the database has it now.
    private struct Place {
        let conversation: Int64
        let bot: Int64
        let botTelegramID: Int64
        let botName: String
        let chatRow: Int64
        let space: String
        let target: MessageTarget

        init(_ request: SendRequest, _ db: Database) throws {
            let statement = try db.cachedStatement(
                sql: """
                    SELECT c.id, c.bot_id, c.thread, chat.id AS chat_row, chat.space, chat.telegram_chat_id,
                        bot.state, bot.telegram_id, bot.name
                    FROM conversation c
                    JOIN chat own ON own.id = c.chat_id
                    JOIN chat ON chat.id = coalesce(own.successor_id, own.id)
                    JOIN bot ON bot.id = c.bot_id
                    WHERE c.id = ?1 AND c.business_id = ?2
                    """
            )
            let arguments: StatementArguments = [request.conversation.rawValue, request.business.rawValue]
            guard let row = try Row.fetchOne(statement, arguments: arguments) else {
                throw GatewayError.unknownConversation(request.conversation.description)
            }
            try SQLiteStore.refuseRemoved(request.business, db)
            conversation = row["id"]
            bot = row["bot_id"]
            botTelegramID = row["telegram_id"]
            botName = row["name"]
            chatRow = row["chat_row"]
            space = row["space"]
            guard (row["state"] as String) != "removed" else {
                throw GatewayError.cannotWrite("its bot is removed: `switchboard bot add` brings it back")
            }
            let target = OutgoingCall.target(space: space, chatID: row["telegram_chat_id"], thread: row["thread"])
            guard let target else {
                throw GatewayError.cannotWrite("the bot is not in this chat and was only asked a question there")
            }
            self.target = target
        }

        /// Whether the chat of a business account may be written to now, as far as is known here.
        ///
        /// **Source:** Bot API, `BusinessConnection.is_enabled`, `BusinessBotRights.can_reply`: only chats with a message from the customer in
        /// the last 24 hours.
        func checkConnection(at now: Timestamp, _ db: Database) throws {
            guard let connection = target.businessConnectionID else { return }
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT state, is_enabled, rights FROM business_connection WHERE bot_id = ?1 AND connection_id = ?2
                    """,
                arguments: [bot, connection]
            )
            if let row, (row["state"] as String) != "wanted" {
                guard (row["state"] as String) == "known", row["is_enabled"] as Bool else {
                    throw GatewayError.cannotWrite("the business account has disconnected the bot")
                }
                let rights = (row["rights"] as String?).flatMap { try? JSONDocument(Array($0.utf8)).root }
                guard rights?["can_reply"]?.bool == true else {
                    throw GatewayError.cannotWrite(
                        "the business account does not let the bot reply: its owner can allow it"
                    )
                }
            }
            guard let heard = try lastHeard(db), heard >= now.milliseconds - 24 * 3_600_000 else {
                throw GatewayError.cannotWrite(
                    "the customer has not written in the last 24 hours, and Telegram lets a bot reply only until then"
                )
            }
        }

        /// When the customer wrote last.
        private func lastHeard(_ db: Database) throws -> Int64? {
            let times = try ["history", "history_tail"].compactMap { table in
                try Int64.fetchOne(
                    db,
                    sql: """
                        SELECT coalesce(message.sent_at, message.received_at) FROM \(table) entry
                        CROSS JOIN message ON message.id = entry.message_id
                        WHERE entry.conversation_id = ?1 AND message.direction = 'in'
                            AND message.sender_role IN ('customer', 'unknown')
                        ORDER BY entry.message_id DESC LIMIT 1
                        """,
                    arguments: [conversation]
                )
            }
            return times.max()
        }
    }

    /// Telegram's numbers of the messages that a request mentions, where they are of its conversation.
    private static func numbers(of request: SendRequest, _ db: Database) throws -> [MessageID: Int64] {
        var numbers: [MessageID: Int64] = [:]
        for id in request.mentioned {
            let number = try Int64.fetchOne(
                db,
                // In a supergroup that was a group, numbers have begun anew: one of then would be another message now.
                sql: """
                    SELECT telegram_message_id FROM message WHERE id = ?1 AND conversation_id = ?2
                        AND chat_id = (SELECT chat_id FROM conversation WHERE id = ?2)
                    """,
                arguments: [id.rawValue, request.conversation.rawValue]
            )
            if let number { numbers[id] = number }
        }
        return numbers
    }

    private static func takeArrivals(_ count: Int, _ db: Database) throws -> Range<Int64> {
        guard count > 0 else { return 0..<0 }
        let statement = try db.cachedStatement(sql: "UPDATE arrival SET next = next + ?1 RETURNING next - ?1")
        guard let first = try Int64.fetchOne(statement, arguments: [count]) else {
            throw StoreError.damaged("table arrival is empty")
        }
        return first..<first + Int64(count)
    }

    private static func add(
        _ draft: OutgoingCall.Draft,
        as id: Int64,
        to place: Place,
        by author: Message.Sender?,
        at now: Timestamp,
        _ db: Database
    ) throws {
        let role = author?.role ?? .bot
        let sender = author.map(\.id) ?? place.botTelegramID
        try db.cachedStatement(
            sql: """
                INSERT INTO message (conversation_id, id, chat_id, direction, sender_role, sender_id, sender_name, kind, text, extra,
                    reply_to, received_at, state)
                VALUES (?1, ?2, ?3, 'out', ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'queued')
                """
        ).execute(arguments: [
            place.conversation, id, place.chatRow, role.rawValue, sender, author?.name ?? place.botName, draft.kind,
            draft.text, draft.extra, draft.replyTo, now.milliseconds,
        ])
        try db.cachedStatement(sql: "INSERT INTO history (conversation_id, message_id) VALUES (?1, ?2)")
            .execute(arguments: [place.conversation, id])
    }

    private static func add(
        _ call: OutgoingCall,
        first: Int64?,
        _ request: SendRequest,
        _ place: Place,
        at now: Timestamp,
        _ db: Database
    ) throws -> OutboxID {
        try db.cachedStatement(
            sql: """
                INSERT INTO outbox (business_id, bot_id, conversation_id, method, parameters, messages, first_message_id, priority,
                    state, created_at)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'queued', ?9)
                """
        ).execute(arguments: [
            request.business.rawValue, place.bot, place.conversation, call.method, call.parameters, call.drafts.count,
            first, request.priority == .answer ? 0 : 1, now.milliseconds,
        ])
        return OutboxID(rawValue: db.lastInsertedRowID)
    }

    /// Brings a conversation to the top of its business's list, unless a later message has.
    private static func touch(_ conversation: Int64, _ message: Int64, at now: Timestamp, _ db: Database) throws {
        try db.cachedStatement(
            sql: """
                UPDATE conversation SET last_message_id = ?2, last_message_at = ?3 WHERE id = ?1 AND last_message_id < ?2
                """
        ).execute(arguments: [conversation, message, now.milliseconds])
    }
}

/// Keys of callers.
extension SQLiteStore {
    /// So many keys that are too old go with each new one.
    private static let forgottenAtOnce = 16

    private static func digest(_ calls: [OutgoingCall], _ request: SendRequest) -> Data {
        var text = "\(request.conversation)"
        for call in calls { text += "\n\(call.method)\n\(call.parameters)" }
        return Data(BodyDigest.of(Array(text.utf8)))
    }

    /// What was answered when the key was used first; nil if it was not, or too long ago.
    private static func repetition(
        _ key: String,
        _ calls: [OutgoingCall],
        _ request: SendRequest,
        at now: Timestamp,
        _ db: Database
    ) throws -> QueuedCalls? {
        let row = try Row.fetchOne(
            db,
            sql: "SELECT * FROM idempotency WHERE business_id = ?1 AND key = ?2 AND created_at > ?3",
            arguments: [request.business.rawValue, key, oldest(now)]
        )
        guard let row else { return nil }
        guard (row["digest"] as Data) == digest(calls, request) else { throw GatewayError.keyUsedOtherwise }
        let (outbox, count): (Int64, Int64) = (row["first_outbox_id"], row["calls"])
        let (message, messages): (Int64?, Int64) = (row["first_message_id"], row["messages"])
        return QueuedCalls(
            calls: (outbox..<outbox + count).map(OutboxID.init(rawValue:)),
            messages: message.map { ($0..<$0 + messages).map(MessageID.init(rawValue:)) } ?? [],
            isRepeat: true
        )
    }

    private static func oldest(_ now: Timestamp) -> Int64 {
        now.milliseconds - Int64(SendRequest.keyLifetime / .milliseconds(1))
    }

    private static func remember(
        _ key: String,
        _ calls: [OutgoingCall],
        _ queued: QueuedCalls,
        _ request: SendRequest,
        at now: Timestamp,
        _ db: Database
    ) throws {
        try db.execute(
            sql: """
                DELETE FROM idempotency WHERE rowid IN
                    (SELECT rowid FROM idempotency WHERE created_at <= ?1 ORDER BY created_at LIMIT ?2)
                """,
            arguments: [oldest(now), forgottenAtOnce]
        )
        // The same key may be there still, if more are too old than go at once.
        try db.execute(
            sql: """
                INSERT OR REPLACE INTO idempotency (business_id, key, digest, first_outbox_id, calls, first_message_id, messages, created_at)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                """,
            arguments: [
                request.business.rawValue, key, digest(calls, request), queued.calls.first?.rawValue ?? 0,
                queued.calls.count, queued.messages.first?.rawValue, queued.messages.count, now.milliseconds,
            ]
        )
    }
}
