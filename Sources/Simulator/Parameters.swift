import Telegram

/// The parameters of a call: names and texts; of two with one name the first counts.
///
/// And the files of a multipart body.
///
/// **Source:** tdlib `HttpReader.cpp`: the query string is read before the body; a JSON value that is no string is kept as its
/// text, so `null` is the text "null"; of a JSON body with an error the pairs before it count.
struct Parameters: Sendable {
    /// More bytes of parameters are refused with 413.
    ///
    /// **Source:** tdlib `HttpReader.h`, `MAX_TOTAL_PARAMETERS_LENGTH`.
    static let maximumBytes = 1 << 20

    /// Why a body is refused, with a status and no text.
    struct BodyRefusal: Error {
        let status: Int
    }

    /// An uploaded file.
    struct Upload: Sendable {
        let name: String
        let contentType: String
        let bytes: [UInt8]
    }

    private var values: [String: String] = [:]
    private var files: [String: Upload] = [:]

    /// Reads query string and body; a body of another kind gives none.
    init(query: String, contentType: String, body: [UInt8]) throws(BodyRefusal) {
        addPairs(query.utf8)
        let type = contentType.lowercased()
        if type.contains("multipart/form-data") {
            try addParts(of: body, contentType: contentType)
        } else if type.contains("application/x-www-form-urlencoded") {
            guard body.count <= Self.maximumBytes else { throw BodyRefusal(status: 413) }
            addPairs(body)
        } else if type.contains("application/json") {
            guard body.count <= Self.maximumBytes else { throw BodyRefusal(status: 413) }
            if let members = (try? JSONDocument(body))?.root.members {
                for (name, value) in members { add(name, value.string ?? value.rawText) }
            } else {
                var broken = BrokenObject(body)
                while let (name, value) = broken.next() { add(name, value) }
            }
        }
    }

    /// Parameters of one query string, as the control routes take them.
    init(query: String) { addPairs(query.utf8) }

    /// The text of a parameter; one that is absent is empty, as for Telegram.
    subscript(_ name: String) -> String { values[name] ?? "" }

    /// The uploaded file of that part.
    func file(_ name: String) -> Upload? { files[name] }

    /// The parameter as JSON; nil if it is absent or no JSON.
    func json(_ name: String) -> JSONView? {
        guard let text = values[name], !text.isEmpty else { return nil }
        return (try? JSONDocument(Array(text.utf8)))?.root
    }

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

    /// The number at the beginning of the text, 0 if there is none.
    func number(_ name: String) -> Int64 { Int64(Self.prefixNumber(self[name])) }

    static func prefixNumber(_ text: String) -> Int {
        var digits = Substring(text)
        let isNegative = digits.hasPrefix("-")
        if isNegative { digits = digits.dropFirst() }
        digits = digits.prefix { $0.isASCII && $0.isNumber }
        let magnitude = digits.isEmpty ? 0 : Int(digits) ?? Int(Int32.max)
        return isNegative ? -magnitude : magnitude
    }

    mutating func add(_ name: String, _ value: String) {
        if values[name] == nil { values[name] = value }
    }

    mutating func add(_ name: String, _ file: Upload) {
        if files[name] == nil { files[name] = file }
    }

    var uploads: Int { files.count }

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

/// The pairs at the beginning of a JSON object that has an error further on.
private struct BrokenObject {
    private let bytes: [UInt8]
    private var index = 0
    private var isOpen: Bool

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        isOpen = false
        skipSpace()
        isOpen = take(UInt8(ascii: "{"))
    }

    mutating func next() -> (String, String)? {
        guard isOpen else { return nil }
        isOpen = false
        skipSpace()
        guard let name = value()?.string else { return nil }
        skipSpace()
        guard take(UInt8(ascii: ":")) else { return nil }
        skipSpace()
        guard let value = value() else { return nil }
        skipSpace()
        isOpen = take(UInt8(ascii: ","))
        return (name, value.string ?? value.rawText)
    }

    private mutating func skipSpace() {
        while index < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[index]) { index += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard index < bytes.count, bytes[index] == byte else { return false }
        index += 1
        return true
    }

    /// The value that begins here, if it is whole and without error.
    private mutating func value() -> JSONView? {
        let start = index
        var depth = 0
        var isText = false
        while index < bytes.count {
            let byte = bytes[index]
            if isText {
                if byte == UInt8(ascii: "\\") { index += 1 }
                if byte == UInt8(ascii: "\"") { isText = false }
            } else {
                switch byte {
                case UInt8(ascii: "\""): isText = true
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"):
                    if depth == 0 { return document(start) }
                    depth -= 1
                case UInt8(ascii: ","), UInt8(ascii: ":"): if depth == 0 { return document(start) }
                default: break
                }
            }
            index += 1
        }
        return document(start)
    }

    private func document(_ start: Int) -> JSONView? {
        guard index <= bytes.count else { return nil }
        return (try? JSONDocument(Array(bytes[start..<index])))?.root
    }
}
