import Logging
import ServiceLifecycle
import Telegram

/// Keeps the webhooks of all bots in order beside the server: one bot after the other, at most `BotTurns.perMinute` a minute.
///
/// Bots whose webhook was set for another address come first, then those whose last try failed or whose routine look is due. Nothing is asked for
/// all bots at once, at the start neither.
public struct WebhookReconciler<C: Clock>: Service where C.Duration == Duration {
    private let webhooks: BotWebhooks
    private let clock: C
    private let logger: Logger
    private let instruments: TelegramInstruments

    /// Makes the service.
    ///
    /// - Parameter clock: what the pace is kept on.
    public init(
        _ webhooks: BotWebhooks,
        clock: C,
        logger: Logger,
        instruments: TelegramInstruments = Instruments.none.telegram
    ) {
        self.webhooks = webhooks
        self.clock = clock
        self.logger = logger
        self.instruments = instruments
    }

    /// Runs until graceful shutdown; a call in hand is cut off then, and made again after the next start.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            await hasten()
            while !Task.isCancelled {
                let wait = await turn()
                do { try await clock.sleep(for: wait) } catch { return }
            }
        }
    }

    /// Makes due what was set for another address.
    private func hasten() async {
        while !Task.isCancelled {
            do {
                let bots = try await webhooks.hasten()
                if bots > 0 { logger.notice("webhooks to be set anew", metadata: [LogKeys.bots: "\(bots)"]) }
                return
            } catch {
                logger.error("webhooks not compared", metadata: [LogKeys.errorKind: "\(error)"])
                do { try await clock.sleep(for: BotTurns.interval) } catch { return }
            }
        }
    }

    /// Looks at the bot that is due the longest, if one is.
    ///
    /// - Returns: how long to wait then: a limit that Telegram sets to an address counts for all bots.
    private func turn() async -> Duration {
        do {
            guard let standing = try await webhooks.store.nextDue(at: webhooks.now()) else { return BotTurns.interval }
            let outcome = try await tend(standing)
            tell(standing.bot, outcome)
            guard case .retryAfter(let asked) = outcome.error?.treatment else { return BotTurns.interval }
            instruments.tooManyRequests(by: .webhooks)
            return min(max(asked, BotTurns.interval), BotWebhooks.longestWait)
        } catch is CancellationError {
            return .zero
        } catch {
            logger.error("webhook not looked at", metadata: [LogKeys.errorKind: "\(error)"])
            return BotTurns.interval
        }
    }

    /// A bot that cannot be tended for a reason of ours must not keep the others waiting: it takes its place at the end.
    private func tend(_ standing: BotStanding) async throws -> WebhookOutcome {
        do {
            return try await webhooks.tend(standing)
        } catch let error as GatewayError {
            try await webhooks.store.postpone(
                standing.bot.id,
                until: webhooks.now().advanced(by: BotWebhooks.longestWait),
                failures: standing.failures + 1
            )
            throw error
        }
    }

    /// Tells a change of health once; what stays as it is is told at debug.
    private func tell(_ before: Bot, _ outcome: WebhookOutcome) {
        let bot = outcome.bot
        let isNews = bot.health != before.health || bot.healthDetail != before.healthDetail
        let cause = outcome.error?.description ?? bot.healthDetail ?? ""
        let metadata: Logger.Metadata = [
            LogKeys.botID: "\(bot.id)", LogKeys.businessID: "\(bot.businessID)",
            LogKeys.health: "\(bot.health.rawValue)",
            LogKeys.errorKind: "\(cause)",
        ]
        switch bot.health {
        case .ok where outcome.wasGone: logger.warning("webhook was gone and is set again", metadata: metadata)
        case .ok where isNews: logger.notice("webhook in order", metadata: metadata)
        case _ where isNews: logger.warning("webhook out of order", metadata: metadata)
        default: logger.debug("webhook looked at", metadata: metadata)
        }
    }
}
