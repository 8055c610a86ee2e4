import Telegram

/// Ends a bot: takes its webhook away, forgets its token, keeps its history.
public struct BotRemoval: Sendable {
    private let webhooks: BotWebhooks

    /// Makes a removal that takes webhooks away so.
    public init(_ webhooks: BotWebhooks) { self.webhooks = webhooks }

    /// Removes a bot; another program's webhook is left alone.
    ///
    /// - Parameter force: removes it even if Telegram does not take the webhook away, or the token cannot be opened; deliveries are refused with 404
    ///   from then on.
    /// - Returns: the removed bot, and what people should know of its webhook.
    /// - Throws: `GatewayError.webhookNotDeleted` if Telegram could not be reached or refused with anything but an unknown token:
    ///   then the bot stays as it was.
    public func remove(_ bot: Bot, force: Bool = false) async throws -> (bot: Bot, note: String?) {
        let store = webhooks.store
        let standing = try await store.standing(of: bot.id)
        // First, so that the server does not set it again at the same moment.
        try await store.setWantsWebhook(false, of: bot.id, look: webhooks.now())
        let note: String?
        do {
            note = try await takeWebhookAway(standing, force: force)
        } catch {
            if standing.bot.wantsWebhook { try await store.setWantsWebhook(true, of: bot.id, look: webhooks.now()) }
            throw error
        }
        return (try await store.removeBot(bot.id, at: webhooks.now()), note)
    }

    private func takeWebhookAway(_ standing: BotStanding, force: Bool) async throws -> String? {
        let (sealer, sealed, id) = (webhooks.sealer, standing.credentials.token, standing.bot.id)
        guard let token = force ? try? sealer.openToken(sealed, of: id) : try sealer.openToken(sealed, of: id) else {
            return "its token could not be opened: its webhook is still at Telegram"
        }
        switch await webhooks.deleteOurs(standing, token) {
        case .success(nil): return nil
        case .success(let host?): return "its webhook is another program's, on \(host), and was left alone"
        case .failure(let error) where error.tokenIsUnknown:
            return "Telegram does not know its token any more: its webhook was gone with it"
        case .failure(let error) where force: return "\(error): its webhook may still be at Telegram"
        case .failure(let error): throw GatewayError.webhookNotDeleted(error, standing.bot.id)
        }
    }
}
