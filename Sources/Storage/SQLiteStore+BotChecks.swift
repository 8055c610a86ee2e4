import Foundation
import GRDB
import Gateway
import Telegram

/// What checks have found, and which bot is checked next.
extension SQLiteStore {
    /// See `BotDirectory`.
    public func record(_ check: BotCheck, of bot: BotID, at now: Timestamp) async throws -> Bot {
        try await write { db in
            let row = try Row.fetchOne(
                db,
                sql: """
                    UPDATE bot SET health = ?2, health_detail = ?3, health_at = ?4,
                        username = coalesce(?5, username), name = coalesce(?6, name),
                        known_webhook_url = coalesce(?7, known_webhook_url),
                        known_webhook_pending = coalesce(?8, known_webhook_pending),
                        known_webhook_at = CASE WHEN ?7 IS NULL THEN known_webhook_at ELSE ?4 END,
                        accepted_url = coalesce(?9, accepted_url), accepted_shape = coalesce(?10, accepted_shape),
                        accepted_token_version = coalesce(?11, accepted_token_version),
                        accepted_secret_version = coalesce(?12, accepted_secret_version),
                        webhook_look_at = coalesce(?13, webhook_look_at),
                        webhook_failures = coalesce(?14, webhook_failures)
                    WHERE id = ?1 AND state <> 'removed' AND token_version = coalesce(?15, token_version)
                    RETURNING \(Self.botColumns)
                    """,
                arguments: [
                    bot.rawValue, check.health.rawValue, check.detail, now.milliseconds, check.identity?.username,
                    check.identity?.name, check.known?.settings.url, check.known?.pendingUpdates, check.accepted?.url,
                    check.accepted?.shape, check.accepted?.tokenVersion, check.accepted?.secretVersion,
                    check.next?.look.milliseconds, check.next?.failures, check.tokenVersion,
                ]
            )
            guard let row else { return try Self.overtaken(check, bot, db) }
            try Self.endOverlap(of: bot, at: now, db)
            return try Self.bot(row, bot.description)
        }
    }

    /// The bot as it is, for a finding that came too late to say anything of it.
    private static func overtaken(_ check: BotCheck, _ bot: BotID, _ db: Database) throws -> Bot {
        if check.accepted != nil {
            // What was set with the token before may stand in the place of what was set with the present one: it is set once more.
            try db.execute(
                sql: """
                    UPDATE bot SET accepted_url = NULL, accepted_shape = NULL, accepted_token_version = NULL,
                        accepted_secret_version = NULL, webhook_look_at = 0
                    WHERE id = ?1 AND state <> 'removed'
                    """,
                arguments: [bot.rawValue]
            )
        }
        let sql = "SELECT \(botColumns) FROM bot WHERE id = ?1"
        return try Self.bot(try Row.fetchOne(db, sql: sql, arguments: [bot.rawValue]), bot.description)
    }

    /// The secret before ends some time after Telegram has the present one, and is forgotten when that time is over.
    ///
    /// Statements of their own, which mostly change nothing: a change makes every server read its registry anew.
    private static func endOverlap(of bot: BotID, at now: Timestamp, _ db: Database) throws {
        try db.execute(
            sql: """
                UPDATE bot SET previous_secret_until = ?2
                WHERE id = ?1 AND previous_secret_until > ?2 AND accepted_secret_version = secret_version
                    AND accepted_token_version = token_version
                """,
            arguments: [bot.rawValue, now.advanced(by: BotRotation.overlap).milliseconds]
        )
        try db.execute(
            sql: """
                UPDATE bot SET previous_secret_digest = NULL, previous_secret_until = NULL
                WHERE id = ?1 AND previous_secret_until <= ?2
                """,
            arguments: [bot.rawValue, now.milliseconds]
        )
    }

    private static let standingColumns =
        """
        \(botColumns), token_sealed, token_key_id, token_version, secret_sealed, secret_key_id, secret_version,
        accepted_url, accepted_shape, accepted_token_version, accepted_secret_version, webhook_failures
        """

