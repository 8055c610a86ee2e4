/// A second, slow and simple look at a JSON text, to name the reason why two readers disagree.
enum JSONTokens {
    private enum Token: Equatable {
        case space([UInt8])
        case string([UInt8])
        case number([UInt8])
        case other(UInt8)

        var bytes: [UInt8] {
            switch self {
            case .space(let bytes), .string(let bytes), .number(let bytes): bytes
            case .other(let byte): [byte]
            }
        }

        var isSpace: Bool { if case .space = self { true } else { false } }
    }

    private static func split(_ text: [UInt8]) -> [Token] {
        var tokens: [Token] = []
        var rest = text[...]
        while let byte = rest.first {
            switch byte {
            case 0x20, 0x0A, 0x0D, 0x09:
                let space = rest.prefix { [0x20, 0x0A, 0x0D, 0x09].contains($0) }
                tokens.append(.space(Array(space)))
                rest = rest.dropFirst(space.count)
            case UInt8(ascii: "\""):
                var end = rest.startIndex + 1
                while end < rest.endIndex, rest[end] != UInt8(ascii: "\"") {
                    end += rest[end] == UInt8(ascii: "\\") ? 2 : 1
                }
                end = min(end + 1, rest.endIndex)
                tokens.append(.string(Array(rest[..<end])))
                rest = rest[end...]
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                let number = rest.prefix { "+-.eE0123456789".utf8.contains($0) }
                tokens.append(.number(Array(number)))
                rest = rest.dropFirst(number.count)
            default:
                tokens.append(.other(byte))
                rest = rest.dropFirst()
            }
        }
        return tokens
    }

    /// The text without the one comma that may stand between a value and the end of its container.
    static func withoutTrailingCommas(_ text: [UInt8]) -> [UInt8] {
        let tokens = split(text)
        var kept: [Token] = []
        for (index, token) in tokens.enumerated() {
            let next = tokens[(index + 1)...].first { !$0.isSpace }
            let closes = next == .other(UInt8(ascii: "]")) || next == .other(UInt8(ascii: "}"))
            let openers = "[{,:".utf8.map { Token.other($0) }
            let afterValue = kept.last { !$0.isSpace }.map { !openers.contains($0) } ?? false
            if token == .other(UInt8(ascii: ",")), closes, afterValue { continue }
            kept.append(token)
        }
        return kept.flatMap(\.bytes)
    }

    /// The text with 0 in place of each number that is beyond the finite doubles.
    static func withZeroForInfinity(_ text: [UInt8]) -> [UInt8] {
        split(text).flatMap { token -> [UInt8] in
            guard case .number(let bytes) = token, let value = Double(String(decoding: bytes, as: UTF8.self)),
                value.isInfinite
            else { return token.bytes }
            return [UInt8(ascii: "0")]
        }
    }

    /// The value of a JSON number if it is whole and within Int64: the number is written out without an exponent.
    static func exactWholeNumber(_ text: String) -> Int64? {
        let parts = text.lowercased().split(separator: "e", omittingEmptySubsequences: false)
        let mantissa = parts[0].drop { $0 == "-" }.split(separator: ".")
        let fraction = mantissa.count > 1 ? String(mantissa[1]) : ""
        let digits = Array(String(mantissa[0]) + fraction)
        if digits.allSatisfy({ $0 == "0" }) { return 0 }
        // Beyond these bounds nothing that the generator writes is whole and within Int64.
        guard let exponent = parts.count > 1 ? Int(parts[1]) : 0, abs(exponent) < 1000 else { return nil }
        let point = mantissa[0].count + exponent
        let padded =
            Array(repeating: Character("0"), count: max(0, -point)) + digits
            + Array(repeating: Character("0"), count: max(0, point - digits.count))
        let whole = padded.prefix(max(0, point))
        guard padded.dropFirst(whole.count).allSatisfy({ $0 == "0" }) else { return nil }
        return Int64((text.hasPrefix("-") ? "-" : "") + String(whole))
    }
}
