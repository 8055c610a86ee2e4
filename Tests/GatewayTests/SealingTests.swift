import Foundation
import Telegram
import Testing

@testable import Gateway

/// A key that every run of the tests has.
private let keyText = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

@Suite("The master key")
struct MasterKeyTests {
    private static func withDirectory(_ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.path + "/switchboard-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    private static func write(_ text: String, to path: String, mode: mode_t = 0o600) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        #expect(chmod(path, mode) == 0)
    }

    @Test func `it is written for its owner alone and read back`() throws {
        try Self.withDirectory { directory in
            let path = directory + "/master.key"
            let key = MasterKey()
            try key.write(toNewFile: path)
            var status = stat()
            #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
            let read = try MasterKey(file: path)
            #expect(read.id == key.id)
            let sealed = try Sealer(key: key).sealCheck()
            #expect(Sealer(key: read).opens(check: sealed))
        }
    }

    @Test func `writing never replaces a file`() throws {
        try Self.withDirectory { directory in
            let path = directory + "/master.key"
            try Self.write("precious", to: path)
            #expect(throws: GatewayError.self) { try MasterKey().write(toNewFile: path) }
            let kept = try String(contentsOfFile: path, encoding: .utf8)
            #expect(kept == "precious")
        }
    }

    @Test(arguments: [0o644, 0o640, 0o604, 0o660, 0o601, 0o666] as [mode_t])
    func `a file that others may read is refused with the mend`(mode: mode_t) throws {
        try Self.withDirectory { directory in
            let path = directory + "/master.key"
            try Self.write(keyText, to: path, mode: mode)
            let problem = MasterKeyProblem.exposed(path: path, mode: String(mode, radix: 8))
            #expect(throws: GatewayError.badKey(problem)) { try MasterKey(file: path) }
            #expect(problem.description.contains("chmod 600 \(path)"))
            #expect(chmod(path, 0o400) == 0)
            _ = try MasterKey(file: path)
        }
    }

    @Test func `a missing file, a directory and a text that is no key are told apart`() throws {
        try Self.withDirectory { directory in
            let path = directory + "/master.key"
            #expect(throws: GatewayError.badKey(.missing(path: path))) { try MasterKey(file: path) }
            #expect(throws: GatewayError.badKey(.unreadable(path: directory, why: "it is no file"))) {
                try MasterKey(file: directory)
            }
            let texts = [
                "", "not base64 !!", "AAECAwQFBgcICQoLDA0ODw==", keyText + keyText, keyText.dropLast(2) + "==",
            ]
            for text in texts {
                try Self.write(String(text), to: path)
                #expect(throws: GatewayError.badKey(.malformed(source: path))) { try MasterKey(file: path) }
            }
        }
    }

    @Test func `spaces and line ends around it do not matter`() throws {
        let key = try MasterKey(base64: keyText, source: "here")
        for text in [keyText + "\n", "\r\n \(keyText)\t\r\n"] {
            #expect(try MasterKey(base64: text, source: "here").id == key.id)
        }
    }

    @Test func `keys are told apart by their ids`() throws {
        #expect(MasterKey().id != MasterKey().id)
        let key = try MasterKey(base64: keyText, source: "here")
        #expect(key.id.count == 12)
        #expect(!keyText.contains(key.id))
    }

    @Test func `no problem's text holds a byte of the key`() {
        let problem = #expect(throws: GatewayError.self) {
            try MasterKey(base64: keyText + "x", source: "SWITCHBOARD_MASTER_KEY")
        }
        #expect(problem?.description.contains(String(keyText.prefix(8))) == false)
        #expect(problem?.description.contains("SWITCHBOARD_MASTER_KEY") == true)
    }
}

@Suite("Secrets do not print themselves")
struct PrintingTests {
    /// Everything that a careless line of a log might write of a value.
    private static func prints(_ value: some Any) -> [String] {
        var dumped = ""
        dump(value, to: &dumped)
        var nested = ""
        dump([Optional(value)], to: &nested)
        return [
            "\(value)", String(reflecting: value), String(describing: [value]), dumped, nested,
            "\(Mirror(reflecting: value).children.map(\.value))",
        ]
    }

