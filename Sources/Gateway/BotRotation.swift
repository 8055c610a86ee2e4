import Telegram

/// Gives a bot a new token and its webhook a new secret: history, conversations and hook stay.
public struct BotRotation: Sendable {
    /// The secret before is taken for so long after Telegram has accepted the new one: deliveries that were under way, and their
    /// repetitions, still carry it.
    public static let overlap = Duration.seconds(600)

    /// A server beside this command reads its registry anew within this time: only then does it know the new secret.
    static let serverNotices = RegistryRefresher.interval * 2

    private let webhooks: BotWebhooks

    /// Makes a rotation that sets webhooks so.
    public init(_ webhooks: BotWebhooks) { self.webhooks = webhooks }

    /// Puts a token in the place of the present one.
    ///
    /// Both new values are stored before Telegram hears of the new secret, so that no delivery is refused in between.
    ///
    /// - Parameter endsOverlap: the secret before is not taken any more from now on, though Telegram may not have the new one yet.
    /// - Returns: the bot with health `ok`, and whether the token was the present one already, so that only the secret is new.
    /// - Throws: `GatewayError.anotherBotsToken`, `.tokenUnknown` or `.telegram(_, kept: nil)` if the token could not be verified: then nothing was
    ///   changed. `.webhookNotSet` if the webhook could not be set with it: then the token is kept, and the secret before stays valid
    ///   until Telegram has the new one.
    public func rotate(
        _ bot: Bot,
        to token: BotToken,
        endsOverlap: Bool = false
    ) async throws -> (bot: Bot, tokenIsSame: Bool) {
        guard token.botID == bot.telegramID else { throw GatewayError.anotherBotsToken(of: bot.title) }
        let telegram = webhooks.telegram
        let identity: BotIdentity
        switch await telegram.identity(of: token) {
        case .failure(let error): throw error.tokenIsUnknown ? .tokenUnknown : GatewayError.telegram(error, kept: nil)
        case .success(let found): identity = found
        }
        guard identity.id == bot.telegramID else { throw GatewayError.anotherBotsToken(of: bot.title) }
        let (store, sealer) = (webhooks.store, webhooks.sealer)
        let present = try await store.standing(of: bot.id).credentials
        // A token that no longer opens, as after the loss of the key, can still be replaced.
        let tokenIsSame = (try? sealer.openToken(present.token, of: bot.id)) == token
        let secret = WebhookSecret(RandomText.base64URL(bytes: 32))
        let next = SealedCredentials(
            token: try sealer.seal(token, for: bot.id, version: present.token.version + 1),
            secret: try sealer.seal(secret, for: bot.id, version: present.secret.version + 1)
        )
        try await store.rotate(
            next,
            digest: SecretDigest(of: secret),
            endsOverlap: endsOverlap,
            of: bot.id,
            look: webhooks.afterCommand
        )
        try await webhooks.pause(Self.serverNotices)
        let outcome = try await webhooks.set(try await store.standing(of: bot.id), identity: identity)
        if let error = outcome.error { throw GatewayError.webhookNotSet(error, bot.id) }
        return (outcome.bot, tokenIsSame)
    }
}
