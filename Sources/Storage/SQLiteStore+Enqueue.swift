import Foundation
import GRDB
import Gateway
import Telegram

extension SQLiteStore: Outbox {
    /// See `Outbox`.
    public func enqueue(_ request: SendRequest, at now: Timestamp) async throws -> QueuedCalls {
        try request.checkKey()
        // Before the transaction: splitting a long text takes time that others would wait for.
        let prepared = request.prepared()
        return try await write(for: request.business, changes: { _ in .outbox }) {
            try Self.enqueue(prepared, at: now, $0)
        }
    }

    /// Writes what a request takes within the caller's transaction.
    ///
    /// A request that was `prepared` before keeps the transaction short.
    ///
    /// - Throws: as `Outbox.enqueue`; then nothing of it is written.
    static func enqueue(_ request: SendRequest, at now: Timestamp, _ db: Database) throws -> QueuedCalls {
        try request.checkKey()
        let used = try request.idempotencyKey.map { UsedKey($0, try request.fingerprint(), of: request.business) }
        // First: what was accepted is accepted again, whatever has become of the conversation and its messages meanwhile.
        if let known = try used?.repetition(at: now, db) { return known }
        let place = try OutgoingPlace(request, at: now, db)
        let calls = try request.calls(
            to: place.target,
            numbers: try place.numbers(of: request.mentioned, db),
            original: try place.original(of: request, db)
        )
        switch request.content {
        case .answerCallback, .answerCheckout: break
        default: try place.checkConnection(at: now, db)
        }
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
        try used?.remember(queued, at: now, db)
        return queued
    }

    /// See `Outbox`.
    public func original(
        answeredBy reply: MessageID,
        of business: BusinessID
    ) async throws -> (
        message: MessageID, conversation: ConversationID
    )? {
        try await read { try Self.original(answeredBy: reply, of: business, $0) }
    }

    /// The message that was sent on, if `reply` answers its forward or copy; within the caller's transaction.
    ///
    /// - Throws: `GatewayError.unknownMessage`.
    static func original(
        answeredBy reply: MessageID,
        of business: BusinessID,
        _ db: Database
    ) throws -> (message: MessageID, conversation: ConversationID)? {
        let statement = try db.cachedStatement(
            sql: """
                SELECT original.id, home.id
                FROM message reply
                JOIN conversation c ON c.id = reply.conversation_id AND c.business_id = ?2
                LEFT JOIN message copy ON copy.telegram_message_id = reply.reply_to AND copy.chat_id = reply.chat_id
                LEFT JOIN message original ON original.id = copy.source_id
                LEFT JOIN conversation home ON home.id = original.conversation_id AND home.business_id = ?2
                WHERE reply.id = ?1
                """
        )
        let row = try Row.fetchOne(statement, arguments: [reply.rawValue, business.rawValue])
        guard let row else { throw GatewayError.unknownMessage(reply.description) }
        guard let message: Int64 = row[0], let conversation: Int64 = row[1] else { return nil }
        return (MessageID(rawValue: message), ConversationID(rawValue: conversation))
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
        to place: OutgoingPlace,
        by author: Message.Sender?,
        at now: Timestamp,
        _ db: Database
    ) throws {
        let role = author?.role ?? .bot
        let sender = author.map(\.id) ?? place.botTelegramID
        try db.cachedStatement(
            sql: """
                INSERT INTO message (conversation_id, id, chat_id, direction, sender_role, sender_id, sender_name, kind, text, extra,
                    reply_to, received_at, state, source_id)
                VALUES (?1, ?2, ?3, 'out', ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'queued', ?12)
                """
        ).execute(arguments: [
            place.conversation, id, place.chatRow, role.rawValue, sender, author?.name ?? place.botName, draft.kind,
            draft.text, draft.extra, draft.replyTo, now.milliseconds, draft.source?.rawValue,
        ])
        try db.cachedStatement(sql: "INSERT INTO history (conversation_id, message_id) VALUES (?1, ?2)")
            .execute(arguments: [place.conversation, id])
    }

    private static func add(
        _ call: OutgoingCall,
        first: Int64?,
        _ request: SendRequest,
        _ place: OutgoingPlace,
        at now: Timestamp,
        _ db: Database
    ) throws -> OutboxID {
        try db.cachedStatement(
            sql: """
                INSERT INTO outbox (business_id, bot_id, conversation_id, method, parameters, messages, first_message_id, priority,
                    numbered_in, state, created_at)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'queued', ?10)
                """
        ).execute(arguments: [
            request.business.rawValue, place.bot, place.conversation, call.method, call.parameters, call.drafts.count,
            first, request.priority == .answer ? 0 : 1, call.namesMessages ? place.chatRow : nil,
            min(now.milliseconds, request.since?.milliseconds ?? .max),
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
