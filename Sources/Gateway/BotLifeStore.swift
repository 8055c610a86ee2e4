import Telegram

/// What happens to a bot after it was added: its webhook, new tokens, its end and its return.
public protocol BotLifeStore: BotDirectory {
    /// A bot that is not removed, with its sealed secrets, as of one moment.
    ///
    /// Throws `GatewayError.unknownBot`.
    func standing(of bot: BotID) async throws -> BotStanding
    /// The bot whose webhook is to be looked at first: the one that is due the longest; nil if none is due.
    ///
    /// Bots that shall have no webhook, and bots of a business that is being erased, are never due.
    func nextDue(at now: Timestamp) async throws -> BotStanding?
    /// Makes those bots due at once whose webhook Telegram did not accept with this address and this shape, or never; in steps.
    ///
    /// - Returns: how many.
    func hastenWebhooks(unlike publicURL: PublicURL, shape: String) async throws -> Int
    /// Says when Telegram is asked about a bot again, and leaves what is known of it.
    func postpone(_ bot: BotID, until look: Timestamp, failures: Int) async throws
    /// Says whether Telegram shall have a webhook of the bot, and when that is looked at. Throws `GatewayError.unknownBot`.
    func setWantsWebhook(_ wants: Bool, of bot: BotID, look: Timestamp) async throws
    /// Puts a new token and a new secret in the place of the present ones, which are forgotten; both versions are one more than the present.
    ///
    /// The digest of the secret that Telegram has stays valid until Telegram has accepted the new one and `BotRotation.overlap` more, or,
    /// with `endsOverlap`, no longer.
    ///
    /// Throws `GatewayError.replacedMeanwhile` if the versions do not follow on.
    func rotate(
        _ credentials: SealedCredentials,
        digest: SecretDigest,
        endsOverlap: Bool,
        of bot: BotID,
        look: Timestamp
    ) async throws
    /// Ends a bot: token, secret and what was known of its webhook are forgotten, its history is kept.
    ///
    /// Throws `GatewayError.unknownBot`.
    func removeBot(_ bot: BotID, at now: Timestamp) async throws -> Bot
    /// The bot of that Telegram id that this business had last and has removed.
    func removedBot(telegramID: Int64, of business: BusinessID) async throws -> RemovedBot?
    /// Brings a removed bot back, unverified, with a new hook and new secrets whose versions follow on.
    ///
    /// Throws as `addBot`, and `GatewayError.replacedMeanwhile` if another command was first.
    func reviveBot(_ removed: RemovedBot, as draft: BotDraft, _ credentials: SealedCredentials) async throws -> Bot
}

/// A bot with all that the care for its webhook needs.
public struct BotStanding: Sendable {
    /// The bot.
    public var bot: Bot
    /// Its token and secret, sealed, with their versions.
    public var credentials: SealedCredentials
    /// The webhook that Telegram accepted from us last; nil if none is known.
    public var accepted: AcceptedWebhook?
    /// How many times in a row it could not be brought in order.
    public var failures: Int

    /// Makes a standing from its row.
    public init(bot: Bot, credentials: SealedCredentials, accepted: AcceptedWebhook?, failures: Int) {
        self.bot = bot
        self.credentials = credentials
        self.accepted = accepted
        self.failures = failures
    }
}

/// A webhook as Telegram accepted it: with which settings, and with which of the bot's tokens and secrets.
public struct AcceptedWebhook: Hashable, Sendable {
    /// Where updates go.
    public var url: String
    /// Connections and kinds, see `WebhookSettings.shape`.
    public var shape: String
    /// Which token it was set with.
    public var tokenVersion: Int64
    /// Which secret it was set with.
    public var secretVersion: Int64

    /// Makes a record from its columns.
    public init(url: String, shape: String, tokenVersion: Int64, secretVersion: Int64) {
        self.url = url
        self.shape = shape
        self.tokenVersion = tokenVersion
        self.secretVersion = secretVersion
    }

    init(_ settings: WebhookSettings, _ credentials: SealedCredentials) {
        url = settings.url
        shape = settings.shape
        tokenVersion = credentials.token.version
        secretVersion = credentials.secret.version
    }
}

extension WebhookSettings {
    /// All but the URL in one line: the same for all bots of a server.
    public var shape: String { "\(maxConnections) \(allowedUpdates.sorted().joined(separator: ","))" }
}

/// A bot that was removed, and the versions that its secrets had.
public struct RemovedBot: Hashable, Sendable {
    /// The id.
    public var id: BotID
    /// The version of its last token.
    public var tokenVersion: Int64
    /// The version of its last secret.
    public var secretVersion: Int64

    /// Makes one from its row.
    public init(id: BotID, tokenVersion: Int64, secretVersion: Int64) {
        self.id = id
        self.tokenVersion = tokenVersion
        self.secretVersion = secretVersion
    }
}

extension BotDraft {
    /// When the background looks at the new bot: whoever adds it sets its webhook first.
    public var firstLook: Timestamp { createdAt.advanced(by: BotWebhooks.commandTime) }
}
