import Telegram

/// The parameters of a call: names and texts; of two with one name the first counts.
///
/// **Source:** tdlib `HttpReader.cpp`: the query string is read before the body; a JSON value that is no string is kept as its
/// text, so `null` is the text "null".
struct Parameters: Sendable {
    private var values: [String: String] = [:]

    /// Reads query string and body; a body of another kind, multipart among them, gives none.
    init(query: String, contentType: String, body: [UInt8]) {
        addPairs(query.utf8)
        if contentType.contains("application/x-www-form-urlencoded") {
            addPairs(body)
        } else if contentType.contains("application/json") {
            // Telegram keeps the pairs before a syntax error; here such a body gives none.
            guard let members = (try? JSONDocument(body))?.root.members else { return }
            for (name, value) in members { add(name, value.string ?? value.rawText) }
        }
    }

    /// The text of a parameter; one that is absent is empty, as for Telegram.
    subscript(_ name: String) -> String { values[name] ?? "" }

    /// `true`, `yes` or `1`, in any case, with or without spaces around; all else is false.
    func bool(_ name: String) -> Bool {
        let word = self[name].drop { $0.isWhitespace }.prefix { !$0.isWhitespace }
        let text = word.lowercased()
        return text == "true" || text == "yes" || text == "1"
    }

    /// The number at the beginning of the text, 0 if there is none, within the range; the default if the parameter is absent.
    func int(_ name: String, default standard: Int, in range: ClosedRange<Int>) -> Int {
        let text = self[name]
        guard !text.isEmpty else { return standard }
        return min(max(Self.prefixNumber(text), range.lowerBound), range.upperBound)
    }

    static func prefixNumber(_ text: String) -> Int {
        var digits = Substring(text)
        let isNegative = digits.hasPrefix("-")
        if isNegative { digits = digits.dropFirst() }
        digits = digits.prefix { $0.isASCII && $0.isNumber }
        let magnitude = digits.isEmpty ? 0 : Int(digits) ?? Int(Int32.max)
        return isNegative ? -magnitude : magnitude
    }

    private mutating func add(_ name: String, _ value: String) {
        if values[name] == nil { values[name] = value }
    }

    private mutating func addPairs(_ bytes: some Collection<UInt8>) {
        for pair in bytes.split(separator: UInt8(ascii: "&")) {
            let cut = pair.firstIndex(of: UInt8(ascii: "="))
            let name = Self.percentDecoded(pair[..<(cut ?? pair.endIndex)], plusIsSpace: true)
            let value = cut.map { Self.percentDecoded(pair[pair.index(after: $0)...], plusIsSpace: true) } ?? ""
            add(name, value)
        }
    }

    /// The text with `%XX` decoded; a `%` that begins nothing stays.
    static func percentDecoded(_ bytes: some Collection<UInt8>, plusIsSpace: Bool) -> String {
        let bytes = Array(bytes)
        var out: [UInt8] = []
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if byte == UInt8(ascii: "%"), index + 2 < bytes.count, let high = nibble(bytes[index + 1]),
                let low = nibble(bytes[index + 2])
            {
                out.append(high << 4 | low)
                index += 3
                continue
            }
            out.append(plusIsSpace && byte == UInt8(ascii: "+") ? 0x20 : byte)
            index += 1
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func nibble(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
