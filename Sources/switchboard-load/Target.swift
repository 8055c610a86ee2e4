/// Where one bot's updates go, and the secret that Telegram would send with them.
struct Webhook: Sendable {
    let path: String
    let secret: String
}

/// A server under load and the webhooks it answers.
struct Target: Sendable {
    let name: String
    let host: String
    let port: Int
    let webhooks: [Webhook]

    /// Refuses hosts other than this machine's loopback: a load program pointed elsewhere by mistake is an attack.
    init(name: String, host: String, port: Int, webhooks: [Webhook], allowedHost: String?) throws {
        guard Self.isLoopback(host) || host == allowedHost else {
            throw LoadFailure("\(host) is not this machine; to load it all the same, name it with --allow-host \(host)")
        }
        self.name = name
        self.host = host
        self.port = port
        self.webhooks = webhooks
    }

    /// `host` and `port` of an http URL, and what follows them.
    static func parts(ofURL url: String) -> (host: String, port: Int, path: String)? {
        let scheme = "http://"
        guard url.hasPrefix(scheme) else { return nil }
        let rest = url.dropFirst(scheme.count)
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let authority = rest[..<slash]
        guard let colon = authority.lastIndex(of: ":") else {
            return (String(authority), 80, slash == rest.endIndex ? "/" : String(rest[slash...]))
        }
        guard let port = Int(authority[authority.index(after: colon)...]), (1...65535).contains(port) else {
            return nil
        }
        return (String(authority[..<colon]), port, slash == rest.endIndex ? "/" : String(rest[slash...]))
    }

    private static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
