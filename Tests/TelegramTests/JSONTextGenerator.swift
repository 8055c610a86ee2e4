/// SplitMix64: small, and the same everywhere, so that a seed names a text.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    mutating func oneIn(_ count: Int) -> Bool { below(count) == 0 }

    mutating func pick<Element>(_ choices: [Element]) -> Element { choices[below(choices.count)] }
}

/// Makes JSON texts of every shape, and spoils them.
struct JSONTextGenerator {
    var random: SeededGenerator

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    /// A valid text.
    mutating func text() -> [UInt8] {
        var out: [UInt8] = []
        space(&out)
        value(&out, depth: 0)
        space(&out)
        return out
    }

    /// The text with one to three small faults, which may by chance leave it valid.
    mutating func spoiled(_ text: [UInt8]) -> [UInt8] {
        var out = text
        for _ in 0...random.below(3) {
            let at = random.below(out.count + 1)
            switch random.below(6) {
            case 0 where at < out.count: out[at] ^= 1 << random.below(8)
            case 1 where at < out.count: out.remove(at: at)
            case 2 where at < out.count: out.removeSubrange(at..<min(out.count, at + 1 + random.below(6)))
            case 3 where at < out.count: out[at] = UInt8(random.below(256))
            case 4 where at < out.count: out.insert(out[random.below(out.count)], at: at)
            default: out.insert(contentsOf: random.pick(Self.troubles), at: at)
            }
        }
        return out
    }

    /// What a parser may stumble over: structure, control characters, and every way in which UTF-8 is malformed.
    private static let troubles: [[UInt8]] =
        [
            "{", "}", "[", "]", ",", ":", "\"", "\\", "0", "00", "-", "+", ".", "e", "E5", "1e400", "-1e999", "1e-400",
            "\\u", "\\u12", "\\ud800", "\\udc00", "\\ud83d\\u0041", "\\ud83d\\ud83d", "\\uD83D\\uDE00", "\\x", "\\'",
            "true", "nul", "fals", "NaN", "Infinity", "'", "/**/", "//", " ", "\t", "\r\n", "\u{B}", "\u{C}", ",]",
            ",}",
            "\u{7F}", "\u{85}", "\u{A0}", "\u{2028}", "\u{FEFF}", "é", "\u{301}", "👩‍👩‍👧", "18446744073709551616",
        ].map { Array($0.utf8) } + [
            [0x00], [0x1F], [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF],
            [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xEF, 0xBF, 0xBF], [0xF0, 0x80, 0x80, 0x80],
            [0xF0, 0x9F, 0x98], [0xF4, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xF8],
            [0xFE, 0xFF], [0xFF, 0xFE], [0xFF],
        ]

    private mutating func space(_ out: inout [UInt8]) {
        while random.oneIn(4) { out.append(random.pick([0x20, 0x0A, 0x0D, 0x09])) }
    }

    private mutating func value(_ out: inout [UInt8], depth: Int) {
        switch random.below(depth > 5 ? 7 : 11) {
        case 0: out += "null".utf8
        case 1: out += (random.oneIn(2) ? "true" : "false").utf8
        case 2, 3: number(&out)
        case 4...6: string(&out)
        case 7, 8:
            list(&out, "[", "]") { $0.value(&$1, depth: depth + 1) }
        default:
            list(&out, "{", "}") { generator, out in
                generator.name(&out)
                generator.space(&out)
                out.append(UInt8(ascii: ":"))
                generator.space(&out)
                generator.value(&out, depth: depth + 1)
            }
        }
    }

    private mutating func list(
        _ out: inout [UInt8],
        _ open: String,
        _ close: String,
        element: (inout Self, inout [UInt8]) -> Void
    ) {
        out += open.utf8
        space(&out)
        for index in 0..<random.below(5) {
            if index > 0 {
                out.append(UInt8(ascii: ","))
                space(&out)
            }
            element(&self, &out)
            space(&out)
        }
        out += close.utf8
    }

