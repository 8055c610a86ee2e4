import Foundation
import GRDB
import Gateway
import Telegram

extension SQLiteStore: BotLifeStore {
    /// Until when the digest before is taken while Telegram has not accepted the new secret: 9999-12-31.
    private static let openEnd: Int64 = 253_402_214_400_000

    /// See `BotLifeStore`.
    public func rotate(
        _ credentials: SealedCredentials,
        digest: SecretDigest,
        endsOverlap: Bool,
        of bot: BotID,
        look: Timestamp
    ) async throws {
        try await write { db in
            // Where Telegram never accepted the present secret, it still has the one before that.
            try db.execute(
                sql: """
                    UPDATE bot SET token_sealed = ?2, token_key_id = ?3, token_version = ?4,
                        previous_secret_digest = CASE WHEN ?9 THEN NULL
                            WHEN accepted_secret_version IS NOT secret_version THEN coalesce(previous_secret_digest, secret_digest)
                            ELSE secret_digest END,
                        previous_secret_until = CASE WHEN ?9 THEN NULL ELSE ?10 END,
                        secret_sealed = ?5, secret_key_id = ?6, secret_version = ?7, secret_digest = ?8,
                        wants_webhook = 1, webhook_failures = 0, webhook_look_at = ?11,
                        health = CASE health WHEN 'token_revoked' THEN 'unverified' ELSE health END
                    WHERE id = ?1 AND state <> 'removed' AND token_version = ?4 - 1 AND secret_version = ?7 - 1
                    """,
                arguments: [
                    bot.rawValue, Data(credentials.token.bytes), credentials.token.keyID, credentials.token.version,
                    Data(credentials.secret.bytes), credentials.secret.keyID, credentials.secret.version,
                    Data(digest.bytes), endsOverlap, Self.openEnd, look.milliseconds,
                ]
            )
            guard db.changesCount == 1 else { throw GatewayError.replacedMeanwhile(bot) }
        }
    }

    /// See `BotLifeStore`.
    public func removeBot(_ bot: BotID, at now: Timestamp) async throws -> Bot {
        let removed = try await write { db in
            let row = try Row.fetchOne(
                db,
                sql: """
                    UPDATE bot SET state = 'removed', health = 'unverified', health_detail = NULL, health_at = NULL,
                        token_sealed = NULL, token_key_id = NULL,
                        secret_sealed = x'', secret_key_id = '', secret_digest = zeroblob(32),
                        previous_secret_digest = NULL, previous_secret_until = NULL,
                        known_webhook_url = NULL, known_webhook_pending = NULL, known_webhook_at = NULL,
                        accepted_url = NULL, accepted_shape = NULL, accepted_token_version = NULL,
                        accepted_secret_version = NULL, webhook_failures = 0, webhook_look_at = 0
                    WHERE id = ?1 AND state <> 'removed' RETURNING \(Self.botColumns)
                    """,
                arguments: [bot.rawValue]
            )
            return try Self.bot(row, bot.description)
        }
        try await buryCalls(of: bot, withOpen: false, at: now)
        return removed
    }

    /// So many of a removed bot's calls are laid with the dead in one transaction.
    private static let buriedAtOnce = 150

    /// Lays what waits for a removed bot with the dead calls: it shall not be sent when the bot comes back.
    ///
    /// - Parameter withOpen: those too that are being sent: a server that runs settles them by what becomes of them, and one that starts
    ///   lays them with the dead as unknown, as long as the bot is removed.
    private func buryCalls(of bot: BotID, withOpen: Bool, at now: Timestamp) async throws {
        var buried = Self.buriedAtOnce
        while buried == Self.buriedAtOnce {
            buried = try await write { db in
                try OutboxSettling(db, now).buryCalls(of: bot, atMost: Self.buriedAtOnce, withOpen: withOpen)
            }
        }
    }

    /// See `BotLifeStore`.
    public func removedBot(telegramID: Int64, of business: BusinessID) async throws -> RemovedBot? {
        try await read { db in
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT id, token_version, secret_version FROM bot AS gone
                    WHERE business_id = ?1 AND telegram_id = ?2 AND state = 'removed' AND NOT EXISTS (
                        SELECT 1 FROM bot WHERE business_id = ?1 AND telegram_id = ?2 AND state <> 'removed')
                    ORDER BY id DESC LIMIT 1
                    """,
                arguments: [business.rawValue, telegramID]
            )
            return row.map { RemovedBot(id: BotID(rawValue: $0[0]), tokenVersion: $0[1], secretVersion: $0[2]) }
        }
    }

    /// See `BotLifeStore`.
    public func reviveBot(
        _ removed: RemovedBot,
        as draft: BotDraft,
        _ credentials: SealedCredentials
    ) async throws -> Bot {
        // What a removal that was interrupted has left.
        try await buryCalls(of: removed.id, withOpen: true, at: draft.createdAt)
        return try await write(for: draft.businessID) { db in
            try Self.refuseRemoved(draft.businessID, db)
            try Self.refuseSecond(draft, db)
            let row = try Row.fetchOne(
                db,
                sql: """
                    UPDATE bot SET state = 'active', health = 'unverified', hook = ?3,
                        username = coalesce(nullif(?4, ''), username), name = coalesce(nullif(?5, ''), name),
                        token_sealed = ?6, token_key_id = ?7, token_version = ?8,
                        secret_sealed = ?9, secret_key_id = ?10, secret_version = ?11, secret_digest = ?12,
                        wants_webhook = 1, webhook_failures = 0, webhook_look_at = ?13
                    WHERE id = ?1 AND business_id = ?2 AND state = 'removed' AND token_version = ?8 - 1
                    RETURNING \(Self.botColumns)
                    """,
                arguments: [
                    removed.id.rawValue, draft.businessID.rawValue, draft.hook, draft.username, draft.name,
                    Data(credentials.token.bytes), credentials.token.keyID, credentials.token.version,
                    Data(credentials.secret.bytes), credentials.secret.keyID, credentials.secret.version,
                    Data(draft.secretDigest.bytes), draft.firstLook.milliseconds,
                ]
            )
            guard row != nil else { throw GatewayError.replacedMeanwhile(removed.id) }
            return try Self.bot(row, removed.id.description)
        }
    }
}
