import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization
import Telegram

/// Serves a simulated Telegram over HTTP, and delivers its updates to the webhooks.
///
/// Runs until graceful shutdown or cancellation; what was in flight then is not acknowledged and is delivered again when a server
/// of the same Telegram runs next. One server at a time runs a Telegram.
///
/// Beside the Bot API and its files it answers under `/simulator/`, so that a person can play with `curl`; in `ControlCall` stands what
/// there is. What is wrong in such a request is told with status 400 as `{"error": "…"}`.
public struct SimulatorServer: Service {
    /// A longer request body is refused with 413.
    ///
    /// **Source:** the hosted service takes uploads of 50 MB.
    static let maximumBodyBytes = 52 << 20

    private let telegram: SimulatedTelegram
    private let host: String
    private let port: Int
    private let logger: Logger
    private let bound = BoundPort()

    /// Makes a server that does not run yet.
    ///
    /// - Parameters:
    ///   - telegram: what is served.
    ///   - host: the address to listen on.
    ///   - port: 0 for any free one; `boundPort()` tells which.
    ///   - logger: silent if absent.
    public init(
        _ telegram: SimulatedTelegram,
        host: String = "127.0.0.1",
        port: Int = 0,
        logger: Logger = Logger(label: "simulator") { _ in SwiftLogNoOpLogHandler() }
    ) {
        self.telegram = telegram
        self.host = host
        self.port = port
        self.logger = logger
    }

    /// The port that the server listens on, once it does.
    ///
    /// - Throws: what kept the server from listening; `SimulatorError.notRunning` once it has stopped.
    public func boundPort() async throws -> Int { try await bound.value() }

    /// Serves and delivers until graceful shutdown or cancellation.
    public func run() async throws {
        let bound = self.bound
        let telegram = self.telegram
        let application = Application(
            responder: CallbackResponder<CallContext> { request, context in
                try await Responder(telegram: telegram, channel: context.channel).respond(to: request)
            },
            configuration: .init(address: .hostname(host, port: port), serverName: nil),
            onServerRunning: { channel in
                bound.resolve(.success(channel.localAddress?.port ?? 0))
            },
            logger: logger
        )
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await application.run() }
                group.addTask { try await Deliveries(telegram: telegram).run() }
                for try await _ in group {}
            }
        } catch {
            bound.resolve(.failure(error))
            throw error
        }
        bound.resolve(.failure(SimulatorError.notRunning))
    }

    /// Serves and delivers while the body runs, then stops gracefully; for tests and demonstrations.
    public func whileRunning<Outcome: Sendable>(
        _ body: (_ port: Int) async throws -> Outcome
    ) async throws -> Outcome {
        let services = ServiceGroup(services: [self], logger: logger)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            let outcome = try await body(try await boundPort())
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
            return outcome
        }
    }
}

/// A call of the Bot API, out of a path.
///
/// **Source:** tdlib/telegram-bot-api `HttpConnection::handle`: `/bot<token>/<method>`, the method in any case; without a
/// method the parameter `method` names it; without a slash after the token there is no such page.
struct BotCall: Sendable {
    let token: String
    let method: String
    let parameters: Parameters

    init?(path: String, _ parameters: Parameters) {
        guard path.hasPrefix("/bot") else { return nil }
        let rest = path.dropFirst(4)
        guard let slash = rest.firstIndex(of: "/") else { return nil }
        token = String(rest[..<slash])
        let name = rest[rest.index(after: slash)...]
        method = (name.isEmpty ? parameters["method"] : String(name)).lowercased()
        self.parameters = parameters
    }
}

/// The port of a server, for those who wait for it.
private final class BoundPort: Sendable {
    private struct State {
        var outcome: Result<Int, any Error>?
        var waiters: [Int: CheckedContinuation<Int, any Error>] = [:]
        var nextID = 0
    }

    private let state = Mutex(State())

    func resolve(_ outcome: Result<Int, any Error>) {
        let waiters = state.withLock { state in
            state.outcome = outcome
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.resume(with: outcome) }
    }

    func value() async throws -> Int {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let known: Result<Int, any Error>? = state.withLock { state in
                    if let outcome = state.outcome { return outcome }
                    if Task.isCancelled { return .failure(CancellationError()) }
                    state.waiters[id] = continuation
                    return nil
                }
                if let known { continuation.resume(with: known) }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(throwing: CancellationError())
        }
    }
}
