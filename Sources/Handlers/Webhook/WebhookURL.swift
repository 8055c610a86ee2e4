import Foundation

/// Where a handler is: http or https, read strictly, so that no two programs read different hosts in it.
public struct WebhookURL: Hashable, Sendable {
    /// Why a text is no such URL, with the mend.
    public struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
        /// The reason.
        public let description: String

        init(_ description: String) { self.description = description }
    }

    /// Characters of the longest.
    public static let longest = 2048

    /// Whether the call goes under TLS.
    public let isSecure: Bool
    /// The name in lower case, or the address; without brackets.
    public let host: String
    /// The address, if the host is one.
    public let address: IPAddress?
    /// The port.
    public let port: Int
    /// What the request asks for: path and query.
    public let target: String

    /// `Host` of the request.
    public var authority: String {
        let shown = address?.isVersion4 == false ? "[\(host)]" : host
        return port == (isSecure ? 443 : 80) ? shown : "\(shown):\(port)"
    }

    /// Reads a URL.
    ///
    /// An address of version 4 is taken in its plain form alone: what is decimal, octal, hexadecimal or shortened, other programs would read
    /// as an address too.
    ///
    /// **Source:** RFC 3986, 3.2; WHATWG URL, "host parsing" (a host whose last label is a number is an address).
    public init(_ text: String) throws(Fault) {
        guard (1...Self.longest).contains(text.utf8.count) else {
            throw Fault("it has more than \(Self.longest) characters")
        }
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\\") }) else {
            throw Fault(
                "it holds a blank, a backslash or a character beyond ASCII: write a name of other letters in its xn-- form, and other characters as %XX"
            )
        }
        guard let end = text.range(of: "://") else { throw Fault("it does not begin with https://") }
        switch text[..<end.lowerBound].lowercased() {
        case "https": isSecure = true
        case "http": isSecure = false
        default: throw Fault("it does not begin with https://")
        }
        guard !text.contains("#") else { throw Fault("it has a # part, which is never sent: leave that out") }
        let rest = text[end.upperBound...]
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        guard !authority.contains("@") else {
            throw Fault("it holds credentials before an @: the signature tells that it is us")
        }
        let path = rest[authority.endIndex...]
        target = path.hasPrefix("/") ? String(path) : "/" + path
        let (host, port) = try Self.split(authority)
        (self.host, address) = try Self.read(host)
        self.port = try port.map { text throws(Fault) in try Self.read(port: text) } ?? (isSecure ? 443 : 80)
    }

    private static func split(_ authority: Substring) throws(Fault) -> (Substring, Substring?) {
        guard authority.hasPrefix("[") else {
            let parts = authority.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            return (parts.first ?? "", parts.count > 1 ? parts[1] : nil)
        }
        guard let close = authority.firstIndex(of: "]") else { throw Fault("its [ is never closed") }
        let rest = authority[authority.index(after: close)...]
        guard rest.isEmpty || rest.hasPrefix(":") else { throw Fault("something stands between ] and the port") }
        return (authority[...close], rest.isEmpty ? nil : rest.dropFirst())
    }

    private static func read(port text: Substring) throws(Fault) -> Int {
        guard let port = Int(text), (1...65535).contains(port), String(port) == text else {
            throw Fault("its port is no number from 1 to 65535")
        }
        return port
    }

    private static func read(_ text: Substring) throws(Fault) -> (String, IPAddress?) {
        if text.hasPrefix("[") {
            let inner = String(text.dropFirst().dropLast())
            guard !inner.contains("%") else { throw Fault("its address has a zone (%), which is of one machine alone") }
            guard let address = IPAddress(inner), !address.isVersion4 else {
                throw Fault("what stands in [ ] is no IPv6 address")
            }
            return (address.description, address)
        }
        let host = text.lowercased()
        guard !host.hasSuffix(".") else { throw Fault("its host ends in a dot: leave that out") }
        let labels = host.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...253).contains(host.utf8.count), labels.allSatisfy(isLabel) else {
            throw Fault("its host is no name: letters, digits and inner hyphens between dots")
        }
        // A last label that is a number makes it an address, in whatever spelling.
        guard let last = labels.last, !isNumber(last) else {
            guard let address = IPAddress(host) else {
                throw Fault("its host is an address in an unusual spelling: write it as 203.0.113.7, or give a name")
            }
            return (host, address)
        }
        return (host, nil)
    }

    private static func isLabel(_ label: Substring) -> Bool {
        (1...63).contains(label.utf8.count) && !label.hasPrefix("-") && !label.hasSuffix("-")
            && label.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D || $0 == 0x5F
            }
    }

    private static func isNumber(_ label: Substring) -> Bool {
        label.utf8.allSatisfy { (0x30...0x39).contains($0) }
            || label.hasPrefix("0x") && label.dropFirst(2).allSatisfy(\.isHexDigit)
    }
}

/// Which URLs and addresses may be called: those of the public Internet under https, and what the operator allows besides.
public struct WebhookRules: Hashable, Sendable {
    /// Something that the operator allows.
    public enum Exception: Hashable, Sendable {
        /// A host by name or address, at every port or at one.
        case host(String, port: Int?)
        /// All addresses of a range.
        case block(AddressBlock)

        /// Reads `host`, `host:port`, `[address]:port`, an address or `address/bits`; nil for all else.
        public init?(_ text: String) {
            if text.contains("/") {
                guard let block = AddressBlock(text) else { return nil }
                self = .block(block)
                return
            }
            let isBare = text.contains(":") && IPAddress(text) != nil
            guard let url = try? WebhookURL("https://" + (isBare ? "[\(text)]" : text)), url.target == "/",
                !text.hasSuffix("/")
            else { return nil }
            let hasPort = !isBare && text.wholeMatch(of: /.*:[0-9]+/) != nil && !text.hasSuffix("]")
            self = .host(url.host, port: hasPort ? url.port : nil)
        }
    }

    /// What is allowed besides.
    public var exceptions: [Exception]

    /// Makes rules.
    public init(exceptions: [Exception] = []) { self.exceptions = exceptions }

    /// Why a URL may not be called, as far as it tells itself; nil if it may, or if that hangs on what its name resolves to.
    public func objection(to url: WebhookURL) -> String? {
        if allows(url) { return nil }
        if let address = url.address { return objection(to: address, isSecure: url.isSecure) }
        let mayResolve = exceptions.contains { if case .block = $0 { true } else { false } }
        return url.isSecure || mayResolve ? nil : Self.needsTLS
    }

    /// Why what a name resolves to may not be called: one address that may not is enough.
    func objection(to url: WebhookURL, at addresses: [IPAddress]) -> String? {
        if allows(url) { return nil }
        return addresses.lazy.compactMap { objection(to: $0, isSecure: url.isSecure) }.first
    }

    private func allows(_ url: WebhookURL) -> Bool {
        exceptions.contains { exception in
            guard case .host(let host, let port) = exception else { return false }
            return host == url.host && (port == nil || port == url.port)
        }
    }

    private func objection(to address: IPAddress, isSecure: Bool) -> String? {
        let isAllowed = exceptions.contains { exception in
            guard case .block(let block) = exception else { return false }
            return block.contains(address)
        }
        if isAllowed { return nil }
        if let what = AddressRules.objection(to: address) {
            return "its host is \(what); only the operator can allow that (SWITCHBOARD_WEBHOOK_ALLOW, for `serve` too)"
        }
        return isSecure ? nil : Self.needsTLS
    }

    private static let needsTLS =
        "it is not https; only the operator can allow http (SWITCHBOARD_WEBHOOK_ALLOW, for `serve` too)"
}
