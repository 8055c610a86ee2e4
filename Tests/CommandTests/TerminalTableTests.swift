import Testing

@testable import switchboard

private let family = "👨‍👩‍👧‍👦"

@Suite("Text on a terminal")
struct TerminalTextTests {
    @Test(arguments: [
        ("", 0), ("abc", 3), ("Привет", 6), ("你好", 4), ("ｆｕｌｌ", 8), ("ﾊﾝ", 2), ("한국어", 6), ("か\u{3099}", 2),
        ("e\u{301}", 1), ("\u{301}", 0), ("\u{200B}\u{200D}\u{FEFF}", 0), ("\u{1B}\u{7}\n", 0), ("a\u{AD}b", 3),
        ("👍", 2), ("👍🏽", 2), (family, 2), ("❤", 1), ("❤️", 2), ("❤️‍🔥", 2), ("1️⃣", 2), ("🇩🇪", 2), ("🇩🇪🇫🇷", 4),
        ("🏴󠁧󠁢󠁥󠁮󠁧󠁿", 2), ("⌚", 2), ("✓", 1), ("→…", 2), ("שלום", 4), ("שָׁ", 1), ("مرحبا", 5), ("กำ", 2), ("ที่", 1),
        ("\u{1100}\u{1161}", 2),
        ("𠀀", 2), ("👩🏽‍🚀 ok", 5), ("\u{3164}", 2), ("䷀", 2), ("🇩", 1),
    ])
    func `width counts the columns of clusters`(text: String, width: Int) {
        #expect(TerminalText.width(text) == width)
    }

    @Test(arguments: [
        ("plain text", "plain text"), ("one\ntwo", "one↵two"), ("one\r\ntwo\r\n", "one↵two↵"), ("a\rb", "a␍b"),
        ("a\n\r\nb", "a↵↵b"), ("a\tb", "a␉b"), ("\u{1B}[31mred\u{1B}[0m", "␛[31mred␛[0m"),
        ("\u{1B}]0;title\u{7}", "␛]0;title␇"),
        ("\u{9B}2J", "␛2J"), ("\u{85}\u{2028}\u{2029}", "↵↵↵"), ("\u{0}\u{8}\u{7F}", "␀␈␡"),
        ("\u{202E}txt\u{202C}\u{2066}x\u{2069}\u{200F}\u{61C}", "txtx"), ("שלום", "שלום"), (family, family),
    ])
    func `sanitized text cannot command the terminal`(text: String, expected: String) {
        let safe = TerminalText.sanitized(text)
        #expect(Array(safe.unicodeScalars) == Array(expected.unicodeScalars))
    }

    @Test func `no control character and no directional one survives`() {
        let controls: [UInt32] = Array(0...0x1F) + Array(0x7F...0x9F) + Array(0x202A...0x202E) + Array(0x2066...0x2069)
        for value in controls {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let safe = TerminalText.sanitized("a\(Character(scalar))b")
            #expect(!safe.unicodeScalars.contains(scalar), "U+\(String(value, radix: 16))")
            #expect(safe.hasPrefix("a") && safe.hasSuffix("b"))
        }
    }

    @Test(arguments: [
        ("abcdef", 6, "abcdef"), ("abcdef", 5, "abcd…"), ("abcdef", 1, "…"), ("abcdef", 0, ""), ("你好吗", 6, "你好吗"),
        ("你好吗", 5, "你好…"), ("你好吗", 4, "你…"), ("a\(family)b\(family)", 5, "a\(family)b…"),
        ("a\(family)b\(family)", 4, "a\(family)…"), ("a\(family)b\(family)", 3, "a…"), ("🇩🇪🇫🇷🇮🇹", 5, "🇩🇪🇫🇷…"),
        ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"), ("", 0, ""),
    ])
    func `clipping cuts between clusters and leaves room for the sign`(text: String, columns: Int, expected: String) {
        let clipped = TerminalText.clipped(text, to: columns)
        #expect(clipped == expected)
        #expect(TerminalText.width(clipped) <= columns)
    }

    @Test(arguments: ["שלום", "مرحبا", "ܫܠܡܐ", "ދިވެހި", "ߒߞߏ", "abc ﷺ", "𞤀𞤁", "1 א"])
    func `text that runs from right to left is isolated, at no width`(text: String) {
        let isolated = TerminalText.isolated(text)
        #expect(Array(isolated.unicodeScalars) == Array("\u{2068}\(text)\u{2069}".unicodeScalars))
        #expect(TerminalText.width(isolated) == TerminalText.width(text))
    }

    @Test(arguments: ["", "abc", "Привет", "你好", family, "e\u{301}", "हिन्दी", "ไทย", "\u{FEFF}x"])
    func `other text is not isolated`(text: String) {
        #expect(Array(TerminalText.isolated(text).unicodeScalars) == Array(text.unicodeScalars))
    }
}

