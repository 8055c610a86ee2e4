import Foundation
import Telegram
import Testing

@Suite("The JSON reader and Foundation's")
struct JSONReaderAgreementTests {
    /// How many times more texts to try than usual: the environment variable `SWITCHBOARD_FUZZ`.
    private static let multiplier = UInt64(ProcessInfo.processInfo.environment["SWITCHBOARD_FUZZ"] ?? "") ?? 1

    private static let shards: UInt64 = 4

    private func expectAgreement(about text: [UInt8], _ origin: @autoclosure () -> String) -> Bool {
        guard let found = FoundationAgreement.disagreement(about: text) else { return true }
        let hex = text.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        Issue.record("\(found)\n\(origin()), hex \(hex)\n\(String(decoding: text, as: UTF8.self))")
        return false
    }

    @Test(arguments: 0..<shards)
    func `agree about texts made at random, whole and spoiled`(shard: UInt64) {
        for index in 0..<2500 * Self.multiplier {
            let seed = index * Self.shards + shard
            var generator = JSONTextGenerator(seed: seed)
            let text = generator.text()
            #expect(throws: Never.self, "the generator's own text, seed \(seed)") { try JSONDocument(text) }
            guard expectAgreement(about: text, "seed \(seed)") else { return }
            guard expectAgreement(about: generator.spoiled(text), "seed \(seed), spoiled") else { return }
        }
    }

    @Test func `agree about a text cut off anywhere`() {
        for seed in 0..<40 * Self.multiplier {
            var generator = JSONTextGenerator(seed: 1_000_000_000 + seed)
            let text = generator.text()
            for length in 0..<min(text.count, 400) {
                guard expectAgreement(about: Array(text[..<length]), "seed \(seed), first \(length) bytes") else {
                    return
                }
            }
        }
    }

    @Test(arguments: [
        [0x22], [0x5C], [0x5C, 0x22], [0x5C, 0x5C], [0x00], [0x1F], [0x20], [0x7F], [0x80], [0xC3, 0xA9], [0xFF],
        Array(#"\u0411"#.utf8), Array(#"\ud83d\ude00"#.utf8), Array(#"\ud83d"#.utf8), Array("😀".utf8),
    ])
    func `agree wherever in a string a special byte lies`(special: [UInt8]) {
        for length in 0..<26 {
            for offset in 0...length {
                var text = [UInt8(ascii: "\"")] + Array(repeating: UInt8(ascii: "a"), count: length)
                text.insert(contentsOf: special, at: 1 + offset)
                text.append(UInt8(ascii: "\""))
                guard expectAgreement(about: text, "length \(length), offset \(offset)") else { return }
            }
        }
    }

    @Test func `agree about every byte as a text, in an array, in a string and after a backslash`() {
        for byte in UInt8.min...UInt8.max {
            for (before, after) in [("", ""), ("[", "]"), ("[1", "1]"), ("\"", "\""), ("\"\\", "\""), ("{\"a\"", "1}")]
            {
                let text = Array(before.utf8) + [byte] + Array(after.utf8)
                guard expectAgreement(about: text, "byte \(byte)") else { return }
            }
        }
    }

    @Test func `agree about every pair of lead and second byte in a string`() {
        for lead in UInt8(0x80)...0xFF {
            for second in stride(from: UInt8(0x70), through: 0xF8, by: 8) {
                for tail: [UInt8] in [[], [0x80], [0xBF, 0xBF], [0x41]] {
                    let text = [0x22, lead, second] + tail + [0x22]
                    guard expectAgreement(about: text, "lead \(lead)") else { return }
                }
            }
        }
    }

    @Test(arguments: [511, 512, 513])
    func `agree about how deep containers may nest`(depth: Int) throws {
        for (open, inner, close) in [("[", "", "]"), ("[", "1", "]"), (#"{"a":"#, "{}", "}"), (#"[{"a":"#, "1", "}]")] {
            let perRound = open.count { "[{".contains($0) }
            let rounds = (depth - inner.count { $0 == "{" }) / perRound
            let text = String(repeating: open, count: rounds) + inner + String(repeating: close, count: rounds)
            #expect(expectAgreement(about: Array(text.utf8), "depth \(depth) of \(open)"))
            let real = rounds * perRound + inner.count { $0 == "{" }
            let accepted = (try? JSONDocument(Array(text.utf8))) != nil
            #expect(accepted == (real <= JSONDocument.maximumDepth))
        }
    }

    @Test(arguments: [
        "[1,]", #"{"a":1,}"#, "\u{FEFF}1", "1e400", "[-1e999]", #"{"a":[1,{"b":2,},],}"#,
    ])
    func `differ only where it is documented`(text: String) {
        let bytes = Array(text.utf8)
        let foundation = try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
        #expect((foundation == nil) == ((try? JSONDocument(bytes)) != nil), "this is no difference any more")
        #expect(expectAgreement(about: bytes, text))
    }

    @Test(arguments: [String.Encoding.utf16BigEndian, .utf16LittleEndian, .utf32BigEndian, .utf32LittleEndian])
    func `only Foundation reads other encodings than UTF-8`(encoding: String.Encoding) throws {
        let bytes = Array(try #require(#"{"a":["é",1]}"#.data(using: encoding)))
        #expect((try? JSONSerialization.jsonObject(with: Data(bytes))) != nil)
        #expect(throws: JSONSyntaxError.self) { try JSONDocument(bytes) }
        #expect(expectAgreement(about: bytes, "\(encoding)"))
    }
}
