import Testing

@testable import Gateway

@Suite("Slugs")
struct SlugTests {
    @Test(arguments: ["a", "maier", "7", "a-b", "a--b", "0-9", String(repeating: "x", count: 40)])
    func `lower-case letters, digits and inner hyphens make one`(text: String) throws {
        #expect(try Slug(text).text == text)
    }

    @Test(arguments: [
        "", "-a", "a-", "-", "A", "a b", "a_b", "biz_1", "ä", "a/b", "a.b", "a\n", "a\u{0}", "а", "🦊",
        String(repeating: "x", count: 41),
    ])
    func `anything else is refused with its text`(text: String) {
        #expect(throws: GatewayError.badSlug(text)) { try Slug(text) }
    }

    @Test(arguments: [
        ("Maier & Söhne GmbH", "maier-sohne-gmbh"), ("Müller", "muller"), ("Straße", "stra-e"),
        ("Crème Brûlée", "creme-brulee"),
        ("Łódź", "odz"), ("Кафе 24", "24"), ("Café «Уют» 7", "cafe-7"), ("  --x--  ", "x"), ("İstanbul", "istanbul"),
        ("ＡＢＣ １２", "abc-12"), ("Ⅷ", "viii"), ("a_b.c", "a-b-c"), ("日本 Tokyo 東京", "tokyo"), ("e\u{301}te\u{301}", "ete"),
    ])
    func `a name gives its Latin letters and digits`(name: String, slug: String) throws {
        let made = try #require(Slug(from: name))
        #expect(made.text == slug)
        #expect(try Slug(made.text) == made)
    }

    @Test(arguments: ["", "Кафе", "日本", "🦊", "---", " ", "\u{301}", "ß"])
    func `a name without any gives none`(name: String) { #expect(Slug(from: name) == nil) }

    @Test(arguments: [(39, 5), (40, 5), (30, 60)])
    func `a long name is cut and ends with no hyphen`(letters: Int, more: Int) throws {
        let name = String(repeating: "a", count: letters) + " " + String(repeating: "b", count: more)
        let slug = try #require(Slug(from: name))
        #expect(slug.text.utf8.count <= Slug.maximumLength)
        #expect(try Slug(slug.text) == slug)
        #expect(name.replacing(" ", with: "-").hasPrefix(slug.text))
    }
}

@Suite("Identifiers")
struct IdentifierTests {
    @Test func `each kind is written with its prefix and read back`() {
        for number: Int64 in [1, 12, .max] {
            #expect(BusinessID(BusinessID(rawValue: number).description) == BusinessID(rawValue: number))
            #expect(BotID(BotID(rawValue: number).description) == BotID(rawValue: number))
            #expect(CustomerID(CustomerID(rawValue: number).description) == CustomerID(rawValue: number))
            #expect(ConversationID(ConversationID(rawValue: number).description) == ConversationID(rawValue: number))
            #expect(MessageID(MessageID(rawValue: number).description) == MessageID(rawValue: number))
            #expect(KeptUpdateID(KeptUpdateID(rawValue: number).description) == KeptUpdateID(rawValue: number))
        }
        let prefixes = [
            BusinessID.prefix, BotID.prefix, CustomerID.prefix, ConversationID.prefix, MessageID.prefix,
            KeptUpdateID.prefix,
        ]
        #expect(prefixes == ["biz_", "bot_", "cus_", "cnv_", "msg_", "upd_"])
    }

    @Test(arguments: [
        "", "12", "bot_", "bot_0", "bot_-1", "bot_+5", "bot_05", "bot_ 5", "bot_5 ", "Bot_5", "biz_5", "bot_5a",
        "bot_5_5",
        "bot_9223372036854775808", "@bot_5", "bot_٥",
    ])
    func `one row has one spelling, and anything else is none`(text: String) { #expect(BotID(text) == nil) }

    @Test func `earlier rows come first`() {
        #expect(MessageID(rawValue: 9) < MessageID(rawValue: 10))
        #expect(!(MessageID(rawValue: 10) < MessageID(rawValue: 10)))
    }
}

@Suite("Cursors and pages")
struct CursorTests {
    @Test(arguments: [0, 1, 35, 36, 4711, .max] as [Int64])
    func `a key comes back from its text`(key: Int64) throws {
        let text = Cursor.text(key)
        #expect(try Cursor.key(text) == key)
        #expect(text.utf8.allSatisfy { ($0 | 0x20) >= 0x61 || (0x30...0x39).contains($0) })
    }

    @Test(arguments: [
        "", "k", "5", "k-1", "k+5", "k05", "K5", "kA", "k 5", "k5 ", "k5.0", "kk!", "kzzzzzzzzzzzzzzzz", "msg_5",
        "k5\u{0}",
    ])
    func `a text that is no cursor is refused`(text: String) {
        #expect(throws: GatewayError.badCursor) { try Cursor.key(text) }
    }

    @Test(arguments: [(-5, 1), (0, 1), (1, 1), (50, 50), (200, 200), (201, 200), (.max, 200)])
    func `a page has 1 to 200 elements`(asked: Int, given: Int) {
        #expect(Page(limit: asked).limit == given)
        #expect(Page.maximum == 200 && Page().limit == 50)
    }
}
