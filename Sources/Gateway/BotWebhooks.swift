import Foundation
import Telegram

/// The webhooks of the bots: what Telegram should have, what it has, and bringing the two together.
public struct BotWebhooks: Sendable {
    /// How many connections Telegram may open to us for one bot.
    ///
    /// **Source:** Bot API, `setWebhook`: 1 to 100, by default 40.
    public static let maxConnections = 40

    /// A webhook in order is looked at again after so long.
    public static let routine = Duration.seconds(24 * 60 * 60)

    /// A command that is about to set a webhook has so long before the background looks at the bot: Telegram ends the first of two
    /// settings at the same time with a 409.
    static let commandTime = Duration.seconds(60)

    /// Where Telegram asks to wait no longer than this, the call waits and is made again: a webhook is set once a second per bot.
    ///
    /// **Source:** tdlib/telegram-bot-api `Client::process_set_webhook_query`.
    static let patience = Duration.seconds(5)

    /// Where bots are kept.
    public let store: any BotLifeStore
    /// The Bot API that is asked.
    public let telegram: BotAPI
    /// What opens the tokens.
    public let sealer: Sealer
    let publicURL: PublicURL
    let now: @Sendable () -> Timestamp
    let pause: @Sendable (Duration) async throws -> Void

    /// Makes the care for the webhooks of a server at that public URL.
    ///
    /// - Parameter pause: waits; by the system's clock unless a test has another.
    public init(
        store: any BotLifeStore,
        telegram: BotAPI,
        sealer: Sealer,
        publicURL: PublicURL,
        now: @escaping @Sendable () -> Timestamp = Timestamp.now,
        pause: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) {
        self.store = store
        self.telegram = telegram
        self.sealer = sealer
        self.publicURL = publicURL
        self.now = now
        self.pause = pause
    }

    /// What Telegram should have as the webhook of a bot.
    public func wanted(for bot: Bot) -> WebhookSettings {
        WebhookSettings(
            url: publicURL.webhook(bot.hook),
            maxConnections: Self.maxConnections,
            allowedUpdates: Set(UpdateKind.allowedUpdates)
        )
    }

    /// Makes the bots due whose webhook was set for another address, or by a version with other settings.
    ///
    /// - Returns: how many.
    public func hasten() async throws -> Int {
        let shape = WebhookSettings(
            url: "",
            maxConnections: Self.maxConnections,
            allowedUpdates: Set(UpdateKind.allowedUpdates)
        ).shape
        return try await store.hastenWebhooks(unlike: publicURL, shape: shape)
    }

    /// Asks Telegram what it has, and records it; changes nothing there.
    ///
    /// - Throws: `GatewayError.telegram(_, kept: nil)` after recording what that means for the bot's health.
    public func look(at standing: BotStanding) async throws -> WebhookReport {
        let token = try sealer.openToken(standing.credentials.token, of: standing.bot.id)
        switch await telegram.webhookInfo(of: token) {
        case .failure(let error):
            _ = try await recordFailure(error, standing, schedules: false)
            throw GatewayError.telegram(error, kept: nil)
        case .success(let known):
            var report = WebhookReport(
                standing,
                known,
                wanted: standing.bot.wantsWebhook ? wanted(for: standing.bot) : nil
            )
            report.bot = try await store.record(
                BotCheck(
                    health: report.health,
                    detail: report.detail,
                    known: known,
                    tokenVersion: standing.credentials.token.version
                ),
                of: standing.bot.id,
                at: now()
            )
            return report
        }
    }

