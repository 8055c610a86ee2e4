/// The bot behind a token, as `getMe` tells it.
///
/// **Source:** Bot API, `getMe`, type `User`.
public struct BotIdentity: Hashable, Sendable {
    /// The bot's user id.
    public var id: Int64
    /// Its name, as customers see it.
    public var name: String
    /// Its username without `@`.
    public var username: String

    /// Makes an identity.
    public init(id: Int64, name: String, username: String) {
        self.id = id
        self.name = name
        self.username = username
    }
}

/// What Telegram should have, or has, as the webhook of a bot.
///
/// **Source:** Bot API, `setWebhook`, type `WebhookInfo`.
public struct WebhookSettings: Hashable, Sendable {
    /// Where updates go; empty for none.
    public var url: String
    /// How many connections Telegram may open, 1 to 100.
    public var maxConnections: Int
    /// The kinds of update that Telegram delivers.
    public var allowedUpdates: Set<String>

    /// Makes settings.
    public init(url: String, maxConnections: Int, allowedUpdates: Set<String>) {
        self.url = url
        self.maxConnections = maxConnections
        self.allowedUpdates = allowedUpdates
    }
}

/// The answer of `getWebhookInfo`.
public struct WebhookInfo: Hashable, Sendable {
    /// The settings in force.
    public var settings: WebhookSettings
    /// Updates that wait at Telegram.
    public var pendingUpdates: Int
    /// When a delivery last failed, Unix seconds; a later success does not clear it.
    public var lastErrorAt: Int64?
    /// How it failed.
    public var lastErrorText: String?

    /// Makes an answer.
    public init(settings: WebhookSettings, pendingUpdates: Int, lastErrorAt: Int64? = nil, lastErrorText: String? = nil)
    {
        self.settings = settings
        self.pendingUpdates = pendingUpdates
        self.lastErrorAt = lastErrorAt
        self.lastErrorText = lastErrorText
    }
}

extension BotAPI {
    /// The kinds that Telegram delivers when no list was given.
    private static let defaultUpdates = Set(UpdateKind.allowedUpdates)
        .subtracting(["chat_member", "message_reaction", "message_reaction_count"])

    /// Asks who the bot of a token is.
    public func getMe(token: BotToken) async throws(BotAPIError) -> BotIdentity {
        let answer = try await call("getMe", token: token)
        guard let id = answer.result["id"]?.int64, let username = answer.result["username"]?.string else {
            throw .unreadable(status: 200)
        }
        return BotIdentity(id: id, name: answer.result["first_name"]?.string ?? username, username: username)
    }

    /// Sets the webhook with its secret.
    ///
    /// A refusal still takes the old webhook away.
    ///
    /// **Source:** facts of tdlib/telegram-bot-api `Client::do_set_webhook`: the old webhook is closed before the
    /// new one is checked.
    public func setWebhook(
        _ settings: WebhookSettings,
        secret: WebhookSecret,
        token: BotToken
    ) async throws(BotAPIError) {
        _ = try await call(
            "setWebhook",
            token: token,
            parameters: [
                "url": .string(settings.url),
                "secret_token": .string(secret.reveal()),
                "max_connections": .int(Int64(settings.maxConnections)),
                "allowed_updates": .array(settings.allowedUpdates.sorted().map { .string($0) }),
            ]
        )
    }

    /// Takes the webhook away; what waits at Telegram stays for the next one.
    ///
    /// Succeeds too where there is none.
    public func deleteWebhook(token: BotToken) async throws(BotAPIError) {
        _ = try await call("deleteWebhook", token: token)
    }

    /// Asks what webhook Telegram has for the bot.
    ///
    /// Another program may have put the token into its URL: anything shaped like one is struck out.
    public func getWebhookInfo(token: BotToken) async throws(BotAPIError) -> WebhookInfo {
        let result = try await call("getWebhookInfo", token: token).result
        guard let url = result["url"]?.string else { throw .unreadable(status: 200) }
        return WebhookInfo(
            settings: WebhookSettings(
                url: Self.struckOut(url),
                maxConnections: result["max_connections"]?.int64.map(Int.init) ?? 40,
                allowedUpdates: result["allowed_updates"]?.elements.map { Set($0.compactMap(\.string)) }
                    ?? Self.defaultUpdates
            ),
            pendingUpdates: result["pending_update_count"]?.int64.map(Int.init) ?? 0,
            lastErrorAt: result["last_error_date"]?.int64,
            lastErrorText: result["last_error_message"]?.string.map(Self.struckOut)
        )
    }
}
