import Testing

@testable import Telegram

@Suite("Long texts")
struct TextSplittingTests {
    /// What is wrong with the pieces: the text given back save blanks at the cuts, with the same kinds on each code point.
    private static func problem(of pieces: [FormattedText], _ whole: FormattedText, limit: Int) -> String? {
        let units = Array(whole.text.utf16)
        let kinds = kindsPerUnit(whole)
        var position = 0
        for (number, piece) in pieces.enumerated() {
            guard piece.length <= limit, !piece.text.isEmpty else { return "piece \(number) is \(piece.length) long" }
            guard piece.trimmed() == piece else { return "piece \(number) is not trimmed" }
            let here = Array(piece.text.utf16)
            while position < units.count, !units[position...].starts(with: here) {
                guard units[position] <= 0x20 else { return "piece \(number) leaves something out at \(position)" }
                position += 1
            }
            guard position < units.count else { return "piece \(number) is not in the text" }
            guard piece.entities.allSatisfy({ $0.offset >= 0 && $0.length > 0 && $0.end <= here.count }) else {
                return "piece \(number) has an entity out of range"
            }
            let ofPiece = kindsPerUnit(piece)
            for offset in here.indices where ofPiece[offset] != kinds[position + offset] {
                return "piece \(number) shows unit \(offset) otherwise"
            }
            position += here.count
        }
        return units[position...].allSatisfy { $0 <= 0x20 } ? nil : "the end is missing"
    }

    private static func kindsPerUnit(_ text: FormattedText) -> [Set<MessageEntity.Kind>] {
        var kinds = Array(repeating: Set<MessageEntity.Kind>(), count: text.text.utf16.count)
        for entity in text.entities {
            for unit in entity.offset..<entity.end { kinds[unit].insert(entity.kind) }
        }
        return kinds
    }

    @Test func `the pieces give the text back, and each fits`() throws {
        for seed in 0..<300 as Range<UInt64> {
            var generator = FormattedTextGenerator(seed: seed)
            generator.grow(120)
            let whole = FormattedText(generator.text, entities: generator.entities)
            let limit = [1, 2, 3, 7, 20, 64, 200, 4096][Int(seed % 8)]
            let pieces = whole.split(limit: limit)
            #expect(Self.problem(of: pieces, whole, limit: limit) == nil, "seed \(seed), limit \(limit)")
        }
    }

    @Test func `an entity that fits into a piece is never cut`() {
        for seed in 0..<200 as Range<UInt64> {
            var generator = FormattedTextGenerator(seed: seed)
            generator.grow(120)
            let whole = FormattedText(generator.text, entities: generator.entities)
            let limit = 80
            let units = Array(whole.text.utf16)
            // Whole entities are counted by kind and text; one that is cut would be missing.
            func shown(_ text: FormattedText) -> [String: Int] {
                let units = Array(text.text.utf16)
                return text.entities.reduce(into: [:]) { counts, entity in
                    let part = FormattedText(String(decoding: units[entity.offset..<entity.end], as: UTF16.self))
                        .trimmed()
                    counts["\(entity.kind) \(part.text)", default: 0] += 1
                }
            }
            let pieces = whole.split(limit: limit).reduce(into: [String: Int]()) { sum, piece in
                sum.merge(shown(piece)) { $0 + $1 }
            }
            let short = whole.entities.filter { entity in
                let text = String(decoding: units[entity.offset..<entity.end], as: UTF16.self)
                return text.unicodeScalars.count <= limit && !FormattedText(text).trimmed().text.isEmpty
            }
            for (key, count) in shown(FormattedText(whole.text, entities: short)) {
                #expect(pieces[key, default: 0] >= count, "seed \(seed): \(key)")
            }
        }
    }

    @Test func `no character is cut that fits into a piece`() {
        let families = FormattedText(String(repeating: "👩‍👩‍👧🇩🇪e\u{301}", count: 400))
        let pieces = families.split(limit: 100)
        #expect(pieces.map(\.text).joined() == families.text)
        #expect(pieces.reduce(0) { $0 + $1.text.count } == families.text.count)
        #expect(pieces.dropLast().allSatisfy { $0.length > 90 })
    }

