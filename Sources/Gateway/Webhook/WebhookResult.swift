/// What a handler answered.
public struct WebhookResponse: Hashable, Sendable {
    /// The status.
    public var status: Int
    /// `Retry-After` as it was written.
    public var retryAfter: String?
    /// The body: its beginning, if it has more than `WebhookLimits.actions` bytes, and one byte more than that.
    public var body: [UInt8]

    /// Makes one.
    public init(status: Int, retryAfter: String? = nil, body: [UInt8] = []) {
        self.status = status
        self.retryAfter = retryAfter
        self.body = body
    }
}

/// How much of a call there may be.
public enum WebhookLimits {
    /// Bytes of the longest answer that is read.
    public static let answer = 1 << 20
    /// Bytes of the longest answer that holds actions: reading one must not keep others waiting.
    public static let actions = 64 << 10
    /// Bytes of an answer that are kept, for people to see.
    ///
    /// **Source:** Svix, `worker.rs`.
    public static let kept = 20_000
    /// Seconds within which head and body of the answer must be there, and what a pipeline may ask for.
    public static let timeout: Int64 = 10
    /// See `timeout`.
    ///
    /// **Source:** Standard Webhooks 1.0.0: 15 to 30 s.
    public static let timeouts: ClosedRange<Int64> = 1...30
}

/// Why there was no answer; in words that hold nothing secret.
public enum WebhookFault: Error, Hashable, Sendable {
    /// It was not called: what the URL names may not be called.
    case refused(String)
    /// The name has no address.
    case unresolved(String)
    /// Nobody took the connection.
    case unreachable(String)
    /// The certificate, or what goes before a request under TLS.
    case tls(String)
    /// Head and body were not there in time.
    case timeout
    /// The answer is longer than `WebhookLimits.answer`.
    case tooLong
    /// The connection ended before the answer did.
    case cutOff
    /// What came is no HTTP.
    case notHTTP
    /// The server stops; it says nothing about the handler.
    case interrupted
}

extension WebhookFault: CustomStringConvertible {
    /// For the business: what was, and the mend.
    public var description: String {
        switch self {
        case .refused(let why): "not called: \(why)"
        case .unresolved(let host): "the name \(host.quoted) has no address: see the URL, and the name's DNS"
        case .unreachable(let why): "no connection: \(why)"
        case .tls(let why): "no connection under TLS: \(why)"
        case .timeout: "no whole answer in time: answer first, and work afterwards"
        case .tooLong: "the answer has more than \(WebhookLimits.answer) bytes: send the actions alone"
        case .cutOff: "the connection ended before the answer was whole"
        case .notHTTP: "what came back is no HTTP/1.1"
        case .interrupted: "the server was stopped meanwhile"
        }
    }
}

/// What is done about the end of one try.
public enum WebhookVerdict: Hashable, Sendable {
    /// A status of 2xx: the body may hold actions.
    case delivered([UInt8])
    /// It is tried again after this long.
    case again(Duration, why: String)
    /// It was the last try.
    case exhausted(why: String)
    /// The handler wants nothing any more: it is not called again.
    case gone
    /// The try does not count.
    case interrupted

    /// Judges the end of a try.
    ///
    /// **Source:** Standard Webhooks 1.0.0: only 2xx is success; a redirect is a failure and not followed; 410 turns the endpoint off; 429, 502
    /// and 504 slow down.
    ///
    /// - Parameter tries: how many there were, this one included.
    public init(
        _ result: Result<WebhookResponse, WebhookFault>,
        tries: Int,
        at now: Timestamp,
        using generator: inout some RandomNumberGenerator
    ) {
        let (why, retryAfter, slowsDown): (String, Duration?, Bool)
        switch result {
        case .success(let answer) where (200...299).contains(answer.status):
            self = .delivered(answer.body)
            return
        case .success(let answer) where answer.status == 410:
            self = .gone
            return
        case .failure(.interrupted):
            self = .interrupted
            return
        case .success(let answer):
            why = Self.words(answer.status)
            retryAfter = answer.retryAfter.flatMap { RetryAfter.wait($0, at: now) }
            slowsDown = [429, 502, 504].contains(answer.status)
        case .failure(let fault): (why, retryAfter, slowsDown) = (fault.description, nil, fault == .timeout)
        }
        let wait = DeliverySchedule.wait(
            after: tries,
            retryAfter: retryAfter,
            slowsDown: slowsDown,
            using: &generator
        )
        self = wait.map { .again($0, why: why) } ?? .exhausted(why: why)
    }

    private static func words(_ status: Int) -> String {
        switch status {
        case 300...399: "it answered \(status): redirects are not followed, give the address that it leads to"
        case 401, 403: "it answered \(status): it does not accept the signature, or asks for something else"
        case 404, 405: "it answered \(status): see that the path of the URL takes POST"
        default: "it answered \(status): only 2xx counts as taken"
        }
    }
}
