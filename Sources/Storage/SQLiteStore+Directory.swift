import Foundation
import GRDB
import Gateway
import Telegram

extension SQLiteStore: Directory {
    private static let businessColumns =
        "id, slug, name, CASE WHEN removing_at IS NULL THEN state ELSE 'removing' END AS state, created_at, on_unknown"

    /// See `Directory`.
    public func addBusiness(name: String, slug: Slug, at now: Timestamp) async throws -> Business {
        try await write { db in
            let row = try Row.fetchOne(
                db,
                sql: """
                    INSERT INTO business (slug, name, state, created_at) VALUES (?1, ?2, 'active', ?3)
                    ON CONFLICT (slug) DO NOTHING RETURNING \(Self.businessColumns)
                    """,
                arguments: [slug.text, name, now.milliseconds]
            )
            guard let row else { throw GatewayError.slugTaken(slug.text) }
            return try Self.business(row)
        }
    }

    /// See `Directory`.
    public func businesses() async throws -> [Business] {
        try await read { db in
            try Row.fetchAll(db, sql: "SELECT \(Self.businessColumns) FROM business ORDER BY id").map(Self.business)
        }
    }

    /// See `Directory`.
    public func business(named reference: String) async throws -> Business {
        try await read { db in
            let row = try Row.fetchOne(
                db,
                sql: "SELECT \(Self.businessColumns) FROM business WHERE slug = ?1 OR id = ?2",
                arguments: [reference, BusinessID(reference)?.rawValue]
            )
            guard let row else { throw GatewayError.unknownBusiness(reference) }
            return try Self.business(row)
        }
    }

    /// See `Directory`.
    public func renameBusiness(_ id: BusinessID, to name: String) async throws -> Business {
        try await updateBusiness(id, "name = ?2", name)
    }

    /// See `Directory`.
    public func setState(_ state: Business.State, of id: BusinessID) async throws -> Business {
        try await updateBusiness(id, "state = ?2", state.rawValue)
    }

    /// See `Directory`.
    public func setOnUnknown(_ onUnknown: Business.OnUnknown, of id: BusinessID) async throws -> Business {
        try await updateBusiness(id, "on_unknown = ?2", onUnknown.rawValue)
    }

    private func updateBusiness(_ id: BusinessID, _ assignment: String, _ value: String) async throws -> Business {
        try await write(for: id) { db in
            let row = try Row.fetchOne(
                db,
                sql: """
                    UPDATE business SET \(assignment) WHERE id = ?1 AND removing_at IS NULL
                    RETURNING \(Self.businessColumns)
                    """,
                arguments: [id.rawValue, value]
            )
            if let row { return try Self.business(row) }
            try Self.refuseRemoved(id, db)
            throw GatewayError.unknownBusiness(id.description)
        }
    }

    /// Nothing is added to a business that is being erased, and nothing of it changes.
    static func refuseRemoved(_ id: BusinessID, _ db: Database) throws {
        let sql = "SELECT slug FROM business WHERE id = ?1 AND removing_at IS NOT NULL"
        if let slug = try String.fetchOne(db.cachedStatement(sql: sql), arguments: [id.rawValue]) {
            throw GatewayError.businessIsRemoved(slug)
        }
    }

    /// A business by its id, within a transaction.
    static func business(_ id: BusinessID, _ db: Database) throws -> Business {
        let sql = "SELECT \(businessColumns) FROM business WHERE id = ?1"
        guard let row = try Row.fetchOne(db.cachedStatement(sql: sql), arguments: [id.rawValue]) else {
            throw GatewayError.unknownBusiness(id.description)
        }
        return try business(row)
    }

    private static func business(_ row: Row) throws -> Business {
        guard let state = Business.State(rawValue: row["state"]),
            let onUnknown = Business.OnUnknown(rawValue: row["on_unknown"])
        else { throw StoreError.damaged("state of a business") }
        return Business(
            id: BusinessID(rawValue: row["id"]),
            slug: try Slug(row["slug"] as String),
            name: row["name"],
            state: state,
            createdAt: Timestamp(milliseconds: row["created_at"]),
            onUnknown: onUnknown
        )
    }
}

extension SQLiteStore: BotDirectory {
    static let botColumns =
        """
        id, business_id, telegram_id, username, name, state, health, health_detail, health_at, hook, wants_webhook, created_at
        """

    /// See `BotDirectory`.
    public func addBot(
        _ draft: BotDraft,
        sealing: @escaping @Sendable (BotID) throws -> SealedCredentials
    ) async throws -> Bot {
        try await write(for: draft.businessID) { db in
            try Self.refuseRemoved(draft.businessID, db)
            try Self.refuseSecond(draft, db)
            // The id is a part of what the secrets are sealed with, so it must be known before the row is.
            let last = try Int64.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'bot'") ?? 0
            let id = BotID(rawValue: last + 1)
            let sealed = try sealing(id)
            let row = try Row.fetchOne(
                db,
                sql: """
                    INSERT INTO bot (id, business_id, telegram_id, username, name, state, health, hook, token_sealed, token_key_id,
                        token_version, secret_sealed, secret_key_id, secret_version, secret_digest, created_at, webhook_look_at)
                    VALUES (?1, ?2, ?3, ?4, ?5, 'active', 'unverified', ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
                    RETURNING \(Self.botColumns)
                    """,
                arguments: [
                    id.rawValue, draft.businessID.rawValue, draft.telegramID, draft.username, draft.name, draft.hook,
                    Data(sealed.token.bytes), sealed.token.keyID, sealed.token.version, Data(sealed.secret.bytes),
                    sealed.secret.keyID,
                    sealed.secret.version, Data(draft.secretDigest.bytes), draft.createdAt.milliseconds,
                    draft.firstLook.milliseconds,
                ]
            )
            return try Self.bot(row, id.description)
        }
    }

