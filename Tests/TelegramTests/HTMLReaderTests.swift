import Testing

@testable import Telegram

@Suite("Telegram's HTML")
struct HTMLReaderTests {
    @Test func `tags become entities counted in UTF-16`() throws {
        let read = try FormattedText(
            html: "👋 <b>Hi <i>you</i></b>, <a href=\"https://example.org\">see</a> 1 &lt; 2 &amp; 3"
        )
        #expect(read.text == "👋 Hi you, see 1 < 2 & 3")
        #expect(
            read.entities == [
                MessageEntity(.bold, offset: 3, length: 6), MessageEntity(.italic, offset: 6, length: 3),
                MessageEntity(.textLink(url: "https://example.org"), offset: 11, length: 3),
            ]
        )
        #expect(read.length == 23)
    }

    @Test func `a generated text is read as what it stands for`() throws {
        for seed in 0..<400 as Range<UInt64> {
            var generator = FormattedTextGenerator(seed: seed)
            generator.grow(40)
            let read = try FormattedText(html: generator.html)
            #expect(Array(read.text.utf8) == Array(generator.text.utf8), "seed \(seed)")
            let expected = FormattedText(generator.text, entities: generator.entities).entities
            #expect(Set(read.entities) == Set(expected), "seed \(seed)")
            #expect(read.entities.count == expected.count, "seed \(seed)")
            #expect(read.entities.map(\.offset) == expected.map(\.offset), "seed \(seed)")
        }
    }

    @Test(arguments: [
        ("<br>", "Unsupported start tag \"br\" at byte offset 0"),
        ("a < b", "Unsupported start tag \"\" at byte offset 2"),
        ("é<script>", "Unsupported start tag \"script\" at byte offset 2"),
        ("x <b", "Unclosed start tag at byte offset 2"),
        ("<a href", "Unclosed start tag \"a\" at byte offset 0"),
        ("<a href=", "Unclosed start tag \"a\" at byte offset 0"),
        ("<a href=\"x", "Unclosed start tag at byte offset 0"),
        ("<a =\"x\">y</a>", "Empty attribute name in the tag \"a\" at byte offset 0"),
        ("<a href>y</a>", "Expected equal sign in declaration of an attribute of the tag \"a\" at byte offset 0"),
        ("<a href=x/>y</a>", "Unexpected end of name token at byte offset 8"),
        ("<span>x</span>", "Tag \"span\" must have class \"tg-spoiler\" at byte offset 0"),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
        ("<b>x</i>", "Unmatched end tag at byte offset 4, expected \"</b>\", found \"</i>\""),
        ("x<b>x", "Can't find end tag corresponding to start tag \"b\" at byte offset 1"),
        ("<tg-emoji emoji-id=\"x\">y</tg-emoji>", "Invalid custom emoji identifier specified at byte offset 0"),
        ("<tg-time unix=\"-1\">y</tg-time>", "Invalid time specified at byte offset 0"),
        ("ab&#xd83d;", "Text contains invalid Unicode characters after decoding HTML entities at byte offset 2"),
        ("<meine geheime nachricht>", "Unsupported start tag \"meine\" at byte offset 0"),
        ("<sehr-geheime-nachricht-12>", "Unsupported start tag at byte offset 0"),
        ("<b>x</Geheim4711>", "Unmatched end tag at byte offset 4, expected \"</b>\""),
    ])
    func `what is not Telegram's HTML is refused with its place, a mend, and no text of the message`(
        html: String,
        said: String
    ) throws {
        let error = #expect(throws: HTMLError.self) { try FormattedText(html: html) }
        let text = try #require(error).description
        #expect(text.hasPrefix("can't parse entities: \(said); "), "\(text)")
        #expect(!text.contains("\n"))
        #expect(!text.hasSuffix("; "))
    }

    @Test(arguments: [
        ("a & b &copy; &lt", "a & b &copy; <"), ("&#0; &#1114111; &#x110000;", "&#0; &#1114111; &#x110000;"),
        ("&#128512;&#x1F600", "😀😀"), ("<b></b>x", "x"), ("&lt;b&gt;", "<b>"), ("&#00000000065;", "&#00000000065;"),
        ("", ""), ("&", "&"), ("&#", "&#"), ("&#x", "&#x"), ("<b>&amp;lt;</b>", "&lt;"),
    ])
    func `references are read as Telegram reads them`(html: String, text: String) throws {
        #expect(try FormattedText(html: html).text == text)
    }

    @Test func `a code with a language outside of pre is plain code`() throws {
        let read = try FormattedText(
            html: "<code class=\"language-c\">x</code> <pre>a<code class=\"language-c\">b</code></pre>"
        )
        #expect(read.entities.map(\.kind) == [.code, .pre(language: nil), .code])
    }

    @Test func `a link without an address leads to its text`() throws {
        #expect(
            try FormattedText(html: "<a>https://example.org</a>").entities == [
                MessageEntity(.textLink(url: "https://example.org"), offset: 0, length: 19)
            ]
        )
    }

    @Test func `every spoiled text is read or refused`() {
        var random = SeededGenerator(seed: 7)
        let troubles = ["<", ">", "&", "\"", "'", "=", "/", "\0", " ", "</", "<b>", "&#", "<a href=\"", "😀"].map {
            Array($0.utf8)
        }
        for seed in 0..<1500 as Range<UInt64> {
            var generator = FormattedTextGenerator(seed: seed)
            generator.grow(6)
            var html = Array(generator.html.utf8)
            for _ in 0...random.below(4) {
                html.insert(contentsOf: random.pick(troubles), at: random.below(html.count + 1))
                if random.oneIn(2) { html.removeLast(random.below(min(10, html.count))) }
            }
            let text = String(decoding: html, as: UTF8.self)
            if let read = try? FormattedText(html: text) {
                let end = read.text.utf16.count
                #expect(read.entities.allSatisfy { $0.offset >= 0 && $0.length > 0 && $0.end <= end }, "seed \(seed)")
            }
        }
    }

    @Test func `depth is bounded`() throws {
        let most = FormattedText.maximumDepth
        let deepest = String(repeating: "<b>", count: most) + "x" + String(repeating: "</b>", count: most)
        #expect(try FormattedText(html: deepest).entities.count == most)
        #expect(throws: HTMLError(.tooDeep, at: 3 * most)) {
            try FormattedText(html: String(repeating: "<b>", count: 350_000))
        }
    }

    private static let hostile = [
        String(repeating: "<b>x</b>", count: 130_000), String(repeating: "<", count: 1_000_000),
        String(repeating: "&", count: 1_000_000), String(repeating: "&#", count: 500_000),
        String(repeating: "<b></b>", count: 150_000), "<a href=\"" + String(repeating: "x&amp;", count: 160_000),
        "<a " + String(repeating: "b=c ", count: 250_000), "</" + String(repeating: "x", count: 1_000_000),
        String(repeating: "<a>", count: 60) + String(repeating: "x", count: 16_000)
            + String(repeating: "</a>", count: 60),
        String(repeating: "\n", count: 500_000) + "<b>" + String(repeating: " ", count: 500_000) + "x</b>",
        String(repeating: "🇩🇪", count: 120_000), "e" + String(repeating: "&#769;", count: 160_000),
    ]

    @Test(arguments: hostile.indices)
    func `a hostile megabyte takes time in proportion`(which: Int) {
        // Anything that is not linear would take minutes here.
        let read = try? FormattedText(html: Self.hostile[which])
        for piece in read?.split() ?? [] { #expect(piece.length <= 4096) }
    }
}
