import Foundation
import Synchronization

/// A text as conditions look at it, read once for all steps, and no further than they ask.
public struct MessageText: Hashable, Sendable {
    /// The text as it is compared: see `folded(_:)`.
    public let folded: String
    /// The command that it is, if it is one.
    public let command: BotCommandText?
    private let parts = Parts()

    /// What few conditions ask for.
    private final class Parts: Sendable {
        let characters = Mutex<[Character]?>(nil)
        let words = Mutex<[String]?>(nil)
        let wordSet = Mutex<Set<String>?>(nil)
    }

    /// Reads a text; a message without one has the empty text.
    public init(_ text: String) {
        folded = Self.folded(text)
        command = BotCommandText(text)
    }

    /// The characters of `folded`, as people see them.
    public var characters: [Character] { Self.known(in: parts.characters) { Array(folded) } }

    /// The words of `folded`, in order: see `words(of:)`.
    public var words: [String] { Self.known(in: parts.words) { Self.words(of: folded) } }

    /// Whether a word is among `words`, however many there are.
    public func isAmongWords(_ word: String) -> Bool {
        Self.known(in: parts.wordSet) { Set(words) }.contains(word)
    }

    private static func known<Value: Sendable>(in place: borrowing Mutex<Value?>, _ read: () -> Value) -> Value {
        place.withLock { known in
            if let known { return known }
            let value = read()
            known = value
            return value
        }
    }

    /// By the text: all else comes from it.
    public static func == (left: Self, right: Self) -> Bool {
        left.folded == right.folded && left.command == right.command
    }

    /// By the text.
    public func hash(into hasher: inout Hasher) { hasher.combine(folded) }

    /// A text with what people do not distinguish made equal.
    ///
    /// Letters of one case, without the accents of Latin, Greek and Cyrillic script (`é` is `e`, `ё` is `е`, `й` is `и`, `ł` is `l`, `ß` is `ss`);
    /// wide and narrow forms alike; typographic apostrophes straight; every stretch of blanks one space, none at the ends. Marks of other
    /// scripts, which make other words, stay.
    public static func folded(_ text: String) -> String { plainlyFolded(text) ?? fullyFolded(text) }

    /// What `folded(_:)` gives, without Unicode's tables; nil if the text has a scalar that takes them.
    static func plainlyFolded(_ text: String) -> String? {
        var folded = String.UnicodeScalarView()
        folded.reserveCapacity(text.utf8.count)
        var isBlankOpen = false
        for scalar in text.unicodeScalars {
            if scalar.value == 0x20 || (0x09...0x0D).contains(scalar.value) {
                isBlankOpen = !folded.isEmpty
                continue
            }
            guard let plain = plain(scalar.value).flatMap(Unicode.Scalar.init) else { return nil }
            if isBlankOpen { folded.append(" ") }
            isBlankOpen = false
            folded.append(plain)
        }
        return String(folded)
    }

    /// What becomes of a scalar of ASCII, of Russian and Ukrainian, or of the usual emoji; nil for others.
    private static func plain(_ scalar: UInt32) -> UInt32? {
        switch scalar {
        case 0x41...0x5A: scalar + 0x20
        case 0x00...0x7F: scalar
        case 0x401, 0x451: 0x435
        case 0x407, 0x457: 0x456
        case 0x419, 0x439: 0x438
        case 0x404, 0x406: scalar + 0x50
        case 0x410...0x42F: scalar + 0x20
        case 0x430...0x44F, 0x454, 0x456: scalar
        case 0x490, 0x491: 0x491
        case 0x2018, 0x2019: 0x27
        case 0xAB, 0xBB, 0x2013, 0x2014, 0x201C...0x201E, 0x1F300...0x1F64F, 0x1F680...0x1F6C5: scalar
        default: nil
        }
    }

    /// What `folded(_:)` gives, for every text.
    static func fullyFolded(_ text: String) -> String {
        var scalars = String.UnicodeScalarView()
        var isBlankOpen = false
        for scalar in text.decomposedStringWithCompatibilityMapping.unicodeScalars {
            if scalar.properties.isWhitespace {
                isBlankOpen = !scalars.isEmpty
                continue
            }
            // The combining marks of the scripts named above.
            if (0x0300...0x036F).contains(scalar.value) { continue }
            if isBlankOpen { scalars.append(" ") }
            isBlankOpen = false
            append(scalar, to: &scalars)
        }
        return String(scalars).precomposedStringWithCanonicalMapping
    }

