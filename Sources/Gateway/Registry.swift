import Logging
import ServiceLifecycle
import Synchronization

/// What the webhook must know of a bot, small enough to hold all of them.
public struct RegisteredBot: Sendable {
    /// The bot.
    public let id: BotID
    /// Whose it is.
    public let businessID: BusinessID
    /// The secret part of its webhook's path.
    public let hook: String
    /// The digest of its webhook's secret.
    public let secret: SecretDigest
    /// The digest before, and until when it is taken too.
    public let previousSecret: (digest: SecretDigest, until: Timestamp)?
    /// Whether pipelines run: neither the bot is paused nor its business suspended.
    ///
    /// Updates are stored in any case.
    public let runs: Bool
    /// Whether its business has a pipeline in force.
    public let hasPipeline: Bool

    /// Makes an entry from its row.
    public init(
        id: BotID,
        businessID: BusinessID,
        hook: String,
        secret: SecretDigest,
        previousSecret: (digest: SecretDigest, until: Timestamp)?,
        runs: Bool,
        hasPipeline: Bool = false
    ) {
        self.id = id
        self.businessID = businessID
        self.hook = hook
        self.secret = secret
        self.previousSecret = previousSecret
        self.runs = runs
        self.hasPipeline = hasPipeline
    }

    /// Whether a presented secret is the bot's; takes the same time for every wrong one.
    public func accepts(_ presented: SecretDigest, at now: Timestamp) -> Bool {
        let present = secret.matches(presented)
        guard let previousSecret else { return present }
        return previousSecret.digest.matches(presented) && now < previousSecret.until || present
    }
}

/// The known bots, in memory: a webhook is answered without a read.
public final class Registry: Sendable {
    private struct Snapshot {
        var version: Int64 = -1
        var byHook: [String: RegisteredBot] = [:]
    }

    private let snapshot = Mutex(Snapshot())

    /// Makes an empty registry.
    public init() {}

    /// The bot whose webhook has that path.
    public func bot(hook: String) -> RegisteredBot? { snapshot.withLock { $0.byHook[hook] } }

    /// How many bots are known.
    public var count: Int { snapshot.withLock { $0.byHook.count } }

    /// Reads everything anew if the source has another version.
    ///
    /// - Returns: whether it had.
    @discardableResult
    public func refresh(from source: any RegistrySource) async throws -> Bool {
        let known = snapshot.withLock { $0.version }
        guard try await source.registryVersion() != known else { return false }
        let (version, bots) = try await source.registeredBots()
        let byHook = Dictionary(bots.map { ($0.hook, $0) }, uniquingKeysWith: { first, _ in first })
        snapshot.withLock { $0 = Snapshot(version: version, byHook: byHook) }
        return true
    }
}

/// Keeps the registry as the database has it: looks for commits of other processes four times a second.
public struct RegistryRefresher: Service {
    /// How often an idle server looks; with writes under way it looks with each batch.
    public static let interval = Duration.milliseconds(250)

    private let registry: Registry
    private let source: any RegistrySource
    private let logger: Logger

    /// Makes the service.
    public init(registry: Registry, source: any RegistrySource, logger: Logger) {
        self.registry = registry
        self.source = source
        self.logger = logger
    }

    /// Runs until graceful shutdown.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    for await _ in source.changes() {
                        // A change is told once: a refresh that fails must be tried again without another.
                        while await !refresh() {
                            do { try await Task.sleep(for: Self.interval) } catch { return }
                        }
                    }
                }
                group.addTask {
                    while !Task.isCancelled {
                        do { try await Task.sleep(for: Self.interval) } catch { return }
                        await source.poll()
                    }
                }
                await group.waitForAll()
            }
        }
    }

    /// Reads what has changed; false if it could not be read.
    private func refresh() async -> Bool {
        do {
            if try await registry.refresh(from: source) {
                logger.info("registry refreshed", metadata: [LogKeys.bots: "\(registry.count)"])
            }
            return true
        } catch {
            // The bots known so far are served on.
            logger.error("registry not refreshed", metadata: [LogKeys.errorKind: "\(error)"])
            return false
        }
    }
}
