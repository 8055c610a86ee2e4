import Telegram
import Testing

@Suite("The JSON writer")
struct JSONWriterTests {
    private static let everyKind: JSON = [
        "null": nil, "yes": true, "no": false, "least": .int(.min), "most": .int(.max), "": "", "a\"b\\": "q\"\\/",
        "text": .string("Привет\n\t\r\u{8}\u{c}\u{0}\u{1f}\u{7f}\u{2028} 👩‍👩‍👧‍👦 e\u{301}\u{feff}\u{10FFFF}"),
        "list": [[], [:], [1, [2, ["x"]]], ["é": "你"]],
    ]

    private func scalars(_ value: JSON) -> [UInt32] { value.text.unicodeScalars.map(\.value) }

    @Test(arguments: [false, true])
    func `what is written is read as it was`(ascii: Bool) throws {
        let bytes = Self.everyKind.encoded(escapingNonASCII: ascii)
        #expect(scalars(JSON(try JSONDocument(bytes).root)) == scalars(Self.everyKind))
    }

    @Test func `random values go round, in ASCII and in UTF-8`() throws {
        for seed in UInt64(0)..<500 {
            var generator = JSONTextGenerator(seed: 2_000_000_000 + seed)
            let value = JSON(try JSONDocument(generator.text()).root)
            let plain = value.encoded()
            let ascii = value.encoded(escapingNonASCII: true)
            #expect(JSON(try JSONDocument(plain).root).encoded() == plain, "seed \(seed)")
            #expect(JSON(try JSONDocument(ascii).root).encoded() == plain, "seed \(seed)")
            #expect(ascii.allSatisfy { (0x20..<0x7F).contains($0) }, "seed \(seed)")
        }
    }

    @Test func `escaping leaves only ASCII, with surrogate pairs`() {
        let bytes = JSON.string("é😀/ю").encoded(escapingNonASCII: true)
        #expect(String(decoding: bytes, as: UTF8.self) == #""\u00e9\ud83d\ude00/\u044e""#)
    }

    @Test(arguments: [false, true])
    func `a slash is not escaped`(ascii: Bool) {
        #expect(JSON.string("https://a/b").encoded(escapingNonASCII: ascii) == Array(#""https://a/b""#.utf8))
    }

    @Test(arguments: [0.1, -0.0, 1e16, 1e300, .leastNonzeroMagnitude, 1.7976931348623157e308, 3])
    func `a double is written so that it is read the same`(value: Double) throws {
        #expect(try JSONDocument(JSON.double(value).encoded()).root.double == value)
    }

    @Test(arguments: [Double.infinity, -.infinity, .nan])
    func `a double that JSON does not have is null`(value: Double) {
        #expect(JSON.double(value).text == "null")
    }

    @Test func `members keep their order`() {
        var value: JSON = ["z": 1, "a": 2]
        value["m"] = 3
        value["z"] = 4
        #expect(value.text == #"{"z":4,"a":2,"m":3}"#)
        value["a"] = nil
        #expect(value.text == #"{"z":4,"m":3}"#)
        #expect(value["m"] == 3)
        #expect(JSON.optional(String?.none) == .null)
        #expect(JSON.optional(Int64(7)) == 7)
    }

    @Test func `raw bytes are copied as they are`() {
        #expect(JSON.object([.init("a", .raw(Array("[ 1.50 ]".utf8)))]).text == #"{"a":[ 1.50 ]}"#)
    }
}
