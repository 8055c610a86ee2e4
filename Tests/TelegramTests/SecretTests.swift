import Testing

@testable import Telegram

/// Every way in which Swift may print a value on its own.
private func everyPrint<Value>(of value: Value) -> [String] {
    var dumped = ""
    dump(value, to: &dumped)
    var dumpedInside = ""
    dump(["key": [value]], to: &dumpedInside)
    let children = Mirror(reflecting: value).children.map { "\($0.label ?? "") \($0.value)" }
    let optional: Value? = value
    return [
        "\(value)", String(describing: value), String(reflecting: value), "\([value])", "\(["key": value])",
        String(reflecting: optional as Any), "\((value, 1))", dumped, dumpedInside,
    ] + children
}

@Suite("A bot's token")
struct BotTokenTests {
    private static let secret = "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsawX"

    @Test(arguments: [
        ("123456789:\(secret)", 123_456_789), ("1:\(secret)", 1), ("18014398509481983:\(secret)", (1 << 54) - 1),
        ("42:\(String(repeating: "-", count: 24))", 42), ("42:\(String(repeating: "_", count: 77))", 42),
    ])
    func `a well-formed token has the bot's id before its colon`(text: String, id: Int) throws {
        let token = try BotToken(text)
        #expect(token.botID == Int64(id))
        #expect(token.reveal() == text)
    }

    @Test(arguments: [
        ("", BotToken.Malformed.empty), (" \r\n\t", .empty), ("123456789", .noColon), (secret, .noColon),
        (":\(secret)", .badID), ("0:\(secret)", .badID), ("0123:\(secret)", .badID), ("-5:\(secret)", .badID),
        ("+5:\(secret)", .badID), ("12a:\(secret)", .badID), ("١٢٣:\(secret)", .badID), ("1 2:\(secret)", .badID),
        ("18014398509481984:\(secret)", .badID), ("100000000000000000:\(secret)", .badID),
        ("bot123:\(secret)", .badID), ("123:", .badSecret), ("123:\(String(repeating: "a", count: 23))", .badSecret),
        ("123:\(secret)+", .badSecret), ("123:\(secret)/", .badSecret), ("123:\(secret):", .badSecret),
        ("123:\(secret)é", .badSecret), ("123: \(secret)", .badSecret), ("123:\(secret)\n\(secret)", .badSecret),
        ("123:\(String(repeating: "a", count: 77))", .badSecret),
    ])
    func `a text that is no token is refused with the reason, which does not show it`(
        text: String,
        reason: BotToken.Malformed
    ) {
        #expect(throws: reason) { try BotToken(text) }
        #expect(!reason.description.contains(Self.secret))
    }

    @Test(arguments: ["", " ", "\n", "\r\n", "\t ", "\u{B}\u{C}"])
    func `spaces and line ends around a token are dropped`(space: String) throws {
        let token = try BotToken(space + "123:\(Self.secret)" + space)
        #expect(token.reveal() == "123:\(Self.secret)")
        #expect(token == (try BotToken("123:\(Self.secret)")))
    }

    @Test func `a token never prints itself`() throws {
        let token = try BotToken("123456789:\(Self.secret)")
        #expect(token.description == "bot123456789:***")
        #expect(token.debugDescription == "bot123456789:***")
        for text in everyPrint(of: token) { #expect(!text.contains(Self.secret.prefix(4)), "\(text)") }
    }

    @Test func `a type that holds a token does not print it either`() throws {
        struct Holder { let token: BotToken }
        let holder = Holder(token: try BotToken("123456789:\(Self.secret)"))
        for text in everyPrint(of: holder) { #expect(!text.contains(Self.secret.prefix(4)), "\(text)") }
    }

    @Test func `a webhook's secret never prints itself`() {
        struct Holder { let secret: WebhookSecret }
        let secret = WebhookSecret(Self.secret)
        #expect(secret.description == "***")
        #expect(secret.debugDescription == "***")
        #expect(secret.reveal() == Self.secret)
        for text in everyPrint(of: secret) + everyPrint(of: Holder(secret: secret)) {
            #expect(!text.contains(Self.secret.prefix(4)), "\(text)")
        }
    }

    @Test(arguments: [
        ("POST https://api.telegram.org/bot123:\(secret)/getMe", "POST https://api.telegram.org/bot***/getMe"),
        ("1:\(secret)", "***"), ("7:\(secret), 18014398509481983:\(secret)!", "***, ***!"),
        ("a 123%3A\(secret)&x=1", "a ***&x=1"), ("a 123%3a\(secret)", "a ***"),
        ("\(secret) at 12:30", "\(secret) at 12:30"),
        ("Too Many Requests: retry after 5", "Too Many Requests: retry after 5"), ("", ""),
        ("can't parse entities: offset 3:short", "can't parse entities: offset 3:short"),
    ])
    func `whatever looks like a token is struck out of a text`(text: String, expected: String) {
        #expect(BotAPI.struckOut(text) == expected)
    }
}
