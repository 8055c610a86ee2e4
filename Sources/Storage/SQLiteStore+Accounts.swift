import GRDB
import Gateway

extension SQLiteStore: AccountRecord {
    /// See `AccountRecord`.
    public func customerEvents(of business: BusinessID, page: Page) async throws -> Slice<CustomerEventEntry> {
        let key = Self.key(page)
        return try await read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT id, bot_id, customer_id, kind, text, details, received_at
                    FROM customer_event
                    WHERE business_id = ?1 AND id \(key.comparison) ?2
                    ORDER BY id \(key.order) LIMIT ?3
                    """,
                arguments: [business.rawValue, key.value, page.limit + 1]
            )
            return try Self.slice(rows, page.limit, key: "id") { row in
                CustomerEventEntry(
                    id: KeptUpdateID(rawValue: row["id"]),
                    botID: BotID(rawValue: row["bot_id"]),
                    customerID: (row["customer_id"] as Int64?).map(CustomerID.init(rawValue:)),
                    kind: row["kind"],
                    text: row["text"],
                    details: row["details"],
                    receivedAt: Timestamp(milliseconds: row["received_at"])
                )
            }
        }
    }

    /// See `AccountRecord`.
    public func businessConnections(of business: BusinessID) async throws -> [BusinessConnection] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT k.bot_id, k.connection_id, k.state, k.owner_id, k.owner_name, k.user_chat_id, k.is_enabled, k.rights,
                        k.connected_at, k.updated_at
                    FROM bot CROSS JOIN business_connection k ON k.bot_id = bot.id
                    WHERE bot.business_id = ?1
                    ORDER BY k.bot_id, k.connection_id
                    """,
                arguments: [business.rawValue]
            ).map { row in
                guard let state = BusinessConnection.State(rawValue: row["state"]) else {
                    throw StoreError.damaged("state of a business connection")
                }
                return BusinessConnection(
                    id: row["connection_id"],
                    botID: BotID(rawValue: row["bot_id"]),
                    state: state,
                    owner: (row["owner_id"] as Int64?).map { .init(id: $0, name: row["owner_name"] ?? "") },
                    userChatID: row["user_chat_id"],
                    isEnabled: row["is_enabled"],
                    rights: row["rights"],
                    connectedAt: (row["connected_at"] as Int64?).map(Timestamp.init(milliseconds:)),
                    updatedAt: Timestamp(milliseconds: row["updated_at"])
                )
            }
        }
    }

    /// See `AccountRecord`.
    public func managedBots(of business: BusinessID) async throws -> [ManagedBot] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT m.bot_id, m.telegram_id, m.owner_id, m.owner_name, m.username, m.name, m.told_at
                    FROM bot CROSS JOIN managed_bot m ON m.bot_id = bot.id
                    WHERE bot.business_id = ?1
                    ORDER BY m.bot_id, m.telegram_id
                    """,
                arguments: [business.rawValue]
            ).map { row in
                ManagedBot(
                    telegramID: row["telegram_id"],
                    botID: BotID(rawValue: row["bot_id"]),
                    owner: .init(id: row["owner_id"], name: row["owner_name"]),
                    username: row["username"],
                    name: row["name"],
                    toldAt: Timestamp(milliseconds: row["told_at"])
                )
            }
        }
    }
}
