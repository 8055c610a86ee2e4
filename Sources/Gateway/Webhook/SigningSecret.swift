import Crypto
import Foundation

/// What signs the calls to a business's handler: 24 to 64 random bytes, written `whsec_` and their base64.
///
/// It cannot print itself.
///
/// **Source:** Standard Webhooks 1.0.0, "Signature scheme": the key of `v1` is the decoded bytes.
public struct SigningSecret: Hashable, Sendable {
    /// What the written form begins with.
    public static let prefix = "whsec_"
    /// Bytes that a secret may have.
    public static let lengths = 24...64
    /// Bytes of those that we make.
    static let ownLength = 32

    private let key: [UInt8]

    /// Makes a new one of the system's randomness.
    public init() {
        var generator = SystemRandomNumberGenerator()
        key = (0..<Self.ownLength).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    /// Reads the written form, with or without its prefix; nil if it is none.
    public init?(_ text: String) {
        let base64 = text.hasPrefix(Self.prefix) ? String(text.dropFirst(Self.prefix.count)) : text
        guard let data = Data(base64Encoded: base64), Self.lengths.contains(data.count) else { return nil }
        key = Array(data)
    }

    /// The written form, for sealing, and for being shown once.
    ///
    /// The house-rules test lists the files that may ask for it.
    public func reveal() -> String { Self.prefix + Data(key).base64EncodedString() }

    /// The signature of one call: `v1,` and base64.
    ///
    /// - Parameters:
    ///   - id: the event's id, the same at every try.
    ///   - seconds: Unix seconds of this try.
    ///   - body: the raw bytes as they go.
    public func signature(id: String, seconds: Int64, body: [UInt8]) -> String {
        var code = HMAC<SHA256>(key: SymmetricKey(data: key))
        code.update(data: Array("\(id).\(seconds).".utf8))
        code.update(data: body)
        return "v1," + Data(code.finalize()).base64EncodedString()
    }
}

extension SigningSecret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Struck out.
    public var description: String { "whsec_***" }
    /// Struck out.
    public var debugDescription: String { description }
    /// Shows nothing.
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

/// The secrets that sign at one moment: during a rotation two, the new one first.
public struct SigningSecrets: Hashable, Sendable {
    /// At least one.
    let all: [SigningSecret]

    /// Makes a set.
    public init(_ present: SigningSecret, previous: SigningSecret? = nil) {
        all = [present] + (previous.map { [$0] } ?? [])
    }

    /// The headers that Standard Webhooks ask for.
    ///
    /// **Source:** Standard Webhooks 1.0.0: `webhook-id`, `webhook-timestamp` in Unix seconds of this very try, `webhook-signature` with the
    /// signatures of all secrets, a space between them.
    public func headers(id: String, at now: Timestamp, body: [UInt8]) -> [(name: String, value: String)] {
        let seconds = now.milliseconds / 1000
        let signatures = all.map { $0.signature(id: id, seconds: seconds, body: body) }
        return [
            ("webhook-id", id), ("webhook-timestamp", String(seconds)),
            ("webhook-signature", signatures.joined(separator: " ")),
        ]
    }
}