    /// One bot of Telegram is one bot of one business.
    static func refuseSecond(_ draft: BotDraft, _ db: Database) throws {
        let present = try Row.fetchOne(
            db,
            sql: "SELECT id, business_id FROM bot WHERE telegram_id = ?1 AND state <> 'removed'",
            arguments: [draft.telegramID]
        )
        guard let present else { return }
        let isOurs = present["business_id"] == draft.businessID.rawValue
        throw isOurs ? GatewayError.botIsHere(BotID(rawValue: present["id"])) : GatewayError.botIsElsewhere
    }

    /// See `BotDirectory`.
    public func replaceToken(_ token: Sealed, of bot: BotID) async throws {
        try await write { db in
            try db.execute(
                sql: """
                    UPDATE bot SET token_sealed = ?2, token_key_id = ?3, token_version = ?4
                    WHERE id = ?1 AND state <> 'removed' AND token_version = ?4 - 1
                    """,
                arguments: [bot.rawValue, Data(token.bytes), token.keyID, token.version]
            )
            guard db.changesCount == 0 else { return }
            let isThere = try Bool.fetchOne(
                db,
                sql: "SELECT 1 FROM bot WHERE id = ?1 AND state <> 'removed'",
                arguments: [bot.rawValue]
            )
            guard isThere != nil else { throw GatewayError.unknownBot(bot.description) }
            throw StoreError.failed("the token was replaced by another command meanwhile")
        }
    }

    /// See `BotDirectory`.
    public func bots(of business: BusinessID?) async throws -> [Bot] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT \(Self.botColumns) FROM bot
                    WHERE state <> 'removed' AND (?1 IS NULL OR business_id = ?1) ORDER BY id
                    """,
                arguments: [business?.rawValue]
            ).map { try Self.bot($0, "") }
        }
    }

    /// See `BotDirectory`.
    public func bot(named reference: String) async throws -> Bot {
        let username = reference.hasPrefix("@") ? String(reference.dropFirst()) : reference
        return try await read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT \(Self.botColumns) FROM bot
                    WHERE state <> 'removed' AND (id = ?1 OR username = ?2 COLLATE NOCASE AND username <> '')
                    ORDER BY id LIMIT 2
                    """,
                arguments: [BotID(reference)?.rawValue, username]
            )
            guard rows.count < 2 else { throw GatewayError.ambiguousBot(reference) }
            return try Self.bot(rows.first, reference)
        }
    }

    /// See `BotDirectory`.
    public func setPaused(_ isPaused: Bool, of bot: BotID) async throws -> Bot {
        try await setState(isPaused ? Bot.State.paused : .active, of: bot)
    }

    func setState(_ state: Bot.State, of bot: BotID) async throws -> Bot {
        try await write { db in
            let row = try Row.fetchOne(
                db,
                sql: "UPDATE bot SET state = ?2 WHERE id = ?1 AND state <> 'removed' RETURNING \(Self.botColumns)",
                arguments: [bot.rawValue, state.rawValue]
            )
            return try Self.bot(row, bot.description)
        }
    }

    /// See `BotDirectory`.
    public func credentials(of bot: BotID) async throws -> SealedCredentials {
        try await read { db in
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT token_sealed, token_key_id, token_version, secret_sealed, secret_key_id, secret_version
                    FROM bot WHERE id = ?1 AND token_sealed IS NOT NULL
                    """,
                arguments: [bot.rawValue]
            )
            guard let row else { throw GatewayError.unknownBot(bot.description) }
            return SealedCredentials(
                token: Sealed(bytes: Array(row[0] as Data), keyID: row[1], version: row[2]),
                secret: Sealed(bytes: Array(row[3] as Data), keyID: row[4], version: row[5])
            )
        }
    }

    static func bot(_ row: Row?, _ reference: String) throws -> Bot {
        guard let row else { throw GatewayError.unknownBot(reference) }
        guard let state = Bot.State(rawValue: row["state"]), let health = Bot.Health(rawValue: row["health"]) else {
            throw StoreError.damaged("state of a bot")
        }
        return Bot(
            id: BotID(rawValue: row["id"]),
            businessID: BusinessID(rawValue: row["business_id"]),
            telegramID: row["telegram_id"],
            username: row["username"],
            name: row["name"],
            state: state,
            health: health,
            healthDetail: row["health_detail"],
            healthAt: (row["health_at"] as Int64?).map(Timestamp.init(milliseconds:)),
            hook: row["hook"],
            wantsWebhook: row["wants_webhook"],
            createdAt: Timestamp(milliseconds: row["created_at"])
        )
    }
}
