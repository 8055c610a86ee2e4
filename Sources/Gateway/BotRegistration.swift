import Telegram

/// Registers bots: asks Telegram who they are, keeps their tokens sealed, and sets their webhooks.
public struct BotRegistration: Sendable {
    /// How many connections Telegram may open to us for one bot.
    ///
    /// **Source:** Bot API, `setWebhook`: 1 to 100, by default 40.
    public static let maxConnections = 40

    private let directory: any BotDirectory
    private let telegram: BotAPI
    private let sealer: Sealer
    private let publicURL: PublicURL
    private let now: @Sendable () -> Timestamp

    /// Makes a registration for a server at that public URL.
    public init(
        directory: any BotDirectory,
        telegram: BotAPI,
        sealer: Sealer,
        publicURL: PublicURL,
        now: @escaping @Sendable () -> Timestamp = Timestamp.now
    ) {
        self.directory = directory
        self.telegram = telegram
        self.sealer = sealer
        self.publicURL = publicURL
        self.now = now
    }

    /// Adds a bot to a business and sets its webhook.
    ///
    /// The row is stored before `setWebhook`, so that no update can come for a bot that is not known. A bot of this business whose
    /// earlier registration did not end well is taken up again with this token.
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
            let check = BotCheck(health: .unverified, detail: error.description)
            throw GatewayError.telegram(error, kept: try await directory.record(check, of: bot.id, at: now()).id)
        }
        return try await setWebhook(of: bot, token: token, identity: identity)
    }

    private func identity(of token: BotToken) async -> Result<BotIdentity, BotAPIError> {
        do throws(BotAPIError) { return .success(try await telegram.getMe(token: token)) } catch {
            return .failure(error)
        }
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
            createdAt: now()
        )
        do {
            return try await directory.addBot(draft) { [sealer] id in
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
            return present
        }
    }

    /// Sets the webhook and looks whether Telegram has it as we want it.
    private func setWebhook(of bot: Bot, token: BotToken, identity: BotIdentity?) async throws -> Bot {
        let secret = try sealer.openSecret(try await directory.credentials(of: bot.id).secret, of: bot.id)
        let wanted = wantedWebhook(of: bot)
        do throws(BotAPIError) {
            try await telegram.setWebhook(wanted, secret: secret, token: token)
        } catch {
            throw try await keep(bot, after: error, identity: identity)
        }
        let known: WebhookInfo
        do throws(BotAPIError) {
            known = try await telegram.getWebhookInfo(token: token)
        } catch {
            throw try await keep(bot, after: error, identity: identity)
        }
        guard known.settings.url == wanted.url, known.settings.maxConnections == wanted.maxConnections else {
            let detail =
                "Telegram has another webhook than the one set a moment ago: another program may use this token"
            _ = try await directory.record(
                BotCheck(health: .webhookFailed, detail: detail, identity: identity, known: known),
                of: bot.id,
                at: now()
            )
            throw GatewayError.telegram(.refused(.init(code: 409, text: detail)), kept: bot.id)
        }
        // A Bot API server of an older version does not know every kind that we ask for: that is no fault of the webhook.
        let missing = wanted.allowedUpdates.subtracting(known.settings.allowedUpdates).sorted()
        let detail = missing.isEmpty ? nil : "this Bot API server does not deliver: \(missing.joined(separator: ", "))"
        let check = BotCheck(health: .ok, detail: detail, identity: identity, known: known)
        return try await directory.record(check, of: bot.id, at: now())
    }

    /// What Telegram should have as the webhook of a bot.
    public func wantedWebhook(of bot: Bot) -> WebhookSettings {
        WebhookSettings(
            url: publicURL.webhook(bot.hook),
            maxConnections: Self.maxConnections,
            allowedUpdates: Set(UpdateKind.allowedUpdates)
        )
    }

    private func keep(_ bot: Bot, after error: BotAPIError, identity: BotIdentity?) async throws -> GatewayError {
        let health: Bot.Health
        switch error {
        case _ where error.tokenIsUnknown: health = .tokenRevoked
        case .refused: health = .webhookFailed
        case .unreachable, .noAnswer, .unreadable: health = .unverified
        }
        let check = BotCheck(health: health, detail: error.description, identity: identity)
        return .telegram(error, kept: try await directory.record(check, of: bot.id, at: now()).id)
    }
}
