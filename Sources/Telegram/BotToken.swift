/// The token of a bot.
///
/// It cannot print itself: every description is `bot<id>:***`.
public struct BotToken: Hashable, Sendable {
    private let raw: String

    /// The part before the colon: the bot's user id, which stays when the token is replaced.
    public let botID: Int64

    /// Why a text is not a token.
    public enum Malformed: Error, Hashable, Sendable, CustomStringConvertible {
        case empty
        case noColon
        case badID
        case badSecret

        /// What to mend; never the text itself.
        public var description: String {
            switch self {
            case .empty: "the token is empty"
            case .noColon: "a token looks like 123456789:AA…, with a colon; this text has none"
            case .badID: "the part of a token before its colon is a number without leading zeros"
            case .badSecret:
                "the part of a token after its colon has at least 24 characters, only letters, digits, - and _"
            }
        }
    }

    /// Checks a token's syntax; spaces and line ends around it are dropped.
    ///
    /// **Source:** tdlib/telegram-bot-api `ClientManager::send`, `Client::start_up`: at most 80 characters, id 1 to
    /// 2^54 - 1 without leading zero, secret of base64url characters, at least 24.
    public init(_ text: some StringProtocol) throws(Malformed) {
        let characters = text.utf8.drop { Self.isSpace($0) }
        let trimmed = Array(characters.reversed().drop { Self.isSpace($0) }.reversed())
        guard !trimmed.isEmpty else { throw .empty }
        guard let colon = trimmed.firstIndex(of: UInt8(ascii: ":")) else { throw .noColon }
        let id = trimmed[..<colon]
        guard !id.isEmpty, id.count <= 17, id.first != UInt8(ascii: "0"), id.allSatisfy(Self.isDigit),
            let botID = Int64(String(decoding: id, as: UTF8.self)), botID < 1 << 54
        else { throw .badID }
        let secret = trimmed[(colon + 1)...]
        guard secret.count >= 24, trimmed.count <= 80, secret.allSatisfy(Self.isBase64URL) else { throw .badSecret }
        raw = String(decoding: trimmed, as: UTF8.self)
        self.botID = botID
    }

    /// The token itself, for the URL of a call and for sealing.
    ///
    /// The house-rules test lists the files that may ask for it.
    public func reveal() -> String { raw }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    private static func isBase64URL(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}

extension BotToken: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The id with the secret struck out.
    public var description: String { "bot\(botID):***" }
    /// The id with the secret struck out.
    public var debugDescription: String { description }
    /// Shows nothing but the id.
    public var customMirror: Mirror { Mirror(self, children: ["botID": botID]) }
}

/// The value of `secret_token` of a webhook.
///
/// It cannot print itself.
///
/// **Source:** Bot API, `setWebhook`: 1 to 256 characters of `A-Z a-z 0-9 _ -`.
public struct WebhookSecret: Hashable, Sendable {
    private let raw: String

    /// Takes a secret that was made or unsealed by us.
    public init(_ raw: String) { self.raw = raw }

    /// The secret itself, for `setWebhook` and for sealing.
    ///
    /// The house-rules test lists the files that may ask for it.
    public func reveal() -> String { raw }
}

extension WebhookSecret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Struck out.
    public var description: String { "***" }
    /// Struck out.
    public var debugDescription: String { description }
    /// Shows nothing.
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
