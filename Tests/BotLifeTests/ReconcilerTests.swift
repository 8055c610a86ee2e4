import Gateway
import HTTPSurface
import Logging
import ServiceLifecycle
import Simulator
import Storage
import Synchronization
import Telegram
import TestClock
import Testing

extension BotLifeTests {
    @Suite("is looked after beside the server")
    struct Reconciliation {
        /// Runs the service while the body runs.
        private static func running(
            _ scene: BotScene,
            logger: Logger = BotScene.silent,
            at publicURL: String? = nil,
            instruments: TelegramInstruments = Instruments.none.telegram,
            _ body: () async throws -> Void
        ) async throws {
            let service = WebhookReconciler(
                scene.webhooks(at: publicURL),
                clock: scene.clock,
                logger: logger,
                instruments: instruments
            )
            let group = ServiceGroup(services: [service], logger: BotScene.silent)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await group.run() }
                do {
                    try await body()
                } catch {
                    await group.triggerGracefulShutdown()
                    throw error
                }
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
        }

        /// Registers bots without telling Telegram.
        private static func silently(_ count: Int, _ scene: BotScene) async throws -> [BotToken] {
            var tokens: [BotToken] = []
            let registration = BotRegistration(scene.webhooks(telegram: BotScene.nowhere))
            for number in 0..<count {
                let token = try scene.make("shop\(number)").token
                tokens.append(token)
                await #expect(throws: GatewayError.self) { try await registration.add(token, to: scene.business) }
            }
            return tokens
        }

        @Test func `fifteen bots a minute, one after the other, and none is forgotten`() async throws {
            try await BotScene.with { scene in
                let tokens = try await Self.silently(20, scene)
                func inOrder() async throws -> Int {
                    try await scene.value(Int.self, "SELECT count(*) FROM bot WHERE health = 'ok'") ?? -1
                }
                try await Self.running(scene) { () async throws in
                    let start = scene.clock.now
                    for turn in 1...20 {
                        await scene.clock.untilSomebodySleeps()
                        #expect(try await inOrder() == turn)
                        if turn == 15 { #expect(start.duration(to: scene.clock.now) == .seconds(56)) }
                        scene.clock.advance(by: .seconds(4))
                    }
                }
                for token in tokens { #expect(try await !scene.webhookURL(token).isEmpty) }
            }
        }

        @Test func `after the server has moved every webhook follows it`() async throws {
            try await BotScene.with { scene in
                let (bot, token) = try await scene.register()
                try await Self.running(scene, at: "http://127.0.0.1:9") { () async throws in
                    await scene.clock.untilSomebodySleeps()
                    #expect(try await scene.webhookURL(token) == "http://127.0.0.1:9/telegram/\(bot.hook)")
                }
            }
        }

        @Test func `a 429 is counted under the one who called`() async throws {
            try await BotScene.with { scene in
                let (bot, _) = try await scene.register()
                let flood = "Too Many Requests: retry after 7"
                scene.telegram.failCalls(.refusal(status: 429, description: flood, retryAfterSeconds: 7))
                try await scene.store.postpone(bot.id, until: scene.now, failures: 0)
                let metrics = PrometheusMetrics()
                let instruments = Instruments(metrics, businesses: 0).telegram
                #expect(metrics.text().contains("switchboard_telegram_429_total{caller=\"webhooks\"} 0\n"))
                try await Self.running(scene, instruments: instruments) { () async throws in
                    await scene.clock.untilSomebodySleeps()
                    #expect(metrics.text().contains("switchboard_telegram_429_total{caller=\"webhooks\"} 1\n"))
                }
            }
        }

        @Test func `a change is logged once, with neither token nor URL`() async throws {
            try await BotScene.with { scene in
                let (bot, token) = try await scene.register()
                try await scene.takeOver(token)
                let lines = LogLines()
                let logger = Logger(label: "test") { _ in LineHandler(lines: lines) }
                try await Self.running(scene, logger: logger) { () async throws in
                    // The first look is due a day after the registration; then every hour.
                    for _ in 0..<3 {
                        scene.clock.advance(by: .seconds(26 * 3600))
                        await scene.clock.untilSomebodySleeps()
                    }
                }
                let told = lines.all.filter { $0.contains("out of order") }
                #expect(told.count == 1, "\(lines.all)")
                #expect(told.allSatisfy { $0.contains(bot.id.description) && $0.contains("webhook_failed") })
                #expect(!lines.all.contains { $0.contains("secret-path") || $0.contains(token.reveal()) })
                #expect(try await scene.webhookURL(token).contains("theirs"))
            }
        }

        @Test func `paused bots and bots of suspended businesses are looked after too`() async throws {
            try await BotScene.with { scene in
                let (bot, token) = try await scene.register()
                try await scene.api.deleteWebhook(token: token)
                _ = try await scene.store.setPaused(true, of: bot.id)
                _ = try await scene.store.setState(.suspended, of: scene.business.id)
                try await scene.store.postpone(bot.id, until: scene.now, failures: 0)
                try await Self.running(scene) { () async throws in
                    await scene.clock.untilSomebodySleeps()
                    #expect(try await scene.webhookURL(token).hasSuffix(bot.hook))
                }
            }
        }
    }
}

/// What was logged.
final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }

    func add(_ line: String) { lines.withLock { $0.append(line) } }
}

/// Keeps what is logged.
struct LineHandler: LogHandler {
    let lines: LogLines
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { lines.add("\(event.message) \(event.metadata ?? [:])") }
}
