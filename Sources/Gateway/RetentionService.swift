import Logging
import ServiceLifecycle

/// Lets old raw updates go beside the server: a round a minute.
public struct RetentionService<C: Clock>: Service where C.Duration == Duration {
    /// The time between two rounds.
    public static var interval: Duration { .seconds(60) }

    private let retention: Retention
    private let clock: C
    private let logger: Logger

    /// Makes the service.
    ///
    /// - Parameter clock: what the time between two rounds is kept on.
    public init(_ retention: Retention, clock: C, logger: Logger) {
        self.retention = retention
        self.clock = clock
        self.logger = logger
    }

    /// Runs until graceful shutdown; the step in hand is finished then, the others come after the next start.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            var retention = retention
            while !Task.isCancelled {
                do {
                    let report = try await retention.round()
                    if report.rows > 0 {
                        logger.info("old updates let go", metadata: [LogKeys.count: "\(report.rows)"])
                    }
                } catch is CancellationError {
                    return
                } catch {
                    // The next round goes on where this one ended.
                    logger.warning("old updates not let go", metadata: [LogKeys.errorKind: "\(error)"])
                }
                do { try await clock.sleep(for: Self.interval) } catch { return }
            }
        }
    }
}
