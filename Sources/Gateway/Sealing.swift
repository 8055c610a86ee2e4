import Crypto
import Foundation
import Telegram

/// A secret as it lies in the database: AES-256-GCM, bound to its row and version.
public struct Sealed: Hashable, Sendable {
    /// Nonce, ciphertext and tag.
    public var bytes: [UInt8]
    /// The id of the key that sealed it.
    public var keyID: String
    /// Which value of this row it is, rising with each replacement.
    public var version: Int64

    /// Makes a sealed value from its columns.
    public init(bytes: [UInt8], keyID: String, version: Int64) {
        self.bytes = bytes
        self.keyID = keyID
        self.version = version
    }
}

/// The SHA-256 of a webhook secret, held in four words so that a snapshot of thousands needs no allocation each.
public struct SecretDigest: Sendable {
    private let words: (UInt64, UInt64, UInt64, UInt64)

    /// Digests a secret as it was presented.
    public init(of secret: some Sequence<UInt8>) { self.init(digest: SHA256.hash(data: Array(secret))) }

    /// Digests a secret of ours.
    public init(of secret: WebhookSecret) { self.init(of: secret.reveal().utf8) }

    private init(digest: SHA256.Digest) {
        words = digest.withUnsafeBytes { raw in
            (
                raw.loadUnaligned(fromByteOffset: 0, as: UInt64.self),
                raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self),
                raw.loadUnaligned(fromByteOffset: 16, as: UInt64.self),
                raw.loadUnaligned(fromByteOffset: 24, as: UInt64.self)
            )
        }
    }

    /// Takes the 32 bytes of a column; nil for any other length.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        words = bytes.withUnsafeBytes { raw in
            (
                raw.loadUnaligned(fromByteOffset: 0, as: UInt64.self),
                raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self),
                raw.loadUnaligned(fromByteOffset: 16, as: UInt64.self),
                raw.loadUnaligned(fromByteOffset: 24, as: UInt64.self)
            )
        }
    }

    /// The 32 bytes for a column.
    public var bytes: [UInt8] { withUnsafeBytes(of: words) { Array($0) } }

    /// Compares in a time that does not depend on where they differ.
    public func matches(_ other: SecretDigest) -> Bool {
        (words.0 ^ other.words.0) | (words.1 ^ other.words.1) | (words.2 ^ other.words.2) | (words.3 ^ other.words.3)
            == 0
    }
}

/// Seals and opens what must not lie in clear: a value of one row and version opens for that row and version only.
public struct Sealer: Sendable {
    private let key: MasterKey

    /// Makes a sealer.
    public init(key: MasterKey) { self.key = key }

    /// Seals a bot's token.
    public func seal(_ token: BotToken, for bot: BotID, version: Int64) throws -> Sealed {
        try seal(token.reveal(), as: Self.context("token", bot, version), version: version)
    }

    /// Opens a bot's token.
    ///
    /// - Throws: `GatewayError.badKey(.wrong)` if key, row or version are others than those that it was sealed for.
    public func openToken(_ sealed: Sealed, of bot: BotID) throws(GatewayError) -> BotToken {
        let text = try open(sealed, as: Self.context("token", bot, sealed.version))
        guard let token = try? BotToken(text) else { throw .badKey(.wrong) }
        return token
    }

    /// Seals a webhook's secret.
    public func seal(_ secret: WebhookSecret, for bot: BotID, version: Int64) throws -> Sealed {
        try seal(secret.reveal(), as: Self.context("webhook-secret", bot, version), version: version)
    }

    /// Opens a webhook's secret; throws like `openToken`.
    public func openSecret(_ sealed: Sealed, of bot: BotID) throws(GatewayError) -> WebhookSecret {
        WebhookSecret(try open(sealed, as: Self.context("webhook-secret", bot, sealed.version)))
    }

    /// Seals what signs the calls to a handler.
    public func seal(_ secret: SigningSecret, for endpoint: WebhookEndpointID, version: Int64) throws -> Sealed {
        try seal(secret.reveal(), as: Self.context("signing-secret", endpoint, version), version: version)
    }

    /// Opens what signs the calls to a handler; throws like `openToken`.
    public func openSigningSecret(
        _ sealed: Sealed,
        of endpoint: WebhookEndpointID
    ) throws(GatewayError) -> SigningSecret {
        let text = try open(sealed, as: Self.context("signing-secret", endpoint, sealed.version))
        guard let secret = SigningSecret(text) else { throw .badKey(.wrong) }
        return secret
    }

    /// A value that opens with this key alone, to tell a wrong key at once.
    public func sealCheck() throws -> Sealed { try seal("switchboard", as: "switchboard key check", version: 1) }

    /// Whether the check was sealed with this key.
    public func opens(check: Sealed) -> Bool { (try? open(check, as: "switchboard key check")) == "switchboard" }

    private static func context(_ what: String, _ row: some Identifier, _ version: Int64) -> String {
        "switchboard/1 \(what) \(row.rawValue) \(version)"
    }

    private func seal(_ text: String, as context: String, version: Int64) throws -> Sealed {
        let box = try AES.GCM.seal(Data(text.utf8), using: key.key, authenticating: Data(context.utf8))
        guard let combined = box.combined else { throw GatewayError.badKey(.wrong) }
        return Sealed(bytes: Array(combined), keyID: key.id, version: version)
    }

    private func open(_ sealed: Sealed, as context: String) throws(GatewayError) -> String {
        guard sealed.keyID == key.id, let box = try? AES.GCM.SealedBox(combined: sealed.bytes),
            let text = try? AES.GCM.open(box, using: key.key, authenticating: Data(context.utf8))
        else { throw .badKey(.wrong) }
        return String(decoding: text, as: UTF8.self)
    }
}

/// Random texts that nobody can guess.
public enum RandomText {
    /// That many bytes of the system's randomness as base64url without padding.
    public static func base64URL(bytes count: Int) -> String {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        return Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing(
            "=",
            with: ""
        )
    }
}

/// The digest by which a body that cannot be read is kept only once.
public enum BodyDigest {
    /// SHA-256 of the bytes.
    public static func of(_ body: [UInt8]) -> [UInt8] { Array(SHA256.hash(data: body)) }
}
