/// The URL of a webhook, taken apart as Telegram does.
///
/// **Source:** tdlib `HttpUrl.cpp`, `parse_url`; telegram-bot-api `WebhookActor::start_up`, `check_ip_address`.
struct WebhookAddress: Hashable, Sendable {
    let isSecure: Bool
    let userInfo: String
    let host: String
    let port: Int
    /// Path and query, beginning with a slash.
    let path: String

    /// Reads a URL; one without a scheme is https.
    ///
    /// Nil is "invalid webhook URL specified".
    init?(_ text: String) {
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else { return nil }
        var rest = Substring(text)
        var isSecure = true
        if let mark = text.firstRange(of: "://") {
            switch text[..<mark.lowerBound].lowercased() {
            case "https": isSecure = true
            case "http": isSecure = false
            default: return nil
            }
            rest = text[mark.upperBound...]
        }
        let end = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        var authority = rest[..<end]
        let tail = rest[end...].prefix { $0 != "#" }
        path = tail.hasPrefix("/") ? String(tail) : "/" + tail
        var userInfo = ""
        if let at = authority.lastIndex(of: "@") {
            userInfo = String(authority[..<at])
            authority = authority[authority.index(after: at)...]
        }
        var port = 0
        if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") {
            let digits = authority[authority.index(after: colon)...]
            guard let number = Int(digits), (0...65_535).contains(number) else { return nil }
            port = number
            authority = authority[..<colon]
        }
        guard !authority.isEmpty, authority != "." else { return nil }
        self.isSecure = isSecure
        self.userInfo = userInfo
        host = authority.lowercased()
        self.port = port == 0 ? (isSecure ? 443 : 80) : port
    }

    /// The four numbers, if the host is an IPv4 address.
    var ipv4: [UInt8]? { Self.ipv4(host) }

    /// Reads an IPv4 address.
    static func ipv4(_ text: String) -> [UInt8]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        let numbers = parts.compactMap { UInt8($0) }
        return numbers.count == 4 ? numbers : nil
    }

    /// Whether the host is this machine: there plain http and any port are taken.
    var isLoopback: Bool { host == "localhost" || host == "[::1]" || ipv4?.first == 127 }

    /// Why no webhook can be set up there, in Telegram's words; nil if it can.
    ///
    /// Names are not resolved: the simulation is offline.
    var objection: String? {
        if isLoopback { return nil }
        guard isSecure else { return "An HTTPS URL must be provided for webhook" }
        guard [443, 80, 88, 8443].contains(port) else {
            return "Webhook can be set up only on ports 80, 88, 443 or 8443"
        }
        if host.hasPrefix("[") { return "IPv6-only addresses are not allowed" }
        if let ipv4, Self.isReserved(ipv4) { return "IP address \(host) is reserved" }
        return nil
    }

    /// Whether an address is not of the public internet.
    ///
    /// **Source:** tdlib `IPAddress::is_reserved`.
    static func isReserved(_ ip: [UInt8]) -> Bool {
        let address = ip.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return reserved.contains { address >> (32 - $0.bits) == $0.network >> (32 - $0.bits) }
    }

    private static let reserved: [(network: UInt32, bits: UInt32)] = [
        (0x0000_0000, 8), (0x0A00_0000, 8), (0x6440_0000, 10), (0x7F00_0000, 8), (0xA9FE_0000, 16),
        (0xAC10_0000, 12), (0xC000_0000, 24), (0xC000_0200, 24), (0xC058_6300, 24), (0xC0A8_0000, 16),
        (0xC612_0000, 15), (0xC633_6400, 24), (0xCB00_7100, 24), (0xE000_0000, 4), (0xF000_0000, 4),
    ]

    /// `Host`: the port only where it is not 443 or 80.
    var hostHeader: String { port == 443 || port == 80 ? host : "\(host):\(port)" }

    /// Where to connect: `localhost` is taken as 127.0.0.1, since Telegram speaks IPv4 only.
    var target: String {
        "\(isSecure ? "https" : "http")://\(host == "localhost" && !isSecure ? "127.0.0.1" : host):\(port)\(path)"
    }

    /// What `getWebhookInfo` shows; a name is never resolved here.
    var ipAddress: String {
        if ipv4 != nil { return host }
        return host == "localhost" ? "127.0.0.1" : "<unknown>"
    }

    /// `Authorization` for a URL with a user in it.
    var authorization: String? { userInfo.isEmpty ? nil : "Basic " + Self.base64(Array(userInfo.utf8)) }

    private static func base64(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var out: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << (8 * UInt32(3 - group.count))
            for place in 0..<4 {
                out.append(
                    place <= group.count ? alphabet[Int(bits >> (18 - 6 * UInt32(place)) & 63)] : UInt8(ascii: "=")
                )
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
