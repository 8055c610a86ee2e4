import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Calls Telegram's Bot API.
///
/// The only place that puts a token into a URL.
public struct BotAPI: Sendable {
    /// Where the Bot API of Telegram itself is.
    public static let hosted = "https://api.telegram.org"

    /// One call may take this long, connecting and reading the answer included.
    public static let deadline = Duration.seconds(20)

    /// No answer to a call made here is longer; the largest, `getUpdates`, ends at about 4 MiB.
    static let maximumAnswerBytes = 8 << 20

    private let client: HTTPClient
    private let base: String

    /// Makes a caller.
    ///
    /// - Parameters:
    ///   - client: must not follow redirects: a token would go with them. `BotAPI.makeClient()` makes such a one.
    ///   - base: scheme, host and port, such as `https://api.telegram.org`; a slash at its end is dropped.
    public init(client: HTTPClient, base: String = BotAPI.hosted) {
        self.client = client
        self.base = base.hasSuffix("/") ? String(base.dropLast()) : base
    }

    /// A client that suits the Bot API; whoever makes it shuts it down.
    ///
    /// - Parameter connections: so many calls go at once; more wait for a connection.
    public static func makeClient(connections: Int = 8) -> HTTPClient {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout = .init(connect: .seconds(10), read: .seconds(20))
        configuration.httpVersion = .http1Only
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connections
        // Whoever waits is told at once; what to try again, and when, is decided by the caller.
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Calls one method and gives its `result`, with the `description` that some successes carry.
    ///
    /// - Parameter upload: a file that goes with it; the call may take longer then, by its size.
    /// - Throws: `BotAPIError`; its texts hold neither token nor URL.
    public func call(
        _ method: String,
        token: BotToken,
        parameters: JSON = [:],
        upload: Upload? = nil,
        deadline: Duration = BotAPI.deadline
    ) async throws(BotAPIError) -> Answer {
        var request = HTTPClientRequest(url: "\(base)/bot\(token.reveal())/\(method)")
        request.method = .POST
        if let upload {
            let boundary = "switchboard-\(UUID().uuidString)"
            let (length, body) = upload.form(parameters, boundary: boundary)
            request.headers.add(name: "Content-Type", value: "multipart/form-data; boundary=\(boundary)")
            request.body = .stream(body, length: .known(length))
        } else {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: parameters.encoded()))
        }
        let received = await exchange(request, within: deadline + (upload?.allowance ?? .zero))
        switch received {
        case .failure(let error): throw error
        case .success(let (status, body)): return try Self.read(status: status, body: body)
        }
    }

    /// The result of a call that succeeded.
    public struct Answer: Sendable {
        /// `result`.
        public let result: JSONView
        /// `description`, such as "Webhook was set".
        public let text: String?
    }

    /// Head and body under one deadline: the client's own timeout ends with the head.
    private func exchange(
        _ request: HTTPClientRequest,
        within deadline: Duration
    ) async -> Result<(Int, [UInt8]), BotAPIError> {
        await withTaskGroup(of: Result<(Int, [UInt8]), BotAPIError>?.self) { group in
            group.addTask {
                do {
                    let response = try await client.execute(request, timeout: .nanoseconds(deadline.nanoseconds))
                    let body = try await response.body.collect(upTo: Self.maximumAnswerBytes)
                    return .success((Int(response.status.code), Array(buffer: body)))
                } catch {
                    return .failure(Self.failure(error))
                }
            }
            group.addTask {
                do { try await Task.sleep(for: deadline) } catch { return nil }
                return .failure(.noAnswer("none within \(deadline.components.seconds) seconds"))
            }
            var outcome: Result<(Int, [UInt8]), BotAPIError>?
            while outcome == nil, let next = await group.next() { outcome = next }
            group.cancelAll()
            return outcome ?? .failure(.noAnswer("the call was cancelled"))
        }
    }

    private static func read(status: Int, body: [UInt8]) throws(BotAPIError) -> Answer {
        guard let root = try? JSONDocument(body).root, let ok = root["ok"]?.bool else {
            throw .unreadable(status: status)
        }
        if ok {
            guard let result = root["result"] else { throw .unreadable(status: status) }
            return Answer(result: result, text: root["description"]?.string)
        }
        throw .refused(
            .init(
                code: root["error_code"]?.int64.map(Int.init) ?? status,
                text: struckOut(root["description"]?.string ?? ""),
                retryAfterSeconds: root["parameters"]?["retry_after"]?.int64.map(Int.init),
                migrateToChatID: root["parameters"]?["migrate_to_chat_id"]?.int64
            )
        )
    }

    /// With these nothing was sent.
    private static let refusals: Set<Int32> = [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ENETDOWN, EADDRNOTAVAIL]

    private static let beforeConnection: [HTTPClientError] = [
        .connectTimeout, .tlsHandshakeTimeout, .getConnectionFromPoolTimeout,
    ]

    /// Errors of the client may hold the URL in their texts: each is put into words of ours.
    private static func failure(_ error: any Error) -> BotAPIError {
        switch error {
        case let error as HTTPClientError where beforeConnection.contains(error):
            return .unreachable("no connection in time")
        case let error as HTTPClientError where error == .cancelled: return .noAnswer("the call was cancelled")
        case let error as HTTPClientError where error == .readTimeout || error == .deadlineExceeded:
            return .noAnswer("none in time")
        case let error as HTTPClientError where error == .remoteConnectionClosed:
            return .noAnswer("the connection was closed")
        case is HTTPClientError: return .noAnswer("the HTTP exchange failed")
        case is NIOTooManyBytesError: return .noAnswer("the answer is too long")
        case is CancellationError: return .noAnswer("the call was cancelled")
        case let error as NIOConnectionError:
            if error.dnsAError != nil || error.dnsAAAAError != nil, error.connectionErrors.isEmpty {
                return .unreachable("the name \(error.host) cannot be resolved")
            }
            return .unreachable("no connection to \(error.host):\(error.port)")
        case NIOSSLError.handshakeFailed, is NIOSSLExtraError: return .unreachable("no TLS connection")
        case let error as ChannelError:
            // Only this one is of making the connection; the others end one on which the call may have been written.
            if case .connectTimeout = error { return .unreachable("no connection in time") }
            return .noAnswer("the connection was closed")
        case let error as IOError where refusals.contains(error.errnoCode): return .unreachable("no connection")
        case let error as IOError: return .noAnswer("the connection broke (errno \(error.errnoCode))")
        // An answer that is cut off or no HTTP comes as an error of the parser: the call may have been carried out.
        default: return .noAnswer("\(type(of: error))")
        }
    }

    /// The text with everything shaped like a token replaced by stars, its colon percent-encoded or not.
    static func struckOut(_ text: String) -> String {
        text.replacing(/[0-9]+(?::|%3[Aa])[A-Za-z0-9_-]{24,}/, with: "***")
    }
}

extension Duration {
    /// Whole nanoseconds, at the most Int64's.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds.multipliedReportingOverflow(by: 1_000_000_000).overflow
            ? .max : seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
