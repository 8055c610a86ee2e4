import GRDB
import Gateway

extension SQLiteStore: ConnectionStore {
    /// See `ConnectionStore`.
    public func wantedConnections(at now: Timestamp, limit: Int) async throws -> [WantedConnection] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT wanted.bot_id, wanted.connection_id, wanted.tries
                    FROM business_connection wanted JOIN bot ON bot.id = wanted.bot_id
                    WHERE wanted.state = 'wanted' AND wanted.ask_at <= ?1 AND bot.state <> 'removed'
                        AND bot.health <> 'token_revoked'
                    ORDER BY wanted.ask_at LIMIT ?2
                    """,
                arguments: [now.milliseconds, limit]
            ).map { row in
                WantedConnection(
                    botID: BotID(rawValue: row["bot_id"]),
                    id: row["connection_id"],
                    tries: row["tries"]
                )
            }
        }
    }

    /// See `ConnectionStore`.
    public func record(_ state: BusinessConnectionState, of bot: BotID, at now: Timestamp) async throws {
        try await write { db in
            guard let connection = db.sqliteConnection else { throw StoreError.closed }
            // What Telegram told meanwhile is newer than the answer to a question.
            let isWanted = try Bool.fetchOne(
                db,
                sql: "SELECT state = 'wanted' FROM business_connection WHERE bot_id = ?1 AND connection_id = ?2",
                arguments: [bot.rawValue, state.id]
            )
            guard isWanted == true else { return }
            try EventWriter(connection).record(state, of: bot, at: now)
        }
    }

    /// See `ConnectionStore`.
    public func postpone(_ wanted: WantedConnection, until later: Timestamp?) async throws {
        try await write { db in
            try db.execute(
                sql: """
                    UPDATE business_connection SET tries = tries + 1, ask_at = ?3,
                        state = CASE WHEN ?3 IS NULL THEN 'gone' ELSE state END
                    WHERE bot_id = ?1 AND connection_id = ?2 AND state = 'wanted'
                    """,
                arguments: [wanted.botID.rawValue, wanted.id, later?.milliseconds]
            )
        }
    }
}
