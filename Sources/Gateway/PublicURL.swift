import Foundation

/// Where Telegram reaches this server: scheme, host, perhaps port and a path in front of ours.
public struct PublicURL: Hashable, Sendable, CustomStringConvertible {
    /// The URL without a slash at its end.
    public let text: String

    /// The URL.
    public var description: String { text }

    /// Telegram sends webhooks to these ports only.
    ///
    /// **Source:** Bot API, `setWebhook`.
    public static let ports: Set<Int> = [443, 80, 88, 8443]

    /// Checks a URL.
    ///
    /// - Parameters:
    ///   - text: such as `https://bots.example.com`.
    ///   - botAPI: where the Bot API is: http is taken only when both are on loopback, and then any port.
    /// - Throws: `GatewayError.badPublicURL` with what to mend.
    public init(_ text: String, botAPI: String) throws(GatewayError) {
        let trimmed = String(text.reversed().drop { $0 == "/" }.reversed())
        // Strictly: what is kept goes to Telegram as it is written.
        guard let url = URLComponents(string: trimmed, encodingInvalidCharacters: false), let host = url.host,
            !host.isEmpty, let scheme = url.scheme
        else {
            throw .badPublicURL("it is not a URL such as https://bots.example.com")
        }
        guard url.user == nil, url.password == nil, url.query == nil, url.fragment == nil else {
            throw .badPublicURL("it holds more than scheme, host, port and path")
        }
        let local = Self.isLoopback(trimmed) && Self.isLoopback(botAPI)
        switch scheme {
        case "https": break
        case "http" where local: break
        case "http":
            throw .badPublicURL("it must be https; http is taken only when it and the Bot API are both on loopback")
        default: throw .badPublicURL("its scheme must be https")
        }
        guard local || Self.ports.contains(url.port ?? 443) else {
            throw .badPublicURL("Telegram sends to the ports 443, 80, 88 and 8443 only")
        }
        self.text = trimmed
    }

    /// Takes a URL that was checked before, from the database.
    public init(recorded text: String) { self.text = text }

    /// The URL of one bot's webhook.
    public func webhook(_ hook: String) -> String { "\(text)/telegram/\(hook)" }

    /// Whether a URL's host is of this machine.
    public static func isLoopback(_ url: String) -> Bool {
        guard let host = URLComponents(string: url, encodingInvalidCharacters: false)?.host else { return false }
        let bare = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        if bare == "localhost" || bare == "::1" { return true }
        let parts = bare.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127"
            && parts.allSatisfy { part in
                UInt8(part) != nil && part.utf8.allSatisfy { $0 &- UInt8(ascii: "0") < 10 }
            }
    }
}
