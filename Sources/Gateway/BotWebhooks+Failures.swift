import Telegram

/// What a failure says of a bot, and when it is tried again.
extension BotWebhooks {
    /// Another program's webhook, or its fight for the token, is looked at again after so long.
    static let conflictWait = Duration.seconds(60 * 60)

    /// Waits after failures in a row: they double from the first to the last.
    static let firstWait = Duration.seconds(60)
    static let longestWait = Duration.seconds(60 * 60)

    /// The routine look at a bot, an hour earlier or later by its id, so that bots that were set together do not stay together.
    static func routineSpread(_ bot: BotID) -> Duration {
        routine + .seconds(bot.rawValue &* 2_654_435_761 & 0x1FFF) - .seconds(4096)
    }

    /// What an error says of a bot.
    static func health(after error: BotAPIError) -> Bot.Health {
        if error.tokenIsUnknown { return .tokenRevoked }
        guard case .refused = error, error.treatment == .never else { return .unverified }
        return .webhookFailed
    }

    /// Why, for people.
    static func detail(of error: BotAPIError) -> String {
        if error.tokenIsUnknown {
            return "\(error): get the present token from @BotFather (/token), then `switchboard bot rotate`"
        }
        if case .refused(let refusal) = error, refusal.code == 409 {
            return "another program uses this bot's token: \(error)"
        }
        return error.description
    }

    /// When it is tried again after an error.
    func nextTry(_ standing: BotStanding, after error: BotAPIError) -> (look: Timestamp, failures: Int) {
        let failures = standing.failures + 1
        var wait = Self.firstWait * (1 << min(standing.failures, 6))
        wait = min(wait, Self.longestWait)
        if error.tokenIsUnknown { wait = Self.routine }
        if case .refused(let refusal) = error, refusal.code == 409 { wait = Self.conflictWait }
        if case .retryAfter(let asked) = error.treatment { wait = max(wait, asked) }
        return (now().advanced(by: wait), failures)
    }

    /// Records what an error says of a bot.
    ///
    /// - Parameter schedules: whether the next try is set by it.
    func recordFailure(
        _ error: BotAPIError,
        _ standing: BotStanding,
        identity: BotIdentity? = nil,
        schedules: Bool = true
    ) async throws -> Bot {
        // A call that was cut off by the end of the process says nothing.
        if Task.isCancelled { throw CancellationError() }
        let next = schedules ? nextTry(standing, after: error) : nil
        let accepted = AcceptedWebhook(wanted(for: standing.bot), standing.credentials)
        let isPassing = error.treatment != .never && !error.tokenIsUnknown
        if isPassing, standing.bot.health == .ok, standing.accepted == accepted {
            if let next { try await store.postpone(standing.bot.id, until: next.look, failures: next.failures) }
            return standing.bot
        }
        let check = BotCheck(
            health: Self.health(after: error),
            detail: Self.detail(of: error),
            identity: identity,
            tokenVersion: standing.credentials.token.version,
            next: next
        )
        return try await store.record(check, of: standing.bot.id, at: now())
    }
}
