import Crypto
import Foundation

/// Why there is no master key.
public enum MasterKeyProblem: Hashable, Sendable, CustomStringConvertible {
    case missing(path: String)
    case unreadable(path: String, why: String)
    case unwritable(path: String, why: String)
    case exposed(path: String, mode: String)
    case malformed(source: String)
    case wrong

    /// What is wrong and what to do; never a byte of the key.
    public var description: String {
        switch self {
        case .missing(let path):
            "there is no master key: \(path) does not exist; `switchboard init` makes one, or set SWITCHBOARD_MASTER_KEY"
        case .unreadable(let path, let why): "the master key file \(path) cannot be read: \(why)"
        case .unwritable(let path, let why): "the master key file \(path) cannot be made: \(why)"
        case .exposed(let path, let mode):
            "the master key file \(path) can be read by others (mode \(mode)): run `chmod 600 \(path)`"
        case .malformed(let source): "\(source) holds no master key: it must be 32 bytes in base64"
        case .wrong:
            "this is not the master key that the database was sealed with: give the one that `switchboard init` made for it"
        }
    }
}

/// The key that seals tokens and secrets: 32 bytes for AES-256.
///
/// It cannot print itself.
public struct MasterKey: Sendable {
    let key: SymmetricKey

    /// Tells keys apart without telling anything about them; stored beside what is sealed.
    public let id: String

    /// Makes a new key from the system's randomness.
    public init() { self.init(key: SymmetricKey(size: .bits256)) }

    private init(key: SymmetricKey) {
        self.key = key
        let digest = HMAC<SHA256>.authenticationCode(for: Data("switchboard master key id".utf8), using: key)
        id = digest.prefix(6).map { String(format: "%02x", $0) }.joined()
    }

    /// Reads a key in base64.
    ///
    /// - Parameter source: how the error calls the place that it came from.
    /// - Throws: `GatewayError.badKey`.
    public init(base64: String, source: String) throws(GatewayError) {
        guard let bytes = Data(base64Encoded: base64.trimmingCharacters(in: .whitespacesAndNewlines)), bytes.count == 32
        else { throw .badKey(.malformed(source: source)) }
        self.init(key: SymmetricKey(data: bytes))
    }

    /// Reads a key file, which nobody but its owner may read.
    ///
    /// - Throws: `GatewayError.badKey`.
    public init(file path: String) throws(GatewayError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw .badKey(
                errno == ENOENT ? .missing(path: path) : .unreadable(path: path, why: String(cString: strerror(errno)))
            )
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw .badKey(.unreadable(path: path, why: "it is no file"))
        }
        guard status.st_mode & 0o077 == 0 else {
            throw .badKey(.exposed(path: path, mode: String(status.st_mode & 0o777, radix: 8)))
        }
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = read(descriptor, &buffer, buffer.count)
        guard count >= 0 else { throw .badKey(.unreadable(path: path, why: String(cString: strerror(errno)))) }
        try self.init(base64: String(decoding: buffer.prefix(count), as: UTF8.self), source: path)
    }

    /// Writes the key into a new file with mode 0600.
    ///
    /// - Throws: `GatewayError.badKey` if the file exists or cannot be written; then nothing is left behind.
    public func write(toNewFile path: String) throws(GatewayError) {
        // Written beside and then linked: whoever finds the file finds a whole key, also after a power cut.
        let draft = path + ".new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .badKey(.unwritable(path: path, why: String(cString: strerror(errno)))) }
        defer { close(descriptor) }
        let text = Array((key.withUnsafeBytes { Data($0) }.base64EncodedString() + "\n").utf8)
        defer { unlink(draft) }
        guard Foundation.write(descriptor, text, text.count) == text.count, fsync(descriptor) == 0,
            link(draft, path) == 0
        else {
            let why = String(cString: strerror(errno))
            throw .badKey(.unwritable(path: path, why: why))
        }
    }
}

extension MasterKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The id alone.
    public var description: String { "master key \(id)" }
    /// The id alone.
    public var debugDescription: String { description }
    /// Shows nothing but the id.
    public var customMirror: Mirror { Mirror(self, children: ["id": id]) }
}
