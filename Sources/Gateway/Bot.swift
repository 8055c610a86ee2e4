import Telegram

/// A Telegram bot of a business.
public struct Bot: Hashable, Sendable {
    /// Whether the bot works.
    public enum State: String, Sendable {
        case active
        /// Still receives and stores, but runs and sends nothing.
        case paused
        /// Its token is forgotten; its history is kept.
        case removed
    }

    /// What is known of its standing at Telegram.
    public enum Health: String, Sendable {
        case ok
        /// Not asked yet, or Telegram could not be reached.
        case unverified
        case tokenRevoked = "token_revoked"
        /// Telegram has no webhook for it, or another than ours.
        case webhookFailed = "webhook_failed"
    }

    /// The id.
    public var id: BotID
    /// Whose it is.
    public var businessID: BusinessID
    /// Telegram's user id of it: stays when the token is replaced.
    public var telegramID: Int64
    /// The username without `@`; empty while Telegram was never reached.
    public var username: String
    /// The name that customers see.
    public var name: String
    /// Whether it works.
    public var state: State
    /// Its standing at Telegram.
    public var health: Health
    /// Why the health is what it is, for people; no token in it.
    public var healthDetail: String?
    /// When the health was found.
    public var healthAt: Timestamp?
    /// The secret part of its webhook's path.
    public var hook: String
    /// Whether Telegram shall have a webhook of ours; false after it was deleted on purpose.
    public var wantsWebhook: Bool
    /// When it was added.
    public var createdAt: Timestamp

    /// Makes a bot from its row.
    public init(
        id: BotID,
        businessID: BusinessID,
        telegramID: Int64,
        username: String,
        name: String,
        state: State,
        health: Health,
        healthDetail: String?,
        healthAt: Timestamp?,
        hook: String,
        wantsWebhook: Bool = true,
        createdAt: Timestamp
    ) {
        self.id = id
        self.businessID = businessID
        self.telegramID = telegramID
        self.username = username
        self.name = name
        self.state = state
        self.health = health
        self.healthDetail = healthDetail
        self.healthAt = healthAt
        self.hook = hook
        self.wantsWebhook = wantsWebhook
        self.createdAt = createdAt
    }

    /// Where customers find it; nil while its username is not known.
    ///
    /// **Source:** core.telegram.org, "Deep links".
    public var link: String? { username.isEmpty ? nil : "https://t.me/\(username)" }

    /// The link that starts the bot, with a payload that arrives as the text `/start PAYLOAD`.
    ///
    /// **Source:** core.telegram.org, "Deep links": up to 64 characters of `A-Za-z0-9_-`.
    ///
    /// - Throws: `GatewayError.badPayload`, or `.noUsername` while Telegram was never reached.
    public func link(payload: String?) throws(GatewayError) -> String {
        guard let link else { throw .noUsername(id) }
        guard let payload else { return link }
        guard payload.wholeMatch(of: /[A-Za-z0-9_-]{1,64}/) != nil else { throw .badPayload }
        return "\(link)?start=\(payload)"
    }

    /// How it is called in a line for people.
    public var title: String { username.isEmpty ? id.description : "@\(username)" }

    /// The shape of `/v1` and `--json`.
    ///
    /// - Parameter publicURL: where Telegram reaches the server; nil leaves out `webhook_url`, which only managers may see.
    public func json(publicURL: PublicURL?) -> JSON {
        var shape: JSON = [
            "id": .string(id.description), "business_id": .string(businessID.description),
            "telegram_id": .int(telegramID), "username": .optional(username.isEmpty ? nil : username),
            "name": .string(name), "state": .string(state.rawValue), "health": .string(health.rawValue),
            "health_detail": .optional(healthDetail), "health_at": .optional(healthAt?.rfc3339),
            "link": .optional(link), "created_at": .string(createdAt.rfc3339),
        ]
        if let publicURL { shape["webhook_url"] = .string(publicURL.webhook(hook)) }
        return shape
    }
}

/// Standing of a bot at Telegram as a check has found it.
public struct BotCheck: Sendable {
    /// What was found.
    public var health: Bot.Health
    /// Why, for people; no token in it.
    public var detail: String?
    /// Who Telegram says the bot is, if it was asked.
    public var identity: BotIdentity?
    /// The webhook that Telegram has, if it was asked.
    public var known: WebhookInfo?
    /// Which of the bot's tokens was used: what was found with one that was replaced meanwhile says nothing.
    ///
    /// Nil if none was used.
    public var tokenVersion: Int64?
    /// The webhook that Telegram has just accepted, if one was set.
    public var accepted: AcceptedWebhook?
    /// When to ask next, and how many times in a row it failed now; nil leaves both as they are.
    public var next: (look: Timestamp, failures: Int)?

    /// Makes a finding.
    public init(
        health: Bot.Health,
        detail: String? = nil,
        identity: BotIdentity? = nil,
        known: WebhookInfo? = nil,
        tokenVersion: Int64? = nil,
        accepted: AcceptedWebhook? = nil,
        next: (look: Timestamp, failures: Int)? = nil
    ) {
        self.health = health
        self.detail = detail
        self.identity = identity
        self.known = known
        self.tokenVersion = tokenVersion
        self.accepted = accepted
        self.next = next
    }
}