    /// See `BotLifeStore`.
    public func standing(of bot: BotID) async throws -> BotStanding {
        try await read { db in
            let row = try Row.fetchOne(
                db,
                sql: "SELECT \(Self.standingColumns) FROM bot WHERE id = ?1 AND token_sealed IS NOT NULL",
                arguments: [bot.rawValue]
            )
            guard let row else { throw GatewayError.unknownBot(bot.description) }
            return try Self.standing(row)
        }
    }

    /// See `BotLifeStore`.
    public func nextDue(at now: Timestamp) async throws -> BotStanding? {
        try await read { db in
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT \(Self.standingColumns) FROM bot
                    WHERE state <> 'removed' AND wants_webhook = 1 AND webhook_look_at <= ?1 AND token_sealed IS NOT NULL
                        AND (SELECT removing_at FROM business WHERE business.id = bot.business_id) IS NULL
                    ORDER BY webhook_look_at LIMIT 1
                    """,
                arguments: [now.milliseconds]
            )
            return try row.map(Self.standing)
        }
    }

    private static func standing(_ row: Row) throws -> BotStanding {
        var accepted: AcceptedWebhook?
        if let url: String = row["accepted_url"], let shape: String = row["accepted_shape"],
            let token: Int64 = row["accepted_token_version"], let secret: Int64 = row["accepted_secret_version"]
        {
            accepted = AcceptedWebhook(url: url, shape: shape, tokenVersion: token, secretVersion: secret)
        }
        return BotStanding(
            bot: try bot(row, ""),
            credentials: SealedCredentials(
                token: Sealed(
                    bytes: Array(row["token_sealed"] as Data),
                    keyID: row["token_key_id"],
                    version: row["token_version"]
                ),
                secret: Sealed(
                    bytes: Array(row["secret_sealed"] as Data),
                    keyID: row["secret_key_id"],
                    version: row["secret_version"]
                )
            ),
            accepted: accepted,
            failures: row["webhook_failures"]
        )
    }

    /// See `BotLifeStore`.
    public func hastenWebhooks(unlike publicURL: PublicURL, shape: String) async throws -> Int {
        var (total, last) = (0, Int64(0))
        while true {
            let from = last
            let (count, end) = try await write { db in
                let ids = try Int64.fetchAll(
                    db,
                    sql: """
                        SELECT id FROM bot WHERE id > ?1 AND state <> 'removed' AND wants_webhook = 1
                            AND webhook_look_at > 0
                            AND (accepted_url IS NOT ?2 || hook OR accepted_shape IS NOT ?3)
                        ORDER BY id LIMIT 500
                        """,
                    arguments: [from, publicURL.webhook(""), shape]
                )
                for id in ids {
                    try db.execute(sql: "UPDATE bot SET webhook_look_at = 0 WHERE id = ?1", arguments: [id])
                }
                return (ids.count, ids.last)
            }
            total += count
            guard let end else { return total }
            last = end
        }
    }

    /// See `BotLifeStore`.
    public func postpone(_ bot: BotID, until look: Timestamp, failures: Int) async throws {
        try await write { db in
            try db.execute(
                sql: "UPDATE bot SET webhook_look_at = ?2, webhook_failures = ?3 WHERE id = ?1",
                arguments: [bot.rawValue, look.milliseconds, failures]
            )
        }
    }

    /// See `BotLifeStore`.
    public func setWantsWebhook(_ wants: Bool, of bot: BotID, look: Timestamp) async throws {
        try await write { db in
            try db.execute(
                sql: """
                    UPDATE bot SET wants_webhook = ?2, webhook_look_at = ?3, webhook_failures = 0
                    WHERE id = ?1 AND state <> 'removed'
                    """,
                arguments: [bot.rawValue, wants, look.milliseconds]
            )
            guard db.changesCount == 1 else { throw GatewayError.unknownBot(bot.description) }
        }
    }
}
