import AsyncHTTPClient
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import Simulator
import Synchronization
import Telegram

/// The gateway's side of a test: records every request and answers as it is told.
final class Receiver: Sendable {
    struct Received: Sendable {
        let path: String
        let host: String?
        let fields: HTTPFields
        let body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }
        var updateID: Int64 { (try? UpdateEnvelope(body))?.updateID ?? 0 }
        var chatID: Int64 { (try? UpdateEnvelope(body))?.chat?["id"]?.int64 ?? 0 }
    }

    struct Answer: Sendable {
        var status: HTTPResponse.Status = .ok
        var fields: HTTPFields = [:]
        var body = ""

        static let ok = Answer()
    }

    private struct State {
        var received: [Received] = []
        var watchers: [(count: Int, signal: AsyncStream<Never>.Continuation)] = []
    }

    private let state = Mutex(State())
    private let answer: @Sendable (_ received: Received, _ number: Int) async -> Answer
    private let ports = AsyncStream.makeStream(of: Int.self)

    /// - Parameter answer: gets the request and how many came before it.
    init(answer: @escaping @Sendable (_ received: Received, _ number: Int) async -> Answer = { _, _ in .ok }) {
        self.answer = answer
    }

    var received: [Received] { state.withLock(\.received) }

    /// Waits until so many requests have come, or the task is cancelled.
    func received(atLeast count: Int) async {
        let (stream, signal) = AsyncStream.makeStream(of: Never.self)
        state.withLock { $0.watchers.append((count, signal)) }
        wakeWatchers()
        for await _ in stream {}
    }

    private func wakeWatchers() {
        let due = state.withLock { state in
            let due = state.watchers.filter { $0.count <= state.received.count }
            state.watchers.removeAll { $0.count <= state.received.count }
            return due
        }
        for watcher in due { watcher.signal.finish() }
    }

    func port() async -> Int { await ports.stream.first { _ in true } ?? 0 }

    var service: some Service {
        Application(
            responder: CallbackResponder<BasicRequestContext> { request, _ in
                let body = Array(buffer: try await request.body.collect(upTo: 1 << 20))
                let received = Received(
                    path: request.uri.string,
                    host: request.head.authority,
                    fields: request.headers,
                    body: body
                )
                let number = self.state.withLock { state in
                    state.received.append(received)
                    return state.received.count - 1
                }
                self.wakeWatchers()
                let answer = await self.answer(received, number)
                return Response(
                    status: answer.status,
                    headers: answer.fields,
                    body: .init(byteBuffer: ByteBuffer(string: answer.body))
                )
            },
            configuration: .init(address: .hostname("127.0.0.1", port: 0), serverName: nil),
            onServerRunning: { [ports] channel in ports.continuation.yield(channel.localAddress?.port ?? 0) },
            logger: silent
        )
    }
}

let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// Holds whoever passes until it is opened, or their task is cancelled: a failing test does not hang.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiting: [AsyncStream<Never>.Continuation] = []
    }

    private let state = Mutex(State())

    func pass() async {
        let (stream, signal) = AsyncStream.makeStream(of: Never.self)
        state.withLock { state in
            if state.isOpen { signal.finish() } else { state.waiting.append(signal) }
        }
        for await _ in stream {}
    }

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for signal in waiting { signal.finish() }
    }
}

/// A running simulator with one bot, one person and a receiver.
struct Scene: Sendable {
    let telegram: SimulatedTelegram
    let receiver: Receiver
    let clock: ManualClock
    let bot: SimulatedBot
    let anna: Person
    let client: HTTPClient
    let base: String
    let hook: String

    var api: BotAPI { BotAPI(client: client, base: base) }

    /// Sets the receiver as the webhook.
    func setWebhook(maxConnections: Int = 40, secret: String = "s3cret") async throws {
        _ = try await api.call(
            "setWebhook",
            token: bot.token,
            parameters: [
                "url": .string(hook), "secret_token": .string(secret), "max_connections": .int(Int64(maxConnections)),
            ]
        )
    }

    func webhookInfo() async throws -> JSONView {
        try await api.call("getWebhookInfo", token: bot.token).result
    }

    struct Answer {
        let status: Int
        let headers: HTTPHeaders
        let text: String
    }

    /// Asks anything of the simulator.
    func ask(
        _ path: String,
        method: HTTPMethod = .GET,
        type: String? = nil,
        body: String? = nil
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: base + path)
        request.method = method
        if let type { request.headers.add(name: "Content-Type", value: type) }
        if let body { request.body = .bytes(ByteBuffer(string: body)) }
        let response = try await client.execute(request, timeout: .seconds(20))
        let bytes = try await response.body.collect(upTo: 1 << 20)
        return Answer(status: Int(response.status.code), headers: response.headers, text: String(buffer: bytes))
    }

    /// Calls a method with JSON and gives the whole answer.
    func call(_ method: String, _ parameters: JSON = [:]) async throws -> Answer {
        try await ask(
            "/bot\(bot.token.reveal())/\(method)",
            method: .POST,
            type: "application/json",
            body: parameters.text
        )
    }
}

/// The date on which every scene begins.
let sceneStart: Int64 = 1_700_000_000

/// Runs simulator and receiver on free ports around a test, and stops them in order.
func withScene(
    answer: @escaping @Sendable (_ received: Receiver.Received, _ number: Int) async -> Receiver.Answer = { _, _ in .ok
    },
    _ test: (Scene) async throws -> Void
) async throws {
    let clock = ManualClock()
    let start = clock.now
    let telegram = SimulatedTelegram(
        clock: clock,
        now: { sceneStart + start.duration(to: clock.now).components.seconds },
        seed: 7
    )
    let receiver = Receiver(answer: answer)
    let server = SimulatorServer(telegram)
    let services = ServiceGroup(services: [receiver.service, server], logger: silent)
    let client = BotAPI.makeClient()
    let outcome: Result<Void, any Error>
    do {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            let scene = Scene(
                telegram: telegram,
                receiver: receiver,
                clock: clock,
                bot: try telegram.addBot(name: "Shop", username: "shop_bot"),
                anna: telegram.addPerson(firstName: "Anna", lastName: "Ek", username: "anna", languageCode: "sv"),
                client: client,
                base: "http://127.0.0.1:\(try await server.boundPort())",
                hook: "http://127.0.0.1:\(await receiver.port())/hook?x=1"
            )
            try await test(scene)
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
        }
        outcome = .success(())
    } catch {
        outcome = .failure(error)
    }
    try await client.shutdown()
    try outcome.get()
}
