import Foundation
import Telegram

/// What Telegram has as a bot's webhook beside what it should have.
public struct WebhookReport: Sendable {
    /// The bot.
    public var bot: Bot
    /// What Telegram has.
    public let known: WebhookInfo
    /// What it should have; nil for none.
    public let wanted: WebhookSettings?
    /// The host of another program's webhook, if Telegram has one.
    public let foreignHost: String?
    /// Whether a webhook that Telegram had accepted is there no more.
    public let isGone: Bool
    /// How the two differ, each in words; empty if the webhook is in order.
    public let differences: [String]

    init(_ standing: BotStanding, _ known: WebhookInfo, wanted: WebhookSettings?) {
        bot = standing.bot
        self.known = known
        self.wanted = wanted
        let foreignHost = Self.foreignHost(known.settings.url, standing)
        self.foreignHost = foreignHost
        isGone =
            known.settings.url.isEmpty && wanted != nil
            && standing.accepted?.tokenVersion == standing.credentials.token.version
        differences = Self.differences(standing, known.settings, wanted, foreignHost, isGone)
    }

    private static func differences(
        _ standing: BotStanding,
        _ has: WebhookSettings,
        _ wanted: WebhookSettings?,
        _ foreignHost: String?,
        _ isGone: Bool
    ) -> [String] {
        if let foreignHost { return ["another program has set its own webhook, on \(foreignHost)"] }
        guard let wanted else { return has.url.isEmpty ? [] : ["Telegram has a webhook that was to be deleted"] }
        if has.url.isEmpty {
            return [
                isGone
                    ? "Telegram has no webhook any more: another program may use this token, to poll for updates"
                    : "Telegram has no webhook"
            ]
        }
        var found: [String] = []
        // Its path is not for everybody who may see the health.
        if has.url != wanted.url {
            found.append("Telegram has an earlier address of this server, on \(host(of: has.url))")
        }
        if has.maxConnections != wanted.maxConnections {
            found.append("Telegram opens up to \(has.maxConnections) connections instead of \(wanted.maxConnections)")
        }
        let missing = wanted.allowedUpdates.subtracting(has.allowedUpdates).sorted()
        if !missing.isEmpty { found.append("Telegram does not deliver: \(missing.joined(separator: ", "))") }
        let surplus = has.allowedUpdates.subtracting(wanted.allowedUpdates).sorted()
        if !surplus.isEmpty {
            found.append("Telegram delivers beyond what is asked: \(surplus.joined(separator: ", "))")
        }
        if standing.accepted != AcceptedWebhook(wanted, standing.credentials) {
            found.append("Telegram has not accepted the present secret with the present token yet")
        }
        return found
    }

    /// The host of a webhook that is not ours; nil for ours, also with an older address, and for none.
    ///
    /// Ours ends with the bot's hook, which nobody else knows, or is the one that Telegram accepted from us last.
    static func foreignHost(_ url: String, _ standing: BotStanding) -> String? {
        if url.isEmpty || url.hasSuffix("/telegram/\(standing.bot.hook)") || url == standing.accepted?.url {
            return nil
        }
        // The rest of it is the other's secret.
        return host(of: url)
    }

    private static func host(of url: String) -> String {
        let host = URLComponents(string: url)?.host ?? ""
        return host.isEmpty ? "a host that cannot be read" : String(host.prefix(100))
    }

    /// What it says of the bot.
    public var health: Bot.Health {
        guard foreignHost == nil, wanted != nil else { return .webhookFailed }
        return known.settings.url.isEmpty ? .webhookFailed : .ok
    }

    /// Why, for people.
    public var detail: String? {
        if foreignHost != nil {
            return differences.first.map { "\($0): `switchboard bot webhook \(bot.id) --set` takes the bot back" }
        }
        if wanted == nil { return bot.healthDetail }
        return differences.first
    }

    /// What Telegram has, for people: another program's URL is its secret, so only its host is shown.
    public var shownURL: String {
        foreignHost.map { "(another program's, on \($0))" } ?? known.settings.url
    }

    /// The shape of `--json`.
    public var json: JSON {
        func shape(_ settings: WebhookSettings, url: String) -> JSON {
            [
                "url": .string(url), "max_connections": .int(Int64(settings.maxConnections)),
                "allowed_updates": .array(settings.allowedUpdates.sorted().map { .string($0) }),
            ]
        }
        var has = shape(known.settings, url: foreignHost == nil ? known.settings.url : "")
        has["foreign_host"] = .optional(foreignHost)
        has["pending_updates"] = .int(Int64(known.pendingUpdates))
        has["last_error_at"] = .optional(known.lastErrorAt.map { Timestamp(seconds: $0).rfc3339 })
        has["last_error"] = .optional(known.lastErrorText)
        return [
            "bot_id": .string(bot.id.description), "username": .optional(bot.username.isEmpty ? nil : bot.username),
            "health": .string(bot.health.rawValue), "health_detail": .optional(bot.healthDetail),
            "telegram": has, "wanted": wanted.map { shape($0, url: $0.url) } ?? .null,
            "differences": .array(differences.map { .string($0) }),
        ]
    }
}