    @Test func `a master key and what holds it show its id alone`() throws {
        let key = try MasterKey(base64: keyText, source: "here")
        let bytes = try #require(Data(base64Encoded: keyText))
        let traces = [
            keyText, bytes.map { String(format: "%02x", $0) }.joined(), bytes.map { "\($0)" }.joined(separator: ", "),
            "10, 11, 12", "SymmetricKey",
        ]
        for text in Self.prints(key) + Self.prints(Sealer(key: key)) {
            for trace in traces { #expect(!text.contains(trace)) }
        }
        #expect("\(key)" == "master key \(key.id)")
    }

    @Test func `a token shows the bot's id alone, and a webhook's secret nothing`() throws {
        let token = try BotToken("7000001:AAtopSecretPartOfTheToken_7000001")
        let secret = WebhookSecret("top-secret-of-a-webhook")
        for text in Self.prints(token) { #expect(!text.contains("SecretPart") && !text.contains("AAtop")) }
        for text in Self.prints(secret) { #expect(!text.contains("secret-of")) }
        #expect("\(token)" == "bot7000001:***")
    }

    @Test func `credentials are shown sealed`() throws {
        let sealer = Sealer(key: MasterKey())
        let token = try BotToken("7000001:AAtopSecretPartOfTheToken_7000001")
        let bot = BotID(rawValue: 5)
        let sealed = SealedCredentials(
            token: try sealer.seal(token, for: bot, version: 1),
            secret: try sealer.seal(WebhookSecret("top-secret-of-a-webhook"), for: bot, version: 1)
        )
        let plain = "AAtopSecretPart".utf8.map { "\($0)" }.joined(separator: ", ")
        for text in Self.prints(sealed) {
            #expect(!text.contains("SecretPart") && !text.contains("secret-of") && !text.contains(plain))
        }
    }
}

@Suite("Sealing")
struct SealerTests {
    private static let bot = BotID(rawValue: 5)
    private static let wrong = GatewayError.badKey(.wrong)

    private static func token() throws -> BotToken { try BotToken("7000001:AAtopSecretPartOfTheToken_7000001") }

    @Test func `what is sealed opens as it was`() throws {
        let sealer = Sealer(key: MasterKey())
        let sealed = try sealer.seal(Self.token(), for: Self.bot, version: 7)
        #expect(sealed.version == 7)
        #expect(try sealer.openToken(sealed, of: Self.bot) == Self.token())
        let secret = WebhookSecret("secret-of-a-webhook")
        #expect(try sealer.openSecret(sealer.seal(secret, for: Self.bot, version: 1), of: Self.bot) == secret)
    }

    @Test func `the same value never looks the same twice`() throws {
        let sealer = Sealer(key: MasterKey())
        let nonces = try (0..<200).map { _ in
            Array(try sealer.seal(Self.token(), for: Self.bot, version: 1).bytes.prefix(12))
        }
        #expect(Set(nonces).count == 200)
    }

    @Test func `another key, row, version or purpose opens nothing`() throws {
        let sealer = Sealer(key: MasterKey())
        let sealed = try sealer.seal(Self.token(), for: Self.bot, version: 1)
        #expect(throws: Self.wrong) { try Sealer(key: MasterKey()).openToken(sealed, of: Self.bot) }
        #expect(throws: Self.wrong) { try sealer.openToken(sealed, of: BotID(rawValue: 6)) }
        #expect(throws: Self.wrong) { try sealer.openSecret(sealed, of: Self.bot) }
        var later = sealed
        later.version = 2
        #expect(throws: Self.wrong) { try sealer.openToken(later, of: Self.bot) }
        let other = Sealer(key: MasterKey())
        var claimed = try other.seal(Self.token(), for: Self.bot, version: 1)
        claimed.keyID = sealed.keyID
        #expect(throws: Self.wrong) { try sealer.openToken(claimed, of: Self.bot) }
    }

    @Test func `a change of any byte is noticed`() throws {
        let sealer = Sealer(key: MasterKey())
        let sealed = try sealer.seal(Self.token(), for: Self.bot, version: 1)
        for index in sealed.bytes.indices {
            var tampered = sealed
            tampered.bytes[index] ^= 0x01
            #expect(throws: Self.wrong) { try sealer.openToken(tampered, of: Self.bot) }
        }
        for count in [0, 5, 12, 27, sealed.bytes.count - 1] {
            var cut = sealed
            cut.bytes = Array(sealed.bytes.prefix(count))
            #expect(throws: Self.wrong) { try sealer.openToken(cut, of: Self.bot) }
        }
    }

    @Test func `the check tells the right key from any other`() throws {
        let key = MasterKey()
        let check = try Sealer(key: key).sealCheck()
        #expect(Sealer(key: key).opens(check: check))
        #expect(!Sealer(key: MasterKey()).opens(check: check))
        #expect(!Sealer(key: key).opens(check: try Sealer(key: key).seal(Self.token(), for: Self.bot, version: 1)))
    }
}

@Suite("Digests of secrets")
struct SecretDigestTests {
    @Test func `equal secrets match and a difference in any byte does not`() throws {
        let digest = SecretDigest(of: WebhookSecret("secret"))
        #expect(digest.matches(SecretDigest(of: "secret".utf8)))
        #expect(digest.matches(try #require(SecretDigest(bytes: digest.bytes))))
        for index in 0..<32 {
            var bytes = digest.bytes
            bytes[index] ^= 0x80
            #expect(!digest.matches(try #require(SecretDigest(bytes: bytes))))
        }
        for other in ["", "Secret", "secret ", "secre"] { #expect(!digest.matches(SecretDigest(of: other.utf8))) }
    }

    @Test func `it is the SHA-256 that others compute too`() {
        let hex = SecretDigest(of: "abc".utf8).bytes.map { String(format: "%02x", $0) }.joined()
        // **Source:** FIPS 180-2, appendix B.1.
        #expect(hex == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(BodyDigest.of(Array("abc".utf8)) == SecretDigest(of: "abc".utf8).bytes)
    }

    @Test(arguments: [0, 31, 33]) func `other lengths are none`(count: Int) {
        #expect(SecretDigest(bytes: Array(repeating: 0, count: count)) == nil)
    }

    @Test func `a registered bot takes its secret, and the one before until its time`() {
        let present = SecretDigest(of: WebhookSecret("present"))
        let before = SecretDigest(of: WebhookSecret("before"))
        let until = Timestamp(milliseconds: 1000)
        func bot(_ previous: (digest: SecretDigest, until: Timestamp)?) -> RegisteredBot {
            RegisteredBot(
                id: BotID(rawValue: 1),
                businessID: BusinessID(rawValue: 1),
                hook: "h",
                secret: present,
                previousSecret: previous,
                runs: true
            )
        }
        let rotated = bot((before, until))
        #expect(rotated.accepts(before, at: Timestamp(milliseconds: 999)))
        #expect(!rotated.accepts(before, at: until))
        #expect(rotated.accepts(present, at: Timestamp(milliseconds: 999)) && rotated.accepts(present, at: until))
        #expect(!bot(nil).accepts(before, at: Timestamp(milliseconds: 0)))
        #expect(!rotated.accepts(SecretDigest(of: "".utf8), at: Timestamp(milliseconds: 0)))
    }

    @Test func `random texts are long, of the alphabet, and never the same`() {
        let texts = (0..<500).map { _ in RandomText.base64URL(bytes: 24) }
        #expect(Set(texts).count == 500)
        #expect(texts.allSatisfy { $0.count == 32 })
        #expect(
            texts.joined().utf8.allSatisfy { UInt8(ascii: "-") == $0 || UInt8(ascii: "_") == $0 || isAlphanumeric($0) }
        )
    }

    private func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }
}
