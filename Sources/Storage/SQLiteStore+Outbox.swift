import Foundation
import GRDB
import Gateway
import Telegram

extension SQLiteStore: OutboxStore {
    /// See `OutboxStore`.
    public func outboxChanges() -> AsyncStream<Void> { outboxFeed.listen() }

    /// A look gives at most so many rows.
    private static let newsInLook = 1000

    /// A bot that may send, in SQL.
    private static let mayBeSentBy = """
        bot.state = 'active' AND bot.health <> 'token_revoked' AND bot.token_sealed IS NOT NULL
        AND business.state = 'active' AND business.removing_at IS NULL
        """

    /// See `OutboxStore`.
    public func outboxNews(after: OutboxID?, knownVersion: Int64?) async throws -> OutboxNews {
        try await read { db in
            let version = try Int64.fetchOne(db, sql: "SELECT version FROM registry_version") ?? 0
            let bots = version == knownVersion ? nil : try Self.sendingBots(db)
            guard let after else {
                let last = try Int64.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'outbox'") ?? 0
                return OutboxNews(
                    version: version,
                    bots: bots,
                    last: OutboxID(rawValue: last),
                    rows: [],
                    isMore: false
                )
            }
            let statement = try db.cachedStatement(
                sql: "SELECT id, bot_id, conversation_id FROM outbox WHERE id > ?1 ORDER BY id LIMIT ?2"
            )
            let rows = try Row.fetchAll(statement, arguments: [after.rawValue, Self.newsInLook])
            return OutboxNews(
                version: version,
                bots: bots,
                last: rows.last.map { OutboxID(rawValue: $0[0]) } ?? after,
                rows: rows.map { (BotID(rawValue: $0[1]), ConversationID(rawValue: $0[2])) },
                isMore: rows.count == Self.newsInLook
            )
        }
    }

    private static func sendingBots(_ db: Database) throws -> [SendingBot] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT bot.id, bot.business_id, bot.token_sealed, bot.token_key_id, bot.token_version
                FROM bot JOIN business ON business.id = bot.business_id WHERE \(mayBeSentBy)
                """
        ).map { row in
            SendingBot(
                id: BotID(rawValue: row[0]),
                business: BusinessID(rawValue: row[1]),
                token: Sealed(bytes: Array(row[2] as Data), keyID: row[3], version: row[4])
            )
        }
    }

    /// See `OutboxStore`.
    public func windows(_ requests: [OutboxWindow.Request], at now: Timestamp) async throws -> [OutboxWindow] {
        try await read { db in
            try requests.map { request in
                var reader = WindowReader(request, now)
                try reader.read(db)
                return reader.window
            }
        }
    }

    // MARK: Claims

    /// What is to be known of a row to make its call; `own` is the conversation's chat, which may have a successor.
    private static let claimedColumns = """
        o.id, o.business_id, o.bot_id, o.conversation_id, o.method, o.parameters, o.messages, o.attempts, o.migrated, o.created_at,
        o.unknowns = 0 AND business.on_unknown = 'retry' AS retries, c.thread, chat.space, chat.telegram_chat_id
        """
    private static let claimedFrom = """
        FROM outbox o
        CROSS JOIN conversation c ON c.id = o.conversation_id
        CROSS JOIN chat own ON own.id = c.chat_id
        CROSS JOIN chat ON chat.id = coalesce(own.successor_id, own.id)
        CROSS JOIN bot ON bot.id = o.bot_id
        CROSS JOIN business ON business.id = o.business_id
        """

    /// See `OutboxStore`.
    public func advance(
        _ claims: [OutboxClaim],
        _ settlements: [Settlement],
        at now: Timestamp
    ) async throws -> [ClaimedCall] {
        try await write { db in
            var settling = OutboxSettling(db, now)
            if settlements.count == 1, let alone = settlements.first {
                try Self.settle(alone, &settling, db)
            } else {
                for settlement in settlements { try settling.settle(settlement) }
            }
            return try claims.compactMap { try Self.claim($0, db) }
        }
    }

    /// One that fails by its values is entered without what Telegram shows: that it was sent is the greater part of the truth.
    private static func settle(_ alone: Settlement, _ settling: inout OutboxSettling, _ db: Database) throws {
        do {
            try db.inSavepoint {
                try settling.settle(alone)
                return .commit
            }
        } catch  where !StoreError.isOfTheEngine(error) {
            try settling.settle(alone.withoutContent)
        }
    }

    private static func claim(_ claim: OutboxClaim, _ db: Database) throws -> ClaimedCall? {
        // Read first: the row tells as which try it goes out.
        let statement = try db.cachedStatement(
            sql: """
                SELECT \(claimedColumns) \(claimedFrom)
                WHERE o.id = ?1 AND o.state = 'queued' AND bot.token_version = ?2 AND \(mayBeSentBy)
                """
        )
        guard let row = try Row.fetchOne(statement, arguments: [claim.id.rawValue, claim.tokenVersion]) else {
            return nil
        }
        try db.cachedStatement(
            sql: "UPDATE outbox SET state = 'sending', attempts = attempts + 1 WHERE id = ?1"
        ).execute(arguments: [claim.id.rawValue])
        return try claimed(row, more: 1)
    }

    /// See `OutboxStore`.
    public func interruptedCalls(limit: Int) async throws -> [ClaimedCall] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT \(Self.claimedColumns) \(Self.claimedFrom)
                    WHERE o.state = 'sending' ORDER BY o.id LIMIT ?1
                    """,
                arguments: [limit]
            ).map { try Self.claimed($0, more: 0) }
        }
    }

    private static func claimed(_ row: Row, more: Int) throws -> ClaimedCall {
        let space: String = row["space"]
        let target = OutgoingCall.target(space: space, chatID: row["telegram_chat_id"], thread: row["thread"])
        guard let target else { throw StoreError.damaged("a call goes where none can") }
        let attempts: Int = row["attempts"]
        return ClaimedCall(
            id: OutboxID(rawValue: row["id"]),
            business: BusinessID(rawValue: row["business_id"]),
            bot: BotID(rawValue: row["bot_id"]),
            conversation: ConversationID(rawValue: row["conversation_id"]),
            target: target,
            space: space,
            method: row["method"],
            parameters: row["parameters"],
            messages: row["messages"],
            attempts: attempts + more,
            wasMigrated: row["migrated"],
            retriesUnknown: row["retries"],
            createdAt: Timestamp(milliseconds: row["created_at"])
        )
    }
}