    @Test func `the best place near the limit is taken`() {
        func first(_ text: String, limit: Int) -> String? { FormattedText(text).split(limit: limit).first?.text }
        #expect(first("One two.\n\nThree four. Five\nsix seven", limit: 32) == "One two.")
        #expect(first("One two. Three\nfour. Five six seven", limit: 32) == "One two. Three")
        #expect(first("One two. Three four five six seven", limit: 32) == "One two.")
        #expect(first("(He said \"no.\") Three four five six", limit: 32) == "(He said \"no.\")")
        #expect(first("One two three four five six seven", limit: 32) == "One two three four five six")
        #expect(first("你好。再见再见再见", limit: 8) == "你好。")
        #expect(first("abcdefghij", limit: 4) == "abcd")
        // A paragraph right at the beginning would leave too little.
        #expect(first("Hi\n\n" + String(repeating: "word ", count: 20), limit: 40)?.count ?? 0 > 30)
        // No blank holds these together.
        #expect(first("one two\u{A0}three", limit: 9) == "one")
    }

    @Test func `a text that fits stays whole, trimmed as Telegram trims`() throws {
        #expect(FormattedText(" \n Hi \n").split() == [FormattedText("Hi")])
        #expect(FormattedText(" \n\t ").split() == [])
        let indented = try FormattedText(html: "\n<pre>  a\n  b\n</pre>\n")
        #expect(
            indented.trimmed()
                == FormattedText("  a\n  b", entities: [.init(.pre(language: nil), offset: 0, length: 7)])
        )
        #expect(FormattedText(String(repeating: "😀", count: 4096)).split().count == 1)
        #expect(FormattedText(String(repeating: "😀", count: 4097)).split().count == 2)
    }

    @Test func `an entity longer than a piece goes on in the next, indentation kept`() throws {
        let lines = (0..<40).map { "    line \($0)" }.joined(separator: "\n")
        let pieces = try FormattedText(html: "<pre><code class=\"language-py\">\(lines)</code></pre>").split(limit: 100)
        #expect(pieces.count > 4)
        for piece in pieces {
            #expect(piece.text.hasPrefix("    line"))
            #expect(piece.entities == [.init(.pre(language: "py"), offset: 0, length: piece.text.utf16.count)])
        }
        #expect(pieces.map(\.text).joined(separator: "\n") == lines)
    }

    @Test func `entities that overlap or lie outside do no harm`() {
        let text = String(repeating: "x", count: 50)
        let wild = FormattedText(
            text,
            entities: [
                .init(.bold, offset: 0, length: 15), .init(.italic, offset: 10, length: 15),
                .init(.underline, offset: 20, length: 100), .init(.code, offset: -5, length: 8),
                .init(.spoiler, offset: 70, length: 3), .init(.bold, offset: 5, length: -3),
            ]
        )
        let pieces = wild.split(limit: 16)
        #expect(pieces.map(\.text).joined() == text)
        #expect(pieces.allSatisfy { piece in piece.entities.allSatisfy { $0.end <= piece.text.utf16.count } })
    }

    @Test func `one character longer than a piece is cut between code points`() {
        let tower = "a" + String(repeating: "\u{301}", count: 500)
        let pieces = FormattedText(tower).split(limit: 64)
        #expect(pieces.map { Array($0.text.unicodeScalars) }.joined().elementsEqual(tower.unicodeScalars))
        #expect(pieces.count == 8)
    }

    @Test func `entities are written as the Bot API takes them`() throws {
        let read = try FormattedText(
            html:
                "<pre><code class=\"language-c\">x</code></pre><a href='tg://user?id=5'>y</a><tg-time unix='9'>z</tg-time>"
        )
        #expect(
            read.entitiesJSON.text
                == #"[{"type":"pre","offset":0,"length":1,"language":"c"},{"type":"text_mention","offset":1,"length":1,"user":{"id":5}},{"type":"date_time","offset":2,"length":1,"unix_time":9}]"#
        )
    }
}
