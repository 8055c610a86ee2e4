import Foundation
import GRDB
import Gateway

extension SQLiteStore: RegistrySource {
    /// See `RegistrySource`.
    public func registryVersion() async throws -> Int64 {
        try await read { try Self.registryVersion($0) }
    }

    private static func registryVersion(_ db: Database) throws -> Int64 {
        try Int64.fetchOne(db.cachedStatement(sql: "SELECT version FROM registry_version")) ?? 0
    }

    /// See `RegistrySource`.
    public func registeredBots() async throws -> (version: Int64, bots: [RegisteredBot]) {
        try await read { db in
            let rows = try Row.fetchCursor(
                db,
                sql: """
                    SELECT bot.id, bot.business_id, bot.hook, bot.secret_digest, bot.previous_secret_digest,
                        bot.previous_secret_until, bot.state = 'active' AND business.state = 'active',
                        EXISTS (SELECT 1 FROM active_pipeline WHERE business_id = business.id)
                    FROM bot JOIN business ON business.id = bot.business_id
                    WHERE bot.state <> 'removed' AND business.removing_at IS NULL
                    """
            )
            var bots: [RegisteredBot] = []
            while let row = try rows.next() {
                guard let secret = SecretDigest(bytes: Array(row[3] as Data)) else { continue }
                var previous: (digest: SecretDigest, until: Timestamp)?
                if let bytes: Data = row[4], let digest = SecretDigest(bytes: Array(bytes)), let until: Int64 = row[5] {
                    previous = (digest, Timestamp(milliseconds: until))
                }
                bots.append(
                    RegisteredBot(
                        id: BotID(rawValue: row[0]),
                        businessID: BusinessID(rawValue: row[1]),
                        hook: row[2],
                        secret: secret,
                        previousSecret: previous,
                        runs: row[6],
                        hasPipeline: row[7]
                    )
                )
            }
            return (try Self.registryVersion(db), bots)
        }
    }

    /// See `RegistrySource`.
    ///
    /// There is one stream: one reader of it gets the elements.
    public func changes() -> AsyncStream<Void> { changeStream }

    /// See `RegistrySource`.
    public func poll() async { await writes.poll() }
}

extension SQLiteStore: ServerRecord {
    /// See `ServerRecord`.
    public func serverAddress() async throws -> ServerAddress? {
        try await read { db in
            guard let url = try Self.setting("public_url", db), let api = try Self.setting("bot_api", db) else {
                return nil
            }
            return ServerAddress(publicURL: PublicURL(recorded: url), botAPI: api)
        }
    }

    private static func setting(_ name: String, _ db: Database) throws -> String? {
        try String.fetchOne(db, sql: "SELECT value FROM setting WHERE name = ?1", arguments: [name])
    }

    /// See `ServerRecord`.
    public func record(_ address: ServerAddress) async throws {
        try await write { db in
            for (name, value) in [("public_url", address.publicURL.text), ("bot_api", address.botAPI)] {
                try db.execute(
                    sql: """
                        INSERT INTO setting (name, value) VALUES (?1, ?2)
                        ON CONFLICT (name) DO UPDATE SET value = excluded.value
                        """,
                    arguments: [name, value]
                )
            }
        }
    }

    /// See `ServerRecord`.
    public func keyCheck() async throws -> Sealed? {
        try await read { db in
            try Row.fetchOne(db, sql: "SELECT sealed, key_id FROM key_check")
                .map { Sealed(bytes: Array($0[0] as Data), keyID: $0[1], version: 1) }
        }
    }

    /// See `ServerRecord`.
    public func setKeyCheck(_ check: Sealed) async throws {
        let path = directory.path
        try await write { db in
            try db.execute(
                sql: "INSERT INTO key_check (one, sealed, key_id) VALUES (1, ?1, ?2) ON CONFLICT DO NOTHING",
                arguments: [Data(check.bytes), check.keyID]
            )
            // Another `init` at the same moment was first: its key is the one that counts.
            guard db.changesCount == 1 else { throw StoreError.alreadyInitialised(path) }
        }
    }
}
