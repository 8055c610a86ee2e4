import GRDB
import Gateway

extension SQLiteStore: DeadLetters {
    /// See `DeadLetters`.
    public func deadLetters(of business: BusinessID?, page: Page) async throws -> Slice<DeadLetter> {
        let (comparison, key, order) =
            switch page.position {
            case .newest: ("<", Int64.max, "DESC")
            case .before(let key): ("<", key, "DESC")
            case .after(let key): (">", key, "ASC")
            }
        let scope = business == nil ? "" : "business_id = ?1 AND"
        return try await read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM dead_letter WHERE \(scope) id \(comparison) ?2 ORDER BY id \(order) LIMIT ?3
                    """,
                arguments: [business?.rawValue, key, page.limit + 1]
            )
            let shown = rows.prefix(page.limit)
            return Slice(
                elements: try shown.map(Self.letter),
                next: rows.count > page.limit ? shown.last?["id"] : nil
            )
        }
    }

    /// See `DeadLetters`.
    public func deadLetter(_ id: DeadLetterID) async throws -> DeadLetter {
        try await read { try Self.letter(id, $0) }
    }

    private static func letter(_ id: DeadLetterID, _ db: Database) throws -> DeadLetter {
        let row = try Row.fetchOne(db, sql: "SELECT * FROM dead_letter WHERE id = ?1", arguments: [id.rawValue])
        guard let row else { throw GatewayError.unknownDeadLetter(id.description) }
        return try letter(row)
    }

    private static func letter(_ row: Row) throws -> DeadLetter {
        guard let cause = DeadLetter.Cause(rawValue: row["cause"]) else {
            throw StoreError.damaged("cause of a dead call")
        }
        return DeadLetter(
            id: DeadLetterID(rawValue: row["id"]),
            business: BusinessID(rawValue: row["business_id"]),
            bot: BotID(rawValue: row["bot_id"]),
            conversation: ConversationID(rawValue: row["conversation_id"]),
            firstMessage: (row["first_message_id"] as Int64?).map(MessageID.init(rawValue:)),
            messages: row["messages"],
            method: row["method"],
            parameters: row["parameters"],
            cause: cause,
            reason: row["reason"],
            attempts: row["attempts"],
            createdAt: Timestamp(milliseconds: row["created_at"]),
            diedAt: Timestamp(milliseconds: row["died_at"])
        )
    }

    /// See `DeadLetters`.
    public func replay(_ ids: [DeadLetterID], at now: Timestamp) async throws -> [OutboxID] {
        try await write { db in
            try ids.map { id in
                let letter = try Self.letter(id, db)
                guard letter.cause != .partial else { throw GatewayError.partlySent(id) }
                try Self.refuseRemoved(letter.business, db)
                let isRemoved = "SELECT state = 'removed' FROM bot WHERE id = ?1"
                if try Bool.fetchOne(db, sql: isRemoved, arguments: [letter.bot.rawValue]) == true {
                    throw GatewayError.cannotWrite("its bot is removed: `switchboard bot add` brings it back")
                }
                try db.execute(
                    sql: """
                        INSERT INTO outbox (business_id, bot_id, conversation_id, method, parameters, messages, first_message_id, priority,
                            numbered_in, state, created_at)
                        SELECT business_id, bot_id, conversation_id, method, parameters, messages, first_message_id, priority,
                            numbered_in, 'queued', ?2
                        FROM dead_letter WHERE id = ?1
                        """,
                    arguments: [id.rawValue, now.milliseconds]
                )
                let row = OutboxID(rawValue: db.lastInsertedRowID)
                if let first = letter.firstMessage?.rawValue {
                    try db.execute(
                        sql: "UPDATE message SET state = 'queued', error = NULL WHERE id BETWEEN ?1 AND ?2",
                        arguments: [first, first + Int64(letter.messages) - 1]
                    )
                }
                try db.execute(sql: "DELETE FROM dead_letter WHERE id = ?1", arguments: [id.rawValue])
                return row
            }
        }
    }

    /// See `DeadLetters`.
    public func drop(_ ids: [DeadLetterID]) async throws {
        try await write { db in
            for id in ids {
                try db.execute(sql: "DELETE FROM dead_letter WHERE id = ?1", arguments: [id.rawValue])
                guard db.changesCount == 1 else { throw GatewayError.unknownDeadLetter(id.description) }
            }
        }
    }
}
