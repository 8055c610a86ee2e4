/// Why a call of the Bot API brought no result.
///
/// No case holds a token or a URL.
public enum BotAPIError: Error, Hashable, Sendable {
    /// Telegram answered `ok: false`.
    case refused(Refusal)
    /// The request never left: name not resolved, connection refused or not made in time. Nothing happened there.
    case unreachable(String)
    /// The request was written but no answer came: it may have been carried out.
    case noAnswer(String)
    /// An answer came that is not of the Bot API, say a page of a front end: it may have been carried out.
    case unreadable(status: Int)

    /// What Telegram said when it refused.
    ///
    /// **Source:** Bot API, "Making requests", `ResponseParameters`.
    public struct Refusal: Hashable, Sendable {
        /// `error_code`, equal to the HTTP status.
        public var code: Int
        /// `description`, with anything shaped like a token struck out.
        public var text: String
        /// Seconds to wait, with a 429.
        public var retryAfterSeconds: Int?
        /// The id that a group has as a supergroup.
        public var migrateToChatID: Int64?

        /// Makes a refusal.
        public init(code: Int, text: String, retryAfterSeconds: Int? = nil, migrateToChatID: Int64? = nil) {
            self.code = code
            self.text = text
            self.retryAfterSeconds = retryAfterSeconds
            self.migrateToChatID = migrateToChatID
        }
    }

    /// What a caller may do about it.
    public enum Treatment: Hashable, Sendable {
        /// Telegram asks to wait this long.
        case retryAfter(Duration)
        /// The same call may work later; whether it was carried out already is for the caller to weigh.
        case retryLater
        /// The same call will fail again.
        case never
    }

    /// Whether and when the same call is worth another try.
    public var treatment: Treatment {
        switch self {
        case .refused(let refusal):
            if let seconds = refusal.retryAfterSeconds { return .retryAfter(.seconds(seconds)) }
            return refusal.code >= 500 ? .retryLater : .never
        case .unreachable, .noAnswer: return .retryLater
        case .unreadable(let status): return status >= 500 ? .retryLater : .never
        }
    }

    /// Whether Telegram does not know the token: revoked, replaced or never given out.
    ///
    /// **Source:** the server answers 401; the hosted front end may answer a bare 404 "Not Found" to a token that
    /// it cannot read, while a wrong method is "Not Found: method not found".
    public var tokenIsUnknown: Bool {
        guard case .refused(let refusal) = self else { return false }
        return refusal.code == 401 || (refusal.code == 404 && refusal.text == "Not Found")
    }
}

extension BotAPIError: CustomStringConvertible {
    /// One line for people, without token and URL.
    public var description: String {
        switch self {
        case .refused(let refusal): "Telegram refused: \(refusal.code) \(refusal.text)"
        case .unreachable(let why): "Telegram cannot be reached: \(why)"
        case .noAnswer(let why): "no answer from Telegram: \(why)"
        case .unreadable(let status): "the answer (status \(status)) is not one of the Bot API"
        }
    }
}
