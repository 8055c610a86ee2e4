import Gateway
import Logging
import Synchronization

/// Logs what webhooks are refused, by kind at most once a second: a flood of wrong requests does not become a flood of lines.
final class WebhookLog: Sendable {
    private struct Kind {
        var lastLoggedAt = ContinuousClock.now - .seconds(60)
        var unlogged = 0
    }

    private let logger: Logger
    private let kinds = Mutex<[String: Kind]>([:])

    init(logger: Logger) { self.logger = logger }

    /// A request for a hook that no bot has.
    ///
    /// Strangers do this all day.
    func unknownHook() { log(.debug, "webhook with an unknown hook", status: 404, nil) }

    /// A request that knew the hook, but not the secret, or was too long: the webhook is not as we set it, or somebody tries.
    func refused(_ status: Int, _ bot: BotID) { log(.warning, "webhook refused", status: status, bot) }

    /// An update came with the number of another.
    func conflict(_ bot: BotID) { log(.warning, "update number taken by another update", status: 200, bot) }

    /// The store cannot take updates.
    func unavailable(_ error: StoreError, _ bot: BotID) {
        let level: Logger.Level = error == .overloaded || error == .closed ? .warning : .error
        log(level, "update not stored", status: 503, bot, error)
    }

    private func log(
        _ level: Logger.Level,
        _ message: Logger.Message,
        status: Int,
        _ bot: BotID?,
        _ error: StoreError? = nil
    ) {
        guard logger.logLevel <= level else { return }
        let count = kinds.withLock { kinds -> Int? in
            let now = ContinuousClock.now
            var kind = kinds[message.description] ?? Kind()
            defer { kinds[message.description] = kind }
            kind.unlogged += 1
            guard now - kind.lastLoggedAt >= .seconds(1) else { return nil }
            defer { kind = Kind(lastLoggedAt: now, unlogged: 0) }
            return kind.unlogged
        }
        guard let count else { return }
        var metadata: Logger.Metadata = [
            LogKeys.route: "\(WebhookRoute.template)", LogKeys.status: "\(status)", LogKeys.count: "\(count)",
        ]
        if let bot { metadata[LogKeys.botID] = "\(bot)" }
        if let error { metadata[LogKeys.errorKind] = "\(error)" }
        logger.log(level: level, message, metadata: metadata)
    }
}
