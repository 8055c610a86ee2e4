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
    static let mayBeSentBy = """
        bot.state = 'active' AND bot.health <> 'token_revoked' AND bot.token_sealed IS NOT NULL
        AND business.state = 'active' AND business.removing_at IS NULL
        """

    /// See `OutboxStore`.
    public func outboxNews(after: OutboxID?, knownVersion: Int64?) async throws -> OutboxNews {
        try await read { db in
            let version = try Int64.fetchOne(db.cachedStatement(sql: "SELECT version FROM registry_version")) ?? 0
            let bots = version == knownVersion ? nil : try Self.sendingBots(db)
            // Rows are numbered one by one: the last number tells how many there were.
            let total =
                try Int64.fetchOne(
                    db.cachedStatement(sql: "SELECT seq FROM sqlite_sequence WHERE name = 'outbox'")
                ) ?? 0
            guard let after else {
                return OutboxNews(
                    version: version,
                    bots: bots,
                    last: OutboxID(rawValue: total),
                    total: total,
                    rows: [],
                    isMore: false
                )
            }
            let statement = try db.cachedStatement(
                sql: """
                    SELECT id, bot_id, conversation_id, method IN ('answerCallbackQuery', 'answerPreCheckoutQuery') FROM outbox WHERE id > ?1
                    ORDER BY id LIMIT ?2
                    """
            )
            let rows = try Row.fetchAll(statement, arguments: [after.rawValue, Self.newsInLook])
            return OutboxNews(
                version: version,
                bots: bots,
                last: rows.last.map { OutboxID(rawValue: $0[0]) } ?? after,
                total: total,
                rows: rows.map { (BotID(rawValue: $0[1]), ConversationID(rawValue: $0[2]), $0[3]) },
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
                var reader = OutboxWindowReader(request, now)
                try reader.read(db)
                return reader.window
            }
        }
    }

    // MARK: Claims

    /// See `OutboxStore`.
    public func advance(
        _ claims: [OutboxClaim],
        _ settlements: [Settlement],
        at now: Timestamp
    ) async throws -> OutboxProgress {
        let migrates = settlements.contains { if case .migrated = $0.outcome { true } else { false } }
        // What becomes of its own rows the sender knows; of a dead one the staff may be told.
        let hasDead = settlements.contains { if case .dead = $0.outcome { true } else { false } }
        let changes: Changes = migrates ? .all : hasDead ? .outbox : []
        return try await write(
            movesConversations: migrates,
            changes: { $0.faults.isEmpty ? changes : changes.union(.outbox) }
        ) { db in
            var advance = OutboxAdvance(db, now)
            try advance.settle(settlements)
            try advance.claim(claims)
            return advance.progress
        }
    }

    /// See `OutboxStore`.
    public func interruptedCalls(limit: Int) async throws -> [ClaimedCall] {
        try await read { try OutboxClaims($0).interrupted(limit: limit) }
    }
}