    private static func append(_ scalar: Unicode.Scalar, to scalars: inout String.UnicodeScalarView) {
        switch scalar {
        case "\u{2018}", "\u{2019}", "\u{02BC}": scalars.append("'")
        case "ł", "Ł": scalars.append("l")
        case "ø", "Ø": scalars.append("o")
        case "đ", "Đ": scalars.append("d")
        case "ß", "ẞ": scalars.append(contentsOf: "ss".unicodeScalars)
        case "ς": scalars.append("σ")
        case "ı": scalars.append("i")
        case _ where scalar.value < 0x80:
            let isCapital = (0x41...0x5A).contains(scalar.value)
            scalars.append(isCapital ? Unicode.Scalar(UInt8(scalar.value + 0x20)) : scalar)
        default: scalars.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
        }
    }

    /// What a scalar is for the boundaries of words.
    private enum Role {
        case letter, digit, alone, extending, apostrophe, point, other
    }

    /// The words of a text.
    ///
    /// **Source:** Unicode Standard Annex #29, "Word Boundaries", with two differences that people who write in a hurry expect: a full stop or a
    /// colon between letters ends a word, and each character of a script that is written without blanks is a word of its own (Chinese, Hiragana,
    /// Thai, Lao, Khmer, Burmese), so that a word of such a script is found as the sequence of its characters.
    public static func words(of text: String) -> [String] {
        var words: [String] = []
        var word = String.UnicodeScalarView()
        var last = Role.other
        // An apostrophe or a point that may turn out to stand within a word.
        var pending: Unicode.Scalar?
        func end() {
            if !word.isEmpty { words.append(String(word)) }
            word = .init()
            pending = nil
        }
        for scalar in text.unicodeScalars {
            let role = role(of: scalar)
            switch role {
            case .letter, .digit:
                if let joint = pending {
                    let joins = joint == "'" ? role == .letter && last == .letter : role == .digit && last == .digit
                    if joins { word.append(joint) } else { end() }
                }
                if last == .alone { end() }
                pending = nil
                word.append(scalar)
                last = role
            case .alone:
                end()
                word.append(scalar)
                last = .alone
            case .extending:
                if !word.isEmpty, pending == nil { word.append(scalar) }
            case .apostrophe, .point:
                if word.isEmpty || pending != nil { end() } else { pending = scalar }
            case .other:
                end()
                last = .other
            }
        }
        end()
        return words
    }

    private static func role(of scalar: Unicode.Scalar) -> Role {
        switch scalar.value {
        case 0x30...0x39: return .digit
        case 0x61...0x7A, 0x41...0x5A, 0x5F: return .letter
        case 0x27: return .apostrophe
        case 0x2C, 0x2E: return .point
        case ..<0x80: return .other
        case 0x400...0x45F: return .letter
        case 0x0E00...0x0EFF, 0x1000...0x109F, 0x1780...0x17FF:
            // Thai, Lao, Burmese, Khmer; their vowel signs belong to the letter.
            return isMark(scalar) ? .extending : scalar.properties.isAlphabetic ? .alone : .other
        case 0x3040...0x309F: return isMark(scalar) ? .extending : .alone
        default: break
        }
        if scalar.properties.isIdeographic { return .alone }
        switch scalar.properties.generalCategory {
        case .decimalNumber, .letterNumber: return .digit
        case .nonspacingMark, .spacingMark, .enclosingMark, .format: return .extending
        default: return scalar.properties.isAlphabetic ? .letter : .other
        }
    }

    private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark, .format: true
        default: false
        }
    }
}

/// A bot command as a text message: `/start@shop_bot flyer-1`.
///
/// **Source:** Bot API, "Commands": up to 32 of A-Z, a-z, 0-9 and `_` behind a slash at the beginning; in groups with the bot's username.
public struct BotCommandText: Hashable, Sendable {
    /// The name in lower case, without the slash.
    public let name: String
    /// The username of the bot that is meant, in lower case; nil for any.
    public let bot: String?
    /// What follows, without blanks at the ends; empty for nothing.
    public let payload: String

    /// Reads a text; nil if it is no command.
    public init?(_ text: String) {
        guard text.hasPrefix("/") else { return nil }
        let head = text.dropFirst().prefix { !$0.isWhitespace }
        let parts = head.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.allSatisfy({ Self.isName($0) }), let name = parts.first else { return nil }
        self.name = name.lowercased()
        bot = parts.count > 1 ? parts[1].lowercased() : nil
        payload = text.dropFirst(head.count + 1).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Whether a text may be the name of a command.
    public static func isName(_ text: some StringProtocol) -> Bool {
        (1...32).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0 & 0xDF) || $0 == 0x5F
            }
    }
}