    /// From a small pool, so that names repeat: also written in another way, and in another normal form.
    private mutating func name(_ out: inout [UInt8]) {
        if random.oneIn(3) { return string(&out) }
        out +=
            random.pick(
                [#""a""#, #""\u0061""#, #""id""#, #""i\u0064""#, #""text""#, #""é""#, "\"e\u{301}\"", #""""#, #""\n""#]
            ).utf8
    }

    private mutating func digits(_ out: inout [UInt8], _ count: Int) {
        for _ in 0..<count { out.append(UInt8(ascii: "0") + UInt8(random.below(10))) }
    }

    private mutating func number(_ out: inout [UInt8]) {
        if random.oneIn(4) {
            out += random.pick(Self.notableNumbers).utf8
            return
        }
        if random.oneIn(3) { out.append(UInt8(ascii: "-")) }
        if random.oneIn(4) {
            out.append(UInt8(ascii: "0"))
        } else {
            out.append(UInt8(ascii: "1") + UInt8(random.below(9)))
            digits(&out, random.oneIn(6) ? random.below(30) : random.below(8))
        }
        if random.oneIn(3) {
            out.append(UInt8(ascii: "."))
            digits(&out, 1 + random.below(4))
            if random.oneIn(3) { out += "000".utf8 }
            if random.oneIn(10) { digits(&out, 20) }
        }
        if random.oneIn(4) {
            out += random.pick(["e", "E", "e+", "E+", "e-", "E-"]).utf8
            digits(&out, 1 + random.below(2))
        }
    }

    private static let notableNumbers = [
        "0", "-0", "-0.0", "0e0", "1.0", "1e3", "1E+3", "10e-1", "1.5e1", "1.5", "-1.0e0", "100e-2", "12300e-2",
        "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
        "9223372036854775807.0", "9223372036854775808.0", "-9223372036854775808.0", "9.223372036854775807e18",
        "9007199254740992", "9007199254740993", "9007199254740993.0", "4503599627370497.5", "18446744073709551615",
        "123456789012345678901234567890", "0.1", "2.2250738585072011e-308", "5e-324", "1.7976931348623157e308",
        "1e308", "1e-5", "0.000000000000000000000000001e27", "100000000000000000000e-20", "0e99", "-0e-99",
        "1.0000000000000000000001", "0.99999999999999999999", "72057594037927936",
    ]

    private mutating func string(_ out: inout [UInt8]) {
        out.append(UInt8(ascii: "\""))
        for _ in 0..<random.below(5) { piece(&out) }
        out.append(UInt8(ascii: "\""))
    }

    private mutating func piece(_ out: inout [UInt8]) {
        switch random.below(8) {
        case 0, 1:
            for _ in 0..<random.below(20) { out += random.pick(Array("abz AZ09/-_'<>&{}[]:,\u{7F}")).utf8 }
        case 2: out += random.pick([#"\""#, #"\\"#, #"\/"#, #"\b"#, #"\f"#, #"\n"#, #"\r"#, #"\t"#]).utf8
        case 3: escaped(scalar(), &out)
        case 4: out += String(scalar()).utf8
        case 5: out += random.pick(["Привет", "你好", "שלום", "👍🏽", "👩‍👩‍👧‍👦", "🇩🇪", "e\u{301}", "\u{2028}", "\u{FEFF}"]).utf8
        case 6: for _ in 0..<random.below(6) { escaped(scalar(), &out) }
        default: for _ in 0..<random.below(40) { out.append(UInt8(ascii: "x")) }
        }
    }

    private mutating func scalar() -> Unicode.Scalar {
        let range: ClosedRange<UInt32> = random.pick([
            0x20...0x21, 0x23...0x5B, 0x5D...0x7F, 0x80...0x7FF, 0x400...0x4FF, 0x800...0xD7FF, 0xE000...0xFFFF,
            0x10000...0x10FFFF, 0x1F300...0x1F9FF,
        ])
        return Unicode.Scalar(range.lowerBound + UInt32(random.below(range.count))) ?? "?"
    }

    private mutating func escaped(_ scalar: Unicode.Scalar, _ out: inout [UInt8]) {
        let low = random.oneIn(8) ? Unicode.Scalar(UInt8(random.below(32))) : scalar
        for unit in String(low).utf16 {
            let hex = String(unit, radix: 16, uppercase: random.oneIn(2))
            out += "\\u\(String(repeating: "0", count: 4 - hex.count))\(hex)".utf8
        }
    }
}
