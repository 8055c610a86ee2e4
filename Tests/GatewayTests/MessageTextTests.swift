import Testing

@testable import Gateway

@Suite("The quick way to fold a text gives what the full way does")
struct MessageTextTests {
    @Test("every scalar that is folded without tables, alone and between others")
    func everyScalar() {
        var count = 0
        for value in UInt32(0)...0x1_FFFF {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let alone = String(String.UnicodeScalarView([scalar]))
            guard let quick = MessageText.plainlyFolded(alone) else { continue }
            count += 1
            let full = MessageText.fullyFolded(alone)
            #expect(Array(quick.unicodeScalars) == Array(full.unicodeScalars), "U+\(String(value, radix: 16))")
            let within = "a \(alone) й\(alone)Ё  z "
            #expect(
                MessageText.plainlyFolded(within).map { Array($0.unicodeScalars) }
                    == Array(MessageText.fullyFolded(within).unicodeScalars),
                "U+\(String(value, radix: 16)) within a text"
            )
        }
        // ASCII and two alphabets are in it.
        #expect(count > 200)
    }

    @Test(
        "texts with scalars that take Unicode's tables are left to the full way",
        arguments: [
            "café", "e\u{301}", "и\u{306}", "Straße", "№ 5", "ﬁ", "１２", "你好", "a\u{A0}b", "\u{85}", "ў", "👍\u{FE0F}",
        ]
    )
    func others(_ text: String) {
        #expect(MessageText.plainlyFolded(text) == nil)
        #expect(MessageText.folded(text) == MessageText.fullyFolded(text))
    }
}
