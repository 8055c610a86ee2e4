/// Text that others wrote, made fit for a terminal: measured in columns, harmless, and cut to size.
enum TerminalText {
    /// How many columns a terminal gives to the text: the sum over its grapheme clusters.
    ///
    /// A cluster without anything visible takes none, East Asian wide characters and emoji take two, all else takes one.
    static func width(_ text: some StringProtocol) -> Int {
        text.reduce(0) { $0 + width(of: $1) }
    }

    /// The text without anything that moves the cursor, changes colours, or reorders the line.
    ///
    /// Line ends become `↵`, other control characters their pictures (`␛`, `␉`), and directional control characters
    /// are taken out: an override could show one customer's text as another's.
    static func sanitized(_ text: some StringProtocol) -> String {
        var safe = String.UnicodeScalarView()
        var last: Unicode.Scalar?
        for scalar in text.unicodeScalars {
            // The two characters of one line end get one sign.
            if scalar == "\n", last == "\r" { safe.removeLast() }
            if let shown = shown(scalar) { safe.append(shown) }
            last = scalar
        }
        return String(safe)
    }

    /// The text if it fits into so many columns, else as many whole clusters as fit before a `…`.
    ///
    /// What was isolated and is cut through is closed before it.
    static func clipped(_ text: some StringProtocol, to columns: Int) -> String {
        guard width(text) > columns else { return String(text) }
        guard columns > 0 else { return "" }
        var kept = ""
        var used = 0
        for cluster in text {
            used += width(of: cluster)
            // The last column is that of the sign.
            if used >= columns { break }
            kept.append(cluster)
        }
        let open = kept.unicodeScalars.reduce(0) { $0 + ($1 == "\u{2068}" ? 1 : $1 == "\u{2069}" ? -1 : 0) }
        return kept + String(repeating: "\u{2069}", count: max(0, open)) + "…"
    }

    /// Text with letters that run from right to left, wrapped in an isolate; other text as it is.
    ///
    /// Without it such a cell and its neighbours would change places. The two signs around it take no column.
    static func isolated(_ text: some StringProtocol) -> String {
        guard text.unicodeScalars.contains(where: runsRightToLeft) else { return String(text) }
        return "\u{2068}\(text)\u{2069}"
    }

    /// What stands for a character in safe text; nil if nothing does.
    private static func shown(_ scalar: Unicode.Scalar) -> Unicode.Scalar? {
        switch scalar.value {
        // Line feed, next line, line separator, paragraph separator.
        case 0x0A, 0x85, 0x2028, 0x2029: "↵"
        case 0x00...0x1F: Unicode.Scalar(0x2400 + scalar.value)
        case 0x7F: "␡"
        // One byte of C1 does what ESC and a letter do.
        case 0x80...0x9F: "␛"
        // Marks, embeddings, overrides, isolates, and their deprecated relatives.
        case 0x061C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x206F: nil
        default: scalar
        }
    }

    private static func width(of cluster: Character) -> Int {
        if let ascii = cluster.asciiValue, ascii >= 0x20, ascii < 0x7F { return 1 }
        let scalars = cluster.unicodeScalars
        guard let base = scalars.first(where: { !isInvisible($0) }) else { return 0 }
        let flagLetters = scalars.count { (0x1F1E6...0x1F1FF).contains($0.value) }
        if flagLetters > 0 { return min(flagLetters, 2) }
        // U+FE0F asks for the coloured picture, U+20E3 draws a key around a digit.
        if base.properties.isEmoji, scalars.contains(where: { $0 == "\u{FE0F}" || $0 == "\u{20E3}" }) { return 2 }
        if scalars.contains(where: isWide) { return 2 }
        // Thai and Lao AM and the half-width voice marks join a cluster, but stand beside its letter.
        let beside = scalars.dropFirst().contains { [0x0E33, 0x0EB3, 0xFF9E, 0xFF9F].contains($0.value) }
        return beside ? 2 : 1
    }

    private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        // A soft hyphen and the Arabic, Syriac and Kaithi number signs are "format" characters that are drawn.
        case 0x00AD, 0x0600...0x0605, 0x06DD, 0x070F, 0x0890, 0x0891, 0x08E2, 0x110BD, 0x110CD: return false
        // The Hangul fillers are empty but take their room; people use them as names that cannot be seen.
        case 0x115F, 0x3164, 0xFFA0: return false
        default: break
        }
        switch scalar.properties.generalCategory {
        case .control, .format, .nonspacingMark, .enclosingMark, .lineSeparator, .paragraphSeparator: return true
        default: return scalar.properties.isDefaultIgnorableCodePoint
        }
    }

    /// **Source:** Unicode, `EastAsianWidth.txt` (W and F) and `emoji-data.txt` (Emoji_Presentation).
    private static func isWide(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x1100...0x115F, 0x2329...0x232A, 0x2E80...0x303E, 0x3041...0xA4CF,
            0xA960...0xA97C, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6F, 0xFF01...0xFF60,
            0xFFE0...0xFFE6, 0x16FE0...0x18DFF, 0x1AFF0...0x1B2FF, 0x1F200...0x1F265, 0x20000...0x2FFFD,
            0x30000...0x3FFFD:
            true
        case ..<0x231A: false
        default: scalar.properties.isEmojiPresentation
        }
    }

    /// The blocks of Hebrew, Arabic, Syriac, Thaana, N'Ko, Samaritan, Mandaic, Adlam and the ancient scripts like them.
    private static func runsRightToLeft(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x0590...0x08FF, 0xFB1D...0xFDFF, 0xFE70...0xFEFC, 0x10800...0x10FFF, 0x1E800...0x1EFFF: true
        default: false
        }
    }
}