    /// Sets the webhook, whatever Telegram has, and looks whether it took it.
    ///
    /// - Parameters:
    ///   - identity: who Telegram says the bot is, if it was just asked.
    ///   - note: what people should know though all is well then.
    /// - Returns: the bot as recorded, and what went wrong at Telegram.
    public func set(
        _ standing: BotStanding,
        identity: BotIdentity? = nil,
        note: String? = nil
    ) async throws -> WebhookOutcome {
        let bot = standing.bot
        let token = try sealer.openToken(standing.credentials.token, of: bot.id)
        let secret = try sealer.openSecret(standing.credentials.secret, of: bot.id)
        let wanted = wanted(for: bot)
        if let error = await setPatiently(wanted, secret, token) {
            return WebhookOutcome(bot: try await recordFailure(error, standing, identity: identity), error: error)
        }
        var check = BotCheck(
            health: .ok,
            detail: note,
            identity: identity,
            tokenVersion: standing.credentials.token.version,
            accepted: AcceptedWebhook(wanted, standing.credentials),
            next: (now().advanced(by: Self.routineSpread(bot.id)), 0)
        )
        var failure: BotAPIError?
        switch await telegram.webhookInfo(of: token) {
        case .failure(let error):
            // Cut off by the end of the process: it is set once more after the next start.
            if Task.isCancelled { throw CancellationError() }
            failure = error
            check.health = Self.health(after: error)
            check.detail = error.description
            check.next = nextTry(standing, after: error)
        case .success(let known):
            check.known = known
            if known.settings.url == wanted.url, known.settings.maxConnections == wanted.maxConnections {
                // A Bot API server of an older version does not know every kind that we ask for: that is no fault of the webhook.
                let missing = wanted.allowedUpdates.subtracting(known.settings.allowedUpdates).sorted()
                if !missing.isEmpty {
                    check.detail = "this Bot API server does not deliver: \(missing.joined(separator: ", "))"
                }
            } else {
                let detail =
                    "Telegram has another webhook than the one set a moment ago: another program may use this token"
                failure = .refused(.init(code: 409, text: detail))
                check.health = .webhookFailed
                check.detail = detail
                check.next = nextTry(standing, after: .refused(.init(code: 409, text: detail)))
            }
        }
        let recorded = try await store.record(check, of: bot.id, at: now())
        // Whoever removed the bot or deleted its webhook meanwhile was overtaken by this: it goes again.
        if recorded.state == .removed || !recorded.wantsWebhook {
            _ = await telegram.withdrawWebhook(of: token)
        }
        return WebhookOutcome(bot: recorded, error: failure)
    }

    /// Makes the webhook wanted, whatever was before, and sets it.
    ///
    /// - Returns: as `set`.
    public func want(_ bot: BotID) async throws -> WebhookOutcome {
        try await store.setWantsWebhook(true, of: bot, look: afterCommand)
        return try await set(try await store.standing(of: bot))
    }

    /// When the background looks at a bot whose webhook a command is about to set.
    var afterCommand: Timestamp { now().advanced(by: Self.commandTime) }

    /// Takes the webhook away and keeps it away; another program's is left alone.
    ///
    /// - Returns: the bot as recorded, and what went wrong at Telegram: then the webhook is wanted as before.
    public func delete(_ standing: BotStanding) async throws -> WebhookOutcome {
        let bot = standing.bot
        let token = try sealer.openToken(standing.credentials.token, of: bot.id)
        // First, so that the server does not set it again at the same moment.
        try await store.setWantsWebhook(false, of: bot.id, look: now())
        switch await deleteOurs(standing, token) {
        case .failure(let error):
            if bot.wantsWebhook { try await store.setWantsWebhook(true, of: bot.id, look: now()) }
            return WebhookOutcome(bot: try await recordFailure(error, standing, schedules: false), error: error)
        case .success(let foreign):
            let detail =
                foreign.map { "its webhook is another program's, on \($0), and was left alone" }
                ?? "its webhook was deleted on purpose: `switchboard bot webhook \(bot.id) --set` sets it again"
            let check = BotCheck(
                health: .webhookFailed,
                detail: detail,
                tokenVersion: standing.credentials.token.version
            )
            return WebhookOutcome(bot: try await store.record(check, of: bot.id, at: now()), error: nil)
        }
    }

    /// Deletes the webhook at Telegram unless it is another program's.
    ///
    /// - Returns: the host of the other program's webhook; nil if it was ours, or there was none.
    func deleteOurs(_ standing: BotStanding, _ token: BotToken) async -> Result<String?, BotAPIError> {
        switch await telegram.webhookInfo(of: token) {
        case .failure(let error): return .failure(error)
        case .success(let known):
            if let foreign = WebhookReport.foreignHost(known.settings.url, standing) { return .success(foreign) }
            if let error = await telegram.withdrawWebhook(of: token) { return .failure(error) }
            return .success(nil)
        }
    }

