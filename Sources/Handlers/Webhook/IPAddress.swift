import Foundation

/// An address of the Internet protocol.
public struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    /// Four bytes or sixteen, the first one first.
    public let bytes: [UInt8]

    /// Whether it is of version 4.
    public var isVersion4: Bool { bytes.count == 4 }

    /// Takes four or sixteen bytes; nil for any other number.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        self.bytes = bytes
    }

    /// Reads the usual form: `192.0.2.1` with four plain decimal numbers, or any form of version 6 without a zone; nil for all else.
    ///
    /// **Source:** POSIX, `inet_pton`; RFC 4291, 2.2.
    public init?(_ text: String) {
        guard text.utf8.count <= 45, !text.utf8.contains(0) else { return nil }
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &bytes) == 1 {
            let address = Array(bytes.prefix(4))
            // Some systems take leading zeros here, which others read as octal.
            guard text == address.map(String.init).joined(separator: ".") else { return nil }
            self.bytes = address
        } else if inet_pton(AF_INET6, text, &bytes) == 1 {
            self.bytes = bytes
        } else {
            return nil
        }
    }

    /// The usual form, of version 6 that of RFC 5952.
    public var description: String {
        if isVersion4 { return bytes.map(String.init).joined(separator: ".") }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(AF_INET6, bytes, &text, socklen_t(text.count)) != nil else { return "::" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// A range of addresses with a common beginning, such as `10.0.0.0/8`.
public struct AddressBlock: Hashable, Sendable, CustomStringConvertible {
    /// The first address.
    public let first: IPAddress
    /// How many bits all have in common.
    public let length: Int

    /// Reads `address/bits`; nil for all else, and for an address with bits set behind the common ones.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let first = IPAddress(String(parts[0])), let length = Int(parts[1]),
            String(length) == parts[1], (0...first.bytes.count * 8).contains(length)
        else { return nil }
        self.first = first
        self.length = length
        let rest = first.bytes.indices.allSatisfy { first.bytes[$0] & ~mask($0) == 0 }
        guard rest else { return nil }
    }

    /// Whether an address is of the range.
    public func contains(_ address: IPAddress) -> Bool {
        address.bytes.count == first.bytes.count
            && first.bytes.indices.allSatisfy { address.bytes[$0] & mask($0) == first.bytes[$0] }
    }

    /// Which bits of a byte are common.
    private func mask(_ index: Int) -> UInt8 {
        let bits = min(max(length - index * 8, 0), 8)
        return bits == 0 ? 0 : .max << UInt8(8 - bits)
    }

    /// `address/bits`.
    public var description: String { "\(first)/\(length)" }
}

/// Which addresses belong to the public Internet.
public enum AddressRules {
    /// What an address is, if it is not public; nil for a public one.
    ///
    /// Of version 6 only 2000::/3 is public, so all that wraps an address of version 4 is refused with its wrapping: mapped (::ffff:0:0/96),
    /// compatible (::/96), translated (::ffff:0:0:0/96), NAT64 (64:ff9b::/96 and 64:ff9b:1::/48), 6to4 and Teredo.
    ///
    /// **Source:** the registries of IANA, "IPv4 Special-Purpose Address Space" and "IPv6 Special-Purpose Address Space"; RFC 4291, 2.4;
    /// RFC 5771 and RFC 1112 for multicast and reserved addresses.
    public static func objection(to address: IPAddress) -> String? {
        let table = address.isVersion4 ? version4 : version6
        if let found = table.first(where: { $0.block.contains(address) }) { return found.what }
        guard address.isVersion4 || global6?.contains(address) == true else { return "a reserved address" }
        return nil
    }

    private typealias Line = (block: AddressBlock, what: String)

    private static func table(_ lines: [(String, String)]) -> [Line] {
        lines.compactMap { text, what in AddressBlock(text).map { ($0, what) } }
    }

    /// How many lines there are, for a test that none of them is misspelt.
    static var lineCounts: [Int] { [version4.count, version6.count] }

    private static let version4 = table([
        ("0.0.0.0/8", "an address of this network"),
        ("10.0.0.0/8", "a private address"),
        ("100.64.0.0/10", "an address behind a carrier's NAT"),
        ("127.0.0.0/8", "a loopback address"),
        ("169.254.0.0/16", "a link-local address"),
        ("172.16.0.0/12", "a private address"),
        ("192.0.0.0/24", "a reserved address"),
        ("192.0.2.0/24", "an address for documentation"),
        ("192.88.99.0/24", "a 6to4 relay's address"),
        ("192.168.0.0/16", "a private address"),
        ("198.18.0.0/15", "an address for benchmarks"),
        ("198.51.100.0/24", "an address for documentation"),
        ("203.0.113.0/24", "an address for documentation"),
        ("224.0.0.0/4", "a multicast address"),
        ("240.0.0.0/4", "a reserved address"),
    ])

    private static let global6 = AddressBlock("2000::/3")

    private static let version6 = table([
        ("::1/128", "a loopback address"),
        ("::/128", "an unspecified address"),
        ("::ffff:0:0/96", "an IPv4 address mapped into IPv6"),
        ("::ffff:0:0:0/96", "an IPv4 address translated into IPv6"),
        ("::/96", "an IPv4 address within IPv6"),
        ("64:ff9b::/96", "an IPv4 address behind NAT64"),
        ("64:ff9b:1::/48", "an IPv4 address behind NAT64"),
        ("100::/64", "an address that discards"),
        ("2001::/23", "an address of Teredo or another protocol"),
        ("2001:db8::/32", "an address for documentation"),
        ("2002::/16", "a 6to4 address"),
        ("3fff::/20", "an address for documentation"),
        ("5f00::/16", "a segment-routing address"),
        ("fc00::/7", "a unique-local address"),
        ("fe80::/10", "a link-local address"),
        ("fec0::/10", "a site-local address"),
        ("ff00::/8", "a multicast address"),
    ])
}
