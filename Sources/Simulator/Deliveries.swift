import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import Telegram

/// Posts updates to webhooks; owns every task that does.
///
/// A task posts one update, then goes on with the next of the same bot, or waits out a back-off and gives the lane back.
struct Deliveries: Service {
    /// An answer that is not complete by then is a failure.
    ///
    /// **Source:** tdlib/telegram-bot-api `WebhookActor`, 60 s.
    static let timeout = Duration.seconds(60)

    /// A longer body makes a success a failure.
    ///
    /// **Source:** tdlib `HttpReader.cpp`, `MAX_TOTAL_*`.
    static let maximumAnswerBytes = 1 << 20

    let telegram: SimulatedTelegram

    func run() async throws {
        let client = Self.makeClient()
        let (deliveries, outlet) = AsyncStream.makeStream(of: Delivery.self)
        telegram.change { state, effects in state.begin(outlet, &effects) }
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                for await delivery in deliveries {
                    group.addTask { await work(on: delivery, client) }
                }
                telegram.change { state, _ in state.end() }
                group.cancelAll()
            }
        } onGracefulShutdown: {
            outlet.finish()
        }
        try await client.shutdown()
    }

    private static func makeClient() -> HTTPClient {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.httpVersion = .http1Only
        configuration.timeout = .init(connect: .seconds(60))
        configuration.connectionPool.idleTimeout = .seconds(60)
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 4096
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    private func work(on first: Delivery, _ client: HTTPClient) async {
        var next: Delivery? = first
        while let delivery = next, !Task.isCancelled {
            let outcome = await timed(delivery, client)
            if Task.isCancelled { return }
            switch telegram.change({ state, effects in state.settle(delivery, outcome, &effects) }) {
            case .post(let another): next = another
            case .done: next = nil
            case .rest(let until):
                do { try await telegram.time.sleep(until) } catch { return }
                telegram.change { state, effects in state.wake(delivery, &effects) }
                next = nil
            }
        }
    }

    private func timed(_ delivery: Delivery, _ client: HTTPClient) async -> PostOutcome {
        if delivery.delay > .zero {
            do { try await telegram.time.sleep(telegram.time.elapsed() + delivery.delay) } catch {
                return .failed("Connection closed")
            }
        }
        let deadline = telegram.time.elapsed() + Self.timeout
        return await withTaskGroup(of: PostOutcome.self) { group in
            group.addTask { await post(delivery, client) }
            group.addTask {
                // Cancelled means that the answer came first, and then nobody reads this.
                do { try await telegram.time.sleep(deadline) } catch { return .failed("Connection closed") }
                return .failed("Read timeout expired")
            }
            let outcome = await group.next()
            group.cancelAll()
            return outcome ?? .failed("Connection closed")
        }
    }

    private func post(_ delivery: Delivery, _ client: HTTPClient) async -> PostOutcome {
        do {
            let response = try await client.execute(Self.request(delivery), timeout: .hours(1))
            var received: [UInt8] = []
            for try await part in response.body {
                received.append(contentsOf: part.readableBytesView)
                if received.count > Self.maximumAnswerBytes { return .failed("Response is too long") }
            }
            let status = response.status
            return .answered(
                status: Int(status.code),
                statusText: "\(status.code) \(status.reasonPhrase)",
                retryAfterSeconds: response.headers.first(name: "Retry-After").flatMap { Int64($0) } ?? 0,
                call: Self.call(response.headers.first(name: "Content-Type") ?? "", received)
            )
        } catch {
            return .failed(Self.words(for: error))
        }
    }

    /// The call that an answer's body is, if it is of a kind that can be one; a broken one is none.
    private static func call(_ contentType: String, _ body: [UInt8]) -> Parameters? {
        guard !body.isEmpty, !contentType.isEmpty else { return nil }
        return try? Parameters(query: "", contentType: contentType, body: body)
    }

    /// The request as Telegram writes it.
    ///
    /// **Source:** tdlib/telegram-bot-api `WebhookActor::send_update`: these headers and no other. The client puts `Content-Length`
    /// last, where Telegram has it before `Connection`.
    private static func request(_ delivery: Delivery) -> HTTPClientRequest {
        let webhook = delivery.webhook
        var request = HTTPClientRequest(url: webhook.address.target)
        request.method = .POST
        request.headers.add(name: "Host", value: webhook.address.hostHeader)
        if let authorization = webhook.address.authorization {
            request.headers.add(name: "Authorization", value: authorization)
        }
        let secret = webhook.secret.reveal()
        if !secret.isEmpty { request.headers.add(name: "X-Telegram-Bot-Api-Secret-Token", value: secret) }
        request.headers.add(name: "Content-Type", value: "application/json")
        request.headers.add(name: "Connection", value: "keep-alive")
        request.headers.add(name: "Accept-Encoding", value: "gzip, deflate")
        let body = ByteBuffer(bytes: delivery.update.body)
        if delivery.isCut {
            request.body = .stream(CutBody(bytes: body), length: .known(Int64(body.readableBytes)))
        } else {
            request.body = .bytes(body)
        }
        return request
    }

    /// What Telegram says of a connection that failed: the operating system's words.
    ///
    /// "Connection closed", for one that ended without an answer, is inferred.
    private static func words(for error: any Error) -> String {
        switch error {
        case let error as IOError: return words(forErrno: error.errnoCode)
        case let error as NIOConnectionError:
            if let first = error.connectionErrors.first { return words(for: first.error) }
            return "Failed to resolve host: Name or service not known"
        case is ChannelError: return "Connection timed out"
        case let error as HTTPClientError where error == .connectTimeout: return "Connection timed out"
        default: return "Connection closed"
        }
    }

    private static func words(forErrno code: CInt) -> String {
        switch code {
        case 111: "Connection refused"
        case 104: "Connection reset by peer"
        case 110: "Connection timed out"
        case 113: "No route to host"
        case 101: "Network is unreachable"
        case 32: "Broken pipe"
        default: "Connection closed"
        }
    }
}

/// A body that is sent whole and then breaks the exchange, so that the connection closes before an answer is read.
private struct CutBody: AsyncSequence, Sendable {
    struct Cut: Error {}

    let bytes: ByteBuffer

    struct AsyncIterator: AsyncIteratorProtocol {
        var bytes: ByteBuffer?

        mutating func next() async throws -> ByteBuffer? {
            guard let whole = bytes.take() else { throw Cut() }
            return whole
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(bytes: bytes) }
}