@Suite("A table on a terminal")
struct TerminalTableTests {
    private func table(_ columns: [TerminalTable.Column], _ rows: [[String]]) -> TerminalTable {
        var table = TerminalTable(columns: columns)
        for row in rows { table.add(row) }
        return table
    }

    /// In which column of the terminal a sign stands, per line that holds it.
    private func places(of sign: Character, in rendered: String) -> [Int] {
        rendered.split(separator: "\n").compactMap { line in
            line.firstIndex(of: sign).map { TerminalText.width(line[..<$0]) }
        }
    }

    @Test func `columns stand two spaces apart under a header in upper case`() {
        let table = table(
            [.init(title: "Name"), .init(title: "Count", alignment: .right), .init(title: "State")],
            [["a", "7", "open"], ["longer name", "1234567", ""], ["b"], ["c", "1", "x", "surplus"]]
        )
        let expected = [
            "NAME           COUNT  STATE",
            "a                  7  open",
            "longer name  1234567",
            "b",
            "c                  1  x",
        ]
        #expect(table.rendered(width: nil) == expected.joined(separator: "\n"))
    }

    @Test func `a table without rows is its header`() {
        #expect(table([.init(title: "id"), .init(title: "name")], []).rendered(width: 80) == "ID  NAME")
        #expect(table([], []).rendered(width: 80).isEmpty)
    }

    @Test(arguments: [
        "plain", "你好", "👍🏽", family, "🇩🇪🇫🇷", "e\u{301}e\u{301}", "1️⃣❤️", "שלום עולם", "مرحبا", "กำลัง", "mixed א 你 🇩🇪",
        "\u{1B}[2J\u{1B}[31m", "two\nlines", "\u{202E}evil", "",
    ])
    func `the columns behind a cell stay in their place, whatever it holds`(cell: String) {
        let table = table(
            [.init(title: "who"), .init(title: "mark")],
            [["someone with a name", "@"], [cell, "@"], ["x", "@"]]
        )
        #expect(places(of: "@", in: table.rendered(width: nil)) == [21, 21, 21])
        let narrow = TerminalTable.Column(title: "who", maximumWidth: 5)
        let clipped = self.table([narrow, .init(title: "mark")], [["someone with a name", "@"], [cell, "@"]])
        #expect(places(of: "@", in: clipped.rendered(width: nil)) == [7, 7])
    }

    @Test func `each cell that runs from right to left is closed off from its neighbours, cut or not`() {
        let table = table(
            [.init(title: "name", maximumWidth: 6), .init(title: "n", alignment: .right), .init(title: "city")],
            [["שלום עולם", "12", "תל אביב"], ["Anna", "3", "Riga"]]
        )
        let lines = table.rendered(width: nil).split(separator: "\n")
        #expect(
            lines[1].unicodeScalars.elementsEqual("\u{2068}שלום …\u{2069}  12  \u{2068}תל אביב\u{2069}".unicodeScalars)
        )
        #expect(lines[2] == "Anna     3  Riga")
    }

    @Test func `a cell cannot break its line or command the terminal`() {
        let rendered = table([.init(title: "text")], [["a\u{1B}[1A\u{9B}2K\r\nb\u{2028}c\u{2066}"]]).rendered(
            width: nil
        )
        #expect(rendered == "TEXT\na␛[1A␛2K↵b↵c")
    }

    @Test func `flexible columns give way until the table fits, the widest first`() {
        let columns: [TerminalTable.Column] = [
            .init(title: "id"), .init(title: "name", flexible: true), .init(title: "text", flexible: true),
        ]
        let row = ["123456789012", String(repeating: "n", count: 12), String(repeating: "t", count: 40)]
        let table = table(columns, [row])
        func cells(_ width: Int?) -> [Int] {
            table.rendered(width: width).split(separator: "\n")[1].split(separator: " ").map { TerminalText.width($0) }
        }
        #expect(cells(nil) == [12, 12, 40])
        #expect(cells(80) == [12, 12, 40])
        #expect(cells(68) == [12, 12, 40])
        #expect(cells(50) == [12, 12, 22])
        #expect(cells(36) == [12, 10, 10])
        #expect(cells(10) == [12, 8, 8])
    }

    @Test func `a flexible column that is narrow already stays as it is`() {
        let table = table([.init(title: "a", flexible: true), .init(title: "b")], [["short", "a rigid cell"]])
        #expect(table.rendered(width: 10) == "A      B\nshort  a rigid cell")
    }

    @Test func `no line ends in a space`() {
        let table = table(
            [.init(title: "a"), .init(title: "b", alignment: .right), .init(title: "c")],
            [["x", "", ""], ["", "", ""], ["wide cell", "1", "end  "]]
        )
        for line in table.rendered(width: nil).split(separator: "\n", omittingEmptySubsequences: false) {
            #expect(!line.hasSuffix(" "), "\(line)")
        }
    }
}