/// Reads a window of what waits for a bot: by seeks from conversation to conversation, however many rows each has.
private struct WindowReader {
    private let request: OutboxWindow.Request
    private let now: Int64
    private var seen: Set<Int64> = []
    private(set) var window: OutboxWindow

    /// So many conversations are looked at in one window at the most, though all their rows wait for a time.
    private static let mostLooks = 2048

    init(_ request: OutboxWindow.Request, _ now: Timestamp) {
        self.request = request
        self.now = now.milliseconds
        window = OutboxWindow(bot: request.bot, position: request.position)
    }

    private var isFull: Bool { window.rows.count >= request.rows || seen.count >= Self.mostLooks }

    mutating func read(_ db: Database) throws {
        for conversation in request.hinted {
            // A hint that does not fit is looked for by a pass.
            guard !isFull else {
                window.cut.append(conversation)
                continue
            }
            try take(conversation.rawValue, db)
        }
        guard var position = request.position else { return }
        position.answers = try pass(0, from: position.answers, db)
        if position.answers == nil { position.bulk = try pass(1, from: position.bulk, db) }
        window.position = position
    }

    /// Goes through the conversations that have rows of a priority; nil when it has come to the end.
    private mutating func pass(_ priority: Int, from start: Int64?, _ db: Database) throws -> Int64? {
        guard var last = start else { return nil }
        let statement = try db.cachedStatement(
            sql: """
                SELECT min(conversation_id) FROM outbox WHERE bot_id = ?1 AND priority = ?2 AND conversation_id > ?3
                """
        )
        while !isFull {
            let next = try Int64.fetchOne(statement, arguments: [request.bot.rawValue, priority, last])
            guard let next else { return nil }
            last = next
            try take(next, db)
        }
        return last
    }

    /// Takes the first rows of a conversation.
    private mutating func take(_ conversation: Int64, _ db: Database) throws {
        guard seen.insert(conversation).inserted else { return }
        let statement = try db.cachedStatement(
            sql: """
                SELECT o.id, o.business_id, o.messages, o.priority, o.not_before, o.bot_id, o.state, chat.id AS chat_row, chat.kind
                FROM outbox o
                CROSS JOIN conversation c ON c.id = o.conversation_id
                CROSS JOIN chat own ON own.id = c.chat_id
                CROSS JOIN chat ON chat.id = coalesce(own.successor_id, own.id)
                WHERE o.conversation_id = ?1 ORDER BY o.id LIMIT ?2
                """
        )
        let rows = try Row.fetchAll(statement, arguments: [conversation, request.perConversation + 1])
        for (index, row) in rows.enumerated() {
            guard index < request.perConversation, window.rows.count < request.rows else {
                return window.cut.append(ConversationID(rawValue: conversation))
            }
            let notBefore: Int64 = row["not_before"]
            if notBefore > now, (row["state"] as String) == "queued" {
                window.lookAt = min(window.lookAt ?? .init(milliseconds: .max), .init(milliseconds: notBefore))
                return
            }
            window.rows.append(
                PacingPlanner.Row(
                    id: OutboxID(rawValue: row["id"]),
                    business: BusinessID(rawValue: row["business_id"]),
                    bot: BotID(rawValue: row["bot_id"]),
                    chat: row["chat_row"],
                    isGroup: (row["kind"] as String) != "private",
                    conversation: ConversationID(rawValue: conversation),
                    priority: (row["priority"] as Int) == 0 ? .answer : .bulk,
                    messages: row["messages"]
                )
            )
        }
    }
}
