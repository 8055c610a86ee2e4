/// The one pass over the bytes: checks the grammar and notes where each value lies.
///
/// It keeps no stack: while a container is open, its node's `next` holds the index of its parent.
struct JSONScanner {
    private let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0
    private var nodes: [JSONNode] = []
    private var open = Self.none
    private var depth = 0
    private var failure: JSONSyntaxError?

    private static let none = UInt32.max

    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
        // A Telegram update has about one value in ten bytes, names counted.
        nodes.reserveCapacity(bytes.count / 9 + 8)
    }

    mutating func scanDocument() -> Result<[JSONNode], JSONSyntaxError> {
        scanValues()
        if failure == nil {
            skipSpace()
            if position < bytes.count { fail(.trailingBytes) }
        }
        if let failure { return .failure(failure) }
        return .success(nodes)
    }

    private mutating func fail(_ reason: JSONSyntaxError.Reason, at offset: Int? = nil) {
        if failure == nil { failure = JSONSyntaxError(reason: reason, offset: offset ?? position) }
    }

    /// Reads values until the one at the top is complete.
    private mutating func scanValues() {
        while true {
            skipSpace()
            guard position < bytes.count else { return fail(.unexpectedEnd) }
            let opened: Bool
            switch bytes[position] {
            case UInt8(ascii: "{"): opened = openContainer(.object)
            case UInt8(ascii: "["): opened = openContainer(.array)
            default:
                opened = false
                scanScalar()
            }
            if failure != nil { return }
            if opened {
                // The container has a first element: its name, if it is an object, and then its value.
                if currentKind == .object { scanName() }
                if failure != nil { return }
                continue
            }
            if !moveToNextValue() { return }
        }
    }

    private var currentKind: JSONNode.Kind { nodes[Int(open)].kind }

    /// Enters a container; false if it is empty and so already complete.
    private mutating func openContainer(_ kind: JSONNode.Kind) -> Bool {
        guard depth < JSONDocument.maximumDepth else {
            fail(.tooDeep)
            return false
        }
        nodes.append(JSONNode(kind: kind, start: UInt32(position), end: 0, next: open))
        open = UInt32(nodes.count - 1)
        depth += 1
        position += 1
        skipSpace()
        guard position < bytes.count else {
            fail(.unexpectedEnd)
            return false
        }
        let closing = kind == .object ? UInt8(ascii: "}") : UInt8(ascii: "]")
        guard bytes[position] == closing else { return true }
        closeContainer()
        return false
    }

    private mutating func closeContainer() {
        position += 1
        let container = Int(open)
        open = nodes[container].next
        nodes[container].end = UInt32(position)
        nodes[container].next = UInt32(nodes.count)
        depth -= 1
    }

    /// After a complete value: closes what ends here, or goes on to the next element.
    ///
    /// False when the top is complete.
    private mutating func moveToNextValue() -> Bool {
        while open != Self.none {
            skipSpace()
            guard position < bytes.count else {
                fail(.unexpectedEnd)
                return false
            }
            let inObject = currentKind == .object
            switch bytes[position] {
            case UInt8(ascii: ","):
                position += 1
                if inObject {
                    skipSpace()
                    scanName()
                }
                return failure == nil
            case UInt8(ascii: "}") where inObject, UInt8(ascii: "]") where !inObject:
                closeContainer()
            default:
                fail(.unexpectedByte)
                return false
            }
        }
        return false
    }

    /// Reads a member's name and its colon.
    private mutating func scanName() {
        guard position < bytes.count else { return fail(.unexpectedEnd) }
        guard bytes[position] == UInt8(ascii: "\"") else { return fail(.unexpectedByte) }
        scanString()
        if failure != nil { return }
        skipSpace()
        guard position < bytes.count else { return fail(.unexpectedEnd) }
        guard bytes[position] == UInt8(ascii: ":") else { return fail(.unexpectedByte) }
        position += 1
    }

    private mutating func scanScalar() {
        switch bytes[position] {
        case UInt8(ascii: "\""): scanString()
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): scanNumber()
        case UInt8(ascii: "t"): scanWord("true", .yes)
        case UInt8(ascii: "f"): scanWord("false", .no)
        case UInt8(ascii: "n"): scanWord("null", .null)
        default: fail(.unexpectedByte)
        }
    }

    private mutating func append(_ kind: JSONNode.Kind, from start: Int, to end: Int) {
        nodes.append(
            JSONNode(kind: kind, start: UInt32(start), end: UInt32(end), next: UInt32(nodes.count + 1))
        )
    }

    private mutating func scanWord(_ word: StaticString, _ kind: JSONNode.Kind) {
        let start = position
        for offset in 0..<word.utf8CodeUnitCount {
            guard position < bytes.count else { return fail(.unexpectedEnd) }
            guard bytes[position] == word.utf8Start[offset] else { return fail(.unexpectedByte) }
            position += 1
        }
        append(kind, from: start, to: position)
    }

    private mutating func scanNumber() {
        let start = position
        var kind = JSONNode.Kind.integer
        if bytes[position] == UInt8(ascii: "-") { position += 1 }
        guard position < bytes.count else { return fail(.unexpectedEnd) }
        if bytes[position] == UInt8(ascii: "0") {
            position += 1
        } else if !skipDigits() {
            return fail(.unexpectedByte)
        }
        if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
            kind = .number
            position += 1
            guard skipDigits() else { return fail(position < bytes.count ? .unexpectedByte : .unexpectedEnd) }
        }
        if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            kind = .number
            position += 1
            if position < bytes.count, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") {
                position += 1
            }
            guard skipDigits() else { return fail(position < bytes.count ? .unexpectedByte : .unexpectedEnd) }
        }
        append(kind, from: start, to: position)
    }

    /// False if no digit stands here.
    private mutating func skipDigits() -> Bool {
        let start = position
        while position < bytes.count, bytes[position] &- UInt8(ascii: "0") < 10 { position += 1 }
        return position > start
    }

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }

    private mutating func scanString() {
        position += 1
        let start = position
        var kind = JSONNode.Kind.plainString
        while true {
            guard position < bytes.count else { return fail(.unexpectedEnd) }
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") { break }
            if byte == UInt8(ascii: "\\") {
                kind = .escapedString
                scanEscape()
            } else if byte < 0x20 {
                fail(.controlCharacter)
            } else if byte >= 0x80 {
                scanMultibyteCharacter()
            } else {
                position += 1
                skipPlainText()
            }
            if failure != nil { return }
        }
        append(kind, from: start, to: position)
        position += 1
    }

    /// Goes on to the next quote, backslash, control character or byte beyond ASCII, eight bytes at a time.
    ///
    /// It may stop early, when fewer than eight bytes are left.
    private mutating func skipPlainText() {
        let high: UInt64 = 0x8080_8080_8080_8080
        let ones: UInt64 = 0x0101_0101_0101_0101
        guard let base = bytes.baseAddress else { return }
        while position + 8 <= bytes.count {
            let word = UInt64(littleEndian: UnsafeRawPointer(base + position).loadUnaligned(as: UInt64.self))
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5C)
            let found = ((word &- ones &* 0x20) | (quote &- ones) | (backslash &- ones) | word) & high
            // A borrow marks at the most a byte behind one that is marked rightly: the first mark is true.
            if found != 0 {
                position += found.trailingZeroBitCount >> 3
                return
            }
            position += 8
        }
    }

    private mutating func scanEscape() {
        let escape = position
        position += 1
        guard position < bytes.count else { return fail(.unexpectedEnd) }
        switch bytes[position] {
        case UInt8(ascii: "u"):
            position += 1
            guard let unit = scanHexUnit() else { return }
            guard unit & 0xF800 == 0xD800 else { return }
            guard unit < 0xDC00 else { return fail(.loneSurrogate, at: escape) }
            guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
                bytes[position + 1] == UInt8(ascii: "u")
            else { return fail(.loneSurrogate, at: escape) }
            position += 2
            guard let low = scanHexUnit() else { return }
            if low & 0xFC00 != 0xDC00 { fail(.loneSurrogate, at: escape) }
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 1
        default:
            fail(.invalidEscape)
        }
    }

    private mutating func scanHexUnit() -> UInt16? {
        if position + 4 <= bytes.count, let unit = JSONUnescaper.hexUnit(bytes, at: position) {
            position += 4
            return unit
        }
        // Only to tell the place of the fault.
        while position < bytes.count, JSONUnescaper.isHexDigit(bytes[position]) { position += 1 }
        fail(position < bytes.count ? .invalidEscape : .unexpectedEnd)
        return nil
    }

    /// Passes one character of two to four bytes.
    ///
    /// **Source:** Unicode 15, table 3-7 (well-formed UTF-8).
    private mutating func scanMultibyteCharacter() {
        let lead = bytes[position]
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch lead {
        case 0xC2...0xDF: length = 2
        case 0xE0:
            length = 3
            second = 0xA0...0xBF
        case 0xED:
            length = 3
            second = 0x80...0x9F
        case 0xE1...0xEF: length = 3
        case 0xF0:
            length = 4
            second = 0x90...0xBF
        case 0xF1...0xF3: length = 4
        case 0xF4:
            length = 4
            second = 0x80...0x8F
        default: return fail(.invalidUTF8)
        }
        for offset in 1..<length {
            guard position + offset < bytes.count else { return fail(.unexpectedEnd, at: bytes.count) }
            let allowed = offset == 1 ? second : 0x80...0xBF
            guard allowed.contains(bytes[position + offset]) else { return fail(.invalidUTF8) }
        }
        position += length
    }
}
