import Hummingbird
import Logging
import Synchronization
import Telegram

/// A bot that exists only in the offline Bot API.
struct OfflineBot: Sendable {
    let id: Int64
    let token: String
}

/// What this program needs from a Bot API: bots to register, and where their updates shall go afterwards.
protocol OfflineBotAPI: Sendable {
    /// Scheme, host and port, for `--bot-api`.
    var address: String { get }

    /// Makes a bot nobody has registered yet.
    func makeBot() async throws -> OfflineBot

    /// The URL and secret that `setWebhook` received for a bot; nil if it was not called.
    func webhook(of bot: OfflineBot) async throws -> (url: String, secret: String)?
}

/// Runs an offline Bot API on a free loopback port for as long as `body` takes.
func withOfflineBotAPI<Value: Sendable>(
    _ body: @escaping @Sendable (any OfflineBotAPI) async throws -> Value
) async throws -> Value {
    let bots = RegistrationBots()
    let (ports, bound) = AsyncStream.makeStream(of: Int.self)
    var logger = Logger(label: "offline-bot-api")
    logger.logLevel = .critical
    let application = Application(
        router: bots.router(),
        configuration: .init(address: .hostname("127.0.0.1", port: 0)),
        onServerRunning: { bound.yield($0.localAddress?.port ?? 0) },
        logger: logger
    )
    return try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask {
            try await application.run()
            return nil
        }
        group.addTask {
            for await port in ports {
                return try await body(RegistrationAPI(address: "http://127.0.0.1:\(port)", bots: bots))
            }
            throw CancellationError()
        }
        defer { group.cancelAll() }
        while let outcome = try await group.next() {
            if let value = outcome { return value }
        }
        throw LoadFailure("the offline Bot API did not start; is a loopback port free?")
    }
}

private struct RegistrationAPI: OfflineBotAPI {
    let address: String
    let bots: RegistrationBots

    func makeBot() async throws -> OfflineBot { bots.make() }

    func webhook(of bot: OfflineBot) async throws -> (url: String, secret: String)? { bots.webhook(of: bot.token) }
}

/// Just enough of the Bot API to register bots with: it answers at once and paces nothing.
private final class RegistrationBots: Sendable {
    private struct Bot {
        let id: Int64
        var url = ""
        var secret = ""
        var maxConnections: Int64 = 40
        var allowedUpdates: JSON = []
    }

    private let bots = Mutex<[String: Bot]>([:])

    func make() -> OfflineBot {
        bots.withLock { bots in
            let id = 7_000_000_000 + Int64(bots.count)
            let characters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
            let secret = String((0..<35).map { _ in characters[Int.random(in: 0..<characters.count)] })
            let bot = OfflineBot(id: id, token: "\(id):\(secret)")
            bots[bot.token] = Bot(id: id)
            return bot
        }
    }

    func webhook(of token: String) -> (url: String, secret: String)? {
        bots.withLock { bots in
            bots[token].flatMap { $0.url.isEmpty ? nil : ($0.url, $0.secret) }
        }
    }

    func router() -> Router<BasicRequestContext> {
        let router = Router()
        let handler: @Sendable (Request, BasicRequestContext) async throws -> Response = { request, context in
            let token = try context.parameters.require("token")
            let method = try context.parameters.require("method")
            let body = try await request.body.collect(upTo: 1 << 16)
            let answer = self.answer(method, token: token, body: Array(body.readableBytesView))
            return Response(
                status: answer["ok"] == .bool(true) ? .ok : .unauthorized,
                headers: [.contentType: "application/json"],
                body: .init(byteBuffer: ByteBuffer(bytes: answer.encoded()))
            )
        }
        router.get("/bot{token}/:method", use: handler)
        router.post("/bot{token}/:method", use: handler)
        return router
    }

    private func answer(_ method: String, token: String, body: [UInt8]) -> JSON {
        let parameters = try? JSONDocument(body).root
        return bots.withLock { bots in
            guard var bot = bots[token] else {
                return ["ok": false, "error_code": 401, "description": "Unauthorized"]
            }
            switch method.lowercased() {
            case "getme":
                return [
                    "ok": true,
                    "result": [
                        "id": .int(bot.id), "is_bot": true, "first_name": .string("Load \(bot.id)"),
                        "username": .string("load_\(bot.id)_bot"), "can_join_groups": true,
                        "can_read_all_group_messages": false, "supports_inline_queries": false,
                    ],
                ]
            case "setwebhook", "deletewebhook":
                bot.url = parameters?["url"]?.string ?? ""
                bot.secret = parameters?["secret_token"]?.string ?? ""
                bot.maxConnections = parameters?["max_connections"]?.int64 ?? 40
                bot.allowedUpdates = parameters?["allowed_updates"].map { JSON($0) } ?? []
                bots[token] = bot
                return ["ok": true, "result": true, "description": "Webhook was set"]
            case "getwebhookinfo":
                return [
                    "ok": true,
                    "result": [
                        "url": .string(bot.url), "has_custom_certificate": false, "pending_update_count": 0,
                        "max_connections": .int(bot.maxConnections), "allowed_updates": bot.allowedUpdates,
                    ],
                ]
            default: return ["ok": true, "result": true]
            }
        }
    }
}