    /// Brings one webhook in order if it is not: the work of the background.
    ///
    /// Another program's webhook is left where Telegram had accepted ours with this token before: then it was taken over, and whether that
    /// is right is not for a machine to say. One of ours with an older address, and none, are mended; where ours was gone, the bot keeps a note of
    /// it until the next look, since another program that polls with the token may have deleted it.
    ///
    /// A passing failure (no answer, a wait that Telegram asks for) leaves the health of a bot that was well.
    public func tend(_ standing: BotStanding) async throws -> WebhookOutcome {
        let bot = standing.bot
        let token = try sealer.openToken(standing.credentials.token, of: bot.id)
        var identity: BotIdentity?
        if bot.username.isEmpty {
            switch await telegram.identity(of: token) {
            case .failure(let error):
                return WebhookOutcome(bot: try await recordFailure(error, standing), error: error)
            case .success(let found): identity = found
            }
        }
        let known: WebhookInfo
        switch await telegram.webhookInfo(of: token) {
        case .failure(let error):
            return WebhookOutcome(bot: try await recordFailure(error, standing, identity: identity), error: error)
        case .success(let found): known = found
        }
        let report = WebhookReport(standing, known, wanted: wanted(for: bot))
        let wasOurs = standing.accepted?.tokenVersion == standing.credentials.token.version
        let isInOrder = report.differences.isEmpty
        guard isInOrder || report.foreignHost != nil && wasOurs else {
            var outcome = try await set(standing, identity: identity, note: report.isGone ? report.detail : nil)
            outcome.wasGone = report.isGone
            return outcome
        }
        let check = BotCheck(
            health: report.health,
            detail: report.detail,
            identity: identity,
            known: known,
            tokenVersion: standing.credentials.token.version,
            next: (now().advanced(by: isInOrder ? Self.routineSpread(bot.id) : Self.conflictWait), 0)
        )
        return WebhookOutcome(bot: try await store.record(check, of: bot.id, at: now()), error: nil)
    }

    /// How long to wait before a setting is made once more at once; nil if that is not worth it.
    static func shortWait(after error: BotAPIError) -> Duration? {
        if case .retryAfter(let wait) = error.treatment { return wait <= patience ? wait : nil }
        // Another setting at the same moment has ended this one: by the server beside a command, perhaps.
        if case .refused(let refusal) = error, refusal.code == 409 { return .seconds(1) }
        return nil
    }

    private func setPatiently(
        _ wanted: WebhookSettings,
        _ secret: WebhookSecret,
        _ token: BotToken
    ) async -> BotAPIError? {
        for isLast in [false, true] {
            do throws(BotAPIError) {
                try await telegram.setWebhook(wanted, secret: secret, token: token)
                return nil
            } catch {
                guard !isLast, let wait = Self.shortWait(after: error) else { return error }
                do { try await pause(wait) } catch { return .noAnswer("the call was cancelled") }
            }
        }
        return nil
    }
}

/// What came of the care for one webhook.
public struct WebhookOutcome: Sendable {
    /// The bot as it is recorded now.
    public var bot: Bot
    /// What went wrong at Telegram.
    public var error: BotAPIError?
    /// Whether Telegram had lost a webhook that it had accepted.
    public var wasGone = false
}

/// Calls whose failures are an answer too.
extension BotAPI {
    /// Who the bot of a token is, or why Telegram did not say.
    func identity(of token: BotToken) async -> Result<BotIdentity, BotAPIError> {
        do throws(BotAPIError) { return .success(try await getMe(token: token)) } catch { return .failure(error) }
    }

    /// What Telegram has as a webhook, or why it did not say.
    func webhookInfo(of token: BotToken) async -> Result<WebhookInfo, BotAPIError> {
        do throws(BotAPIError) { return .success(try await getWebhookInfo(token: token)) } catch {
            return .failure(error)
        }
    }

    /// Takes the webhook away; why not, if not.
    func withdrawWebhook(of token: BotToken) async -> BotAPIError? {
        do throws(BotAPIError) { try await deleteWebhook(token: token) } catch { return error }
        return nil
    }
}
