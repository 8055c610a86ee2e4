import Telegram

/// Registers bots: asks Telegram who they are, keeps their tokens sealed, and sets their webhooks.
public struct BotRegistration: Sendable {
    private let webhooks: BotWebhooks

    /// Makes a registration that sets webhooks so.
    public init(_ webhooks: BotWebhooks) { self.webhooks = webhooks }

    private var directory: any BotLifeStore { webhooks.store }

    /// Adds a bot to a business and sets its webhook.
    ///
    /// The row is stored before `setWebhook`, so that no update can come for a bot that is not known. A bot of this business whose
    /// earlier registration did not end well is taken up again with this token; one that this business had removed comes back with its history.
    ///
    /// - Returns: the bot with health `ok`.
    /// - Throws: `GatewayError.tokenUnknown` if Telegram does not know the token: then nothing was stored. `.botIsHere`, `.botIsElsewhere`.
    ///   `.telegram(_, kept:)` if Telegram refused or could not be reached: then the bot is kept with its health and the cause.
    public func add(_ token: BotToken, to business: Business) async throws -> Bot {
        let answer: Result<BotIdentity, BotAPIError> = await identity(of: token)
        if case .failure(let error) = answer, error.tokenIsUnknown { throw GatewayError.tokenUnknown }
        let identity = try? answer.get()
        if let identity, identity.id != token.botID { throw GatewayError.tokenUnknown }
        let bot = try await stored(token, identity: identity, in: business)
        if case .failure(let error) = answer {
            let check = BotCheck(health: .unverified, detail: error.description, next: (webhooks.now(), 0))
            throw GatewayError.telegram(
                error,
                kept: try await directory.record(check, of: bot.id, at: webhooks.now()).id
            )
        }
        let outcome = try await webhooks.set(try await directory.standing(of: bot.id), identity: identity)
        if let error = outcome.error { throw GatewayError.telegram(error, kept: bot.id) }
        return outcome.bot
    }

    private func identity(of token: BotToken) async -> Result<BotIdentity, BotAPIError> {
        let telegram = webhooks.telegram
        return await telegram.identity(of: token)
    }

    /// The row of the bot: a new one, or that of a registration of this business that did not end well.
    private func stored(_ token: BotToken, identity: BotIdentity?, in business: Business) async throws -> Bot {
        let secret = WebhookSecret(RandomText.base64URL(bytes: 32))
        let draft = BotDraft(
            businessID: business.id,
            telegramID: token.botID,
            username: identity?.username ?? "",
            name: identity?.name ?? "",
            hook: RandomText.base64URL(bytes: 24),
            secretDigest: SecretDigest(of: secret),
            createdAt: webhooks.now()
        )
        let sealer = webhooks.sealer
        if let removed = try await directory.removedBot(telegramID: token.botID, of: business.id) {
            let credentials = SealedCredentials(
                token: try sealer.seal(token, for: removed.id, version: removed.tokenVersion + 1),
                secret: try sealer.seal(secret, for: removed.id, version: removed.secretVersion + 1)
            )
            return try await directory.reviveBot(removed, as: draft, credentials)
        }
        do {
            return try await directory.addBot(draft) { id in
                SealedCredentials(
                    token: try sealer.seal(token, for: id, version: 1),
                    secret: try sealer.seal(secret, for: id, version: 1)
                )
            }
        } catch GatewayError.botIsHere(let id) {
            let present = try await directory.bot(named: id.description)
            guard present.health != .ok else { throw GatewayError.botIsHere(id) }
            // A token that nobody could verify does not take the place of one that may be good.
            guard identity != nil else { return present }
            let version = try await directory.credentials(of: id).token.version + 1
            try await directory.replaceToken(try sealer.seal(token, for: id, version: version), of: id)
            try await directory.setWantsWebhook(true, of: id, look: webhooks.afterCommand)
            return present
        }
    }
}
