import Telegram

/// Makes HTML of every shape, together with the text and the entities that it stands for.
struct FormattedTextGenerator {
    var random: SeededGenerator
    private(set) var html = ""
    private(set) var text = ""
    private(set) var entities: [MessageEntity] = []

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    private static let words = [
        "a", "word", "Hello,", "end.", "Really?", "no!", "1 < 2 & 3 > 2", "\"quoted.\"", "&lt;", "Grüße", "मुझे",
        "ข้อความ",
        "你好。", "再见！", "👩‍👩‍👧", "🇩🇪🇫🇷🇮🇹", "e\u{301}\u{302}", "👍🏽", "x\u{200D}y", "𝔘𝔫𝔦", "\u{FEFF}", "schöne\u{A0}Worte",
        "https://example.org/a?b=c&d=e", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ]
    private static let gaps = [" ", " ", " ", " ", "\n", "\n", "\n\n", "\n \n", "  ", "\t", "", "\r\n", "\u{2028}"]

    /// Adds some words and tags; `weight` bounds how many.
    mutating func grow(_ weight: Int, depth: Int = 0) {
        var left = weight
        while left > 0 {
            if depth < 5, random.oneIn(4) {
                let inside = min(left, 1 + random.below(depth == 0 ? 60 : 8))
                tag(inside, depth)
                left -= inside
            } else {
                write(random.pick(Self.words))
                left -= 1
            }
            write(random.pick(Self.gaps))
        }
    }

    private mutating func write(_ plain: String) {
        text += plain
        for scalar in plain.unicodeScalars {
            switch random.below(20) {
            case 0: html += "&#\(scalar.value);"
            case 1: html += "&#x\(String(scalar.value, radix: 16));"
            default: html += FormattedText.escapedForHTML(String(scalar))
            }
        }
    }

    private mutating func tag(_ weight: Int, _ depth: Int) {
        let (open, close, kind): (String, String, MessageEntity.Kind) = random.pick([
            ("<b>", "</b>", .bold), ("<strong>", "</strong>", .bold), ("<i >", "</i>", .italic),
            ("<EM>", "</em>", .italic),
            ("<u>", "</u >", .underline), ("<ins>", "</ins>", .underline), ("<s>", "</>", .strikethrough),
            ("<strike>", "</strike>", .strikethrough), ("<del>", "</del>", .strikethrough),
            ("<tg-spoiler>", "</tg-spoiler>", .spoiler), ("<span class=\"tg-spoiler\">", "</span>", .spoiler),
            ("<code>", "</code>", .code), ("<pre>", "</pre>", .pre(language: nil)),
            ("<pre><code class='language-swift'>", "</code></pre>", .pre(language: "swift")),
            ("<code class='language-c++'><pre>", "</pre></code>", .pre(language: "c++")),
            ("<blockquote>", "</blockquote>", .blockquote),
            ("<blockquote expandable>", "</blockquote>", .expandableBlockquote),
            ("<a href=\"https://example.org/?a=1&amp;b=2\">", "</a>", .textLink(url: "https://example.org/?a=1&b=2")),
            ("<a title='x' href='tg://user?id=123456789'>", "</a>", .textMention(userID: 123_456_789)),
            ("<tg-emoji emoji-id=\"5368324170671202286\">", "</tg-emoji>", .customEmoji(id: "5368324170671202286")),
            ("<tg-time unix=1647531900 format=wDT>", "</tg-time>", .dateTime(unix: 1_647_531_900, format: "wdt")),
        ])
        let start = text.utf16.count
        let index = entities.count
        html += open
        grow(weight, depth: depth + 1)
        html += close
        let length = text.utf16.count - start
        if length > 0 { entities.insert(MessageEntity(kind, offset: start, length: length), at: index) }
    }
}
