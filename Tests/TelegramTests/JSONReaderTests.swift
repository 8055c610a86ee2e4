import Telegram
import Testing

@Suite("The JSON reader")
struct JSONReaderTests {
    private func read(_ text: String) throws -> JSONView { try JSONDocument(Array(text.utf8)).root }

    @Test(arguments: [
        (#"{"a" 1}"#, JSONSyntaxError.Reason.unexpectedByte, 5), ("", .unexpectedEnd, 0), ("[1", .unexpectedEnd, 2),
        ("\"a\u{1}\"", .controlCharacter, 2), (#""\x""#, .invalidEscape, 2), (#""\u12g4""#, .invalidEscape, 5),
        (#""\u12"#, .unexpectedEnd, 5), (#""a\ud83d""#, .loneSurrogate, 2), (#""\udc00""#, .loneSurrogate, 1),
        (#""\ud83d\u0041""#, .loneSurrogate, 1), ("1 2", .trailingBytes, 2), ("[1,]", .unexpectedByte, 3),
        ("01", .trailingBytes, 1), ("-", .unexpectedEnd, 1), ("1.", .unexpectedEnd, 2), ("tru]", .unexpectedByte, 3),
        (String(repeating: "[", count: 513), .tooDeep, 512),
    ])
    func `a refusal names the reason and the first byte at fault`(
        text: String,
        reason: JSONSyntaxError.Reason,
        offset: Int
    ) {
        let error = #expect(throws: JSONSyntaxError.self) { try JSONDocument(Array(text.utf8)) }
        #expect(error?.reason == reason)
        #expect(error?.offset == offset)
    }

    @Test(arguments: [
        ([0x22, 0xFF, 0x22], JSONSyntaxError.Reason.invalidUTF8, 1), ([0x22, 0xE2, 0x82], .unexpectedEnd, 3),
        ([0x22, 0xF0, 0x41], .invalidUTF8, 1), ([0x22, 0xED, 0xA0, 0x80, 0x22], .invalidUTF8, 1),
    ])
    func `invalid UTF-8 is told from a text that ends too early`(
        bytes: [UInt8],
        reason: JSONSyntaxError.Reason,
        offset: Int
    ) {
        let error = #expect(throws: JSONSyntaxError.self) { try JSONDocument(bytes) }
        #expect(error?.reason == reason)
        #expect(error?.offset == offset)
    }

    @Test func `a refusal shows no byte of the text`() {
        let error = #expect(throws: JSONSyntaxError.self) { try JSONDocument(Array("secret".utf8)) }
        #expect(error?.description == "not JSON: a byte that cannot stand here (byte 0)")
    }

    @Test func `an accessor of another kind answers nil`() throws {
        let values = try #require(try read(#"[null, true, 1, "1", [], {}]"#).elements)
        let table = values.map { view in
            [
                view.isNull, view.bool != nil, view.int64 != nil, view.string != nil, view.elements != nil,
                view.members != nil,
            ]
        }
        for (row, answers) in table.enumerated() {
            for (column, answer) in answers.enumerated() { #expect(answer == (row == column), "\(row) \(column)") }
        }
        #expect(values.map { $0.double != nil } == [false, false, true, false, false, false])
        #expect(values.map(\.isObject) == [false, false, false, false, false, true])
        #expect(values.allSatisfy { $0["a"]?["b"] == nil })
    }

    @Test(arguments: [
        ("9223372036854775807", Int64.max), ("-9223372036854775808", .min), ("9223372036854775808", nil),
        ("-9223372036854775809", nil), ("-0", 0), ("1.0", 1), ("1e3", 1000), ("120e-1", 12), ("125e-1", nil),
        ("1.5", nil), ("9223372036854775807.0", .max), ("-922337203685477580800e-2", .min), ("1e19", nil),
        ("0e999999999999999999999", 0), ("1e999999999999999999999", nil), ("1e-999999999999999999999", nil),
        ("9007199254740993.0", 9_007_199_254_740_993), ("1.0000000000000000001", nil),
    ])
    func `a whole number is read exactly or not at all`(text: String, expected: Int64?) throws {
        #expect(try read(text).int64 == expected)
    }

    @Test(arguments: [("0.1", 0.1), ("-0.0", -0.0), ("1e308", 1e308), ("1e400", nil), ("-1e400", nil), ("1e-400", 0)])
    func `a double is the nearest one, and nil beyond the finite ones`(text: String, expected: Double?) throws {
        #expect(try read(text).double == expected)
    }

    @Test func `a number of a hundred thousand digits is read in time`() throws {
        let zeros = String(repeating: "0", count: 100_000)
        #expect(try read("0.\(zeros)1").int64 == nil)
        #expect(try read("0.\(zeros)1e100001").int64 == 1)
        #expect(try read("7\(zeros)e-100000").int64 == 7)
    }

    @Test func `of members with one name the first counts, however it is written`() throws {
        let root = try read(#"{"\u0061":1,"a":2,"b":3}"#)
        #expect(root["a"]?.int64 == 1)
        #expect(root[named: "a"]?.int64 == 1)
        #expect(root["b"]?.int64 == 3)
        #expect(root.members?.map(\.name) == ["a", "a", "b"])
    }

    @Test func `names are compared byte by byte`() throws {
        let root = try read("{\"e\u{301}\":1,\"\u{e9}\":2}")
        #expect(root[named: "\u{e9}"]?.int64 == 2)
        #expect(root[named: "e\u{301}"]?.int64 == 1)
        #expect(root[named: "e"] == nil)
    }

    @Test func `a lookup sees the members of its own object only`() throws {
        let root = try read(#"{"x":{"id":1},"y":[{"id":2}],"id":3}"#)
        #expect(root["id"]?.int64 == 3)
        #expect(root["x"]?["id"]?.int64 == 1)
        #expect(root["y"]?["id"] == nil)
    }

    @Test func `the raw bytes are those of the text`() throws {
        let root = try read(#" { "a" : "\u0041" , "b" : [ 1.50 , {} ] } "#)
        #expect(root["a"]?.rawText == #""\u0041""#)
        #expect(root["b"]?.rawText == "[ 1.50 , {} ]")
        #expect(root["b"]?.elements?.map(\.rawText) == ["1.50", "{}"])
        #expect(root.rawText.hasPrefix("{") && root.rawText.hasSuffix("}"))
    }

    @Test func `a text outlives the document that it was read from`() throws {
        let view = try read(#"[{"a":"é\n"}]"#).elements?.map { $0 }.first
        #expect(view?["a"]?.string == "é\n")
    }
}
