import Foundation
import Telegram

/// What Foundation reads in a JSON text.
indirect enum FoundationValue: Decodable {
    case null
    case bool(Bool)
    case number(int64: Int64?, double: Double?)
    case string(String)
    case array([FoundationValue])
    case object([(name: String, value: FoundationValue)])

    private struct Name: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { return nil }
    }

    init(from decoder: any Decoder) throws {
        if let object = try? decoder.container(keyedBy: Name.self) {
            self = .object(
                try object.allKeys.map { ($0.stringValue, try object.decode(FoundationValue.self, forKey: $0)) }
            )
            return
        }
        if var list = try? decoder.unkeyedContainer() {
            var elements: [FoundationValue] = []
            while !list.isAtEnd { elements.append(try list.decode(FoundationValue.self)) }
            self = .array(elements)
            return
        }
        let single = try decoder.singleValueContainer()
        if single.decodeNil() {
            self = .null
        } else if let bool = try? single.decode(Bool.self) {
            self = .bool(bool)
        } else if let string = try? single.decode(String.self) {
            self = .string(string)
        } else {
            self = .number(int64: try? single.decode(Int64.self), double: try? single.decode(Double.self))
        }
    }
}

/// Compares the lean reader with Foundation's, text by text.
enum FoundationAgreement {
    /// What the two readers disagree about, beyond the differences that `JSONDocument` documents; nil if nothing.
    static func disagreement(about text: [UInt8]) -> String? {
        let ours = try? JSONDocument(text)
        if foundationAccepts(text) {
            if let ours { return difference(ours.root, text) }
            return refusedByUsOnly(text)
        }
        return ours == nil ? nil : acceptedByUsOnly(text)
    }

    private static func foundationAccepts(_ text: [UInt8]) -> Bool {
        (try? JSONSerialization.jsonObject(with: Data(text), options: .fragmentsAllowed)) != nil
    }

    /// Only a byte order mark, another encoding or trailing commas may be the reason: without them we agree.
    private static func refusedByUsOnly(_ text: [UInt8]) -> String? {
        guard let utf8 = inUTF8(text) else { return "Foundation accepts what we refuse, in no known encoding" }
        let plain = JSONTokens.withoutTrailingCommas(utf8)
        guard plain != text else { return "Foundation accepts what we refuse" }
        guard let ours = try? JSONDocument(plain) else {
            return "Foundation accepts what we refuse, and not for its encoding, mark or commas alone"
        }
        return difference(ours.root, plain)
    }

    /// Only numbers beyond `Double` may be the reason: with zeros in their place we agree.
    private static func acceptedByUsOnly(_ text: [UInt8]) -> String? {
        let tame = JSONTokens.withZeroForInfinity(text)
        guard tame != text else { return "we accept what Foundation refuses" }
        guard foundationAccepts(tame) else { return "we accept what Foundation refuses, and not for its numbers alone" }
        return disagreement(about: tame)
    }

    /// The text as UTF-8 without byte order mark, its encoding guessed from its first bytes as Foundation does.
    private static func inUTF8(_ text: [UInt8]) -> [UInt8]? {
        if text.starts(with: [0xEF, 0xBB, 0xBF]) { return Array(text.dropFirst(3)) }
        let marks: [(mark: [UInt8], encoding: String.Encoding)] = [
            ([0x00, 0x00, 0xFE, 0xFF], .utf32BigEndian), ([0xFF, 0xFE, 0x00, 0x00], .utf32LittleEndian),
            ([0xFE, 0xFF], .utf16BigEndian), ([0xFF, 0xFE], .utf16LittleEndian),
        ]
        for (mark, encoding) in marks where text.starts(with: mark) {
            return decoded(text.dropFirst(mark.count), encoding)
        }
        let zeros = text.prefix(text.count < 4 ? 2 : 4).map { $0 == 0 }
        switch zeros {
        case [true, true, true, false]: return decoded(text[...], .utf32BigEndian)
        case [false, true, true, true]: return decoded(text[...], .utf32LittleEndian)
        case [true, false, true, false], [true, false]: return decoded(text[...], .utf16BigEndian)
        case [false, true, false, true], [false, true]: return decoded(text[...], .utf16LittleEndian)
        default: return text
        }
    }

    /// Bytes at the end that are no whole unit of the encoding are left out, as in Foundation.
    private static func decoded(_ bytes: ArraySlice<UInt8>, _ encoding: String.Encoding) -> [UInt8]? {
        let unit = encoding == .utf32BigEndian || encoding == .utf32LittleEndian ? 4 : 2
        return String(data: Data(bytes.prefix(bytes.count / unit * unit)), encoding: encoding).map { Array($0.utf8) }
    }

    private static func difference(_ ours: JSONView, _ text: [UInt8]) -> String? {
        do {
            let theirs = try JSONDecoder().decode(FoundationValue.self, from: Data(text))
            return difference(ours, theirs, path: "$")
        } catch {
            return "JSONDecoder refuses what JSONSerialization accepts: \(error)"
        }
    }

    private static func difference(_ ours: JSONView, _ theirs: FoundationValue, path: String) -> String? {
        switch theirs {
        case .null: return ours.isNull ? nil : "\(path): not null"
        case .bool(let bool): return ours.bool == bool ? nil : "\(path): not \(bool)"
        case .string(let string):
            let equal = ours.string.map { $0.unicodeScalars.elementsEqual(string.unicodeScalars) }
            return equal == true ? nil : "\(path): another string"
        case .number(let int64, let double):
            return numberDifference(ours, int64, double).map { "\(path): \($0)" }
        case .array(let elements):
            guard let mine = ours.elements.map({ Array($0) }), mine.count == elements.count else {
                return "\(path): not the same elements"
            }
            for (index, pair) in zip(mine, elements).enumerated() {
                if let found = difference(pair.0, pair.1, path: "\(path)[\(index)]") { return found }
            }
            return nil
        case .object(let members): return objectDifference(ours, members, path: path)
        }
    }

    /// Foundation's names are Swift strings, so canonically equal ones are one name to it; to us they are two.
    private static func objectDifference(
        _ ours: JSONView,
        _ theirs: [(name: String, value: FoundationValue)],
        path: String
    ) -> String? {
        guard let mine = ours.members.map({ Array($0) }) else { return "\(path): no object" }
        guard Set(mine.map(\.name)) == Set(theirs.map(\.name)) else { return "\(path): not the same names" }
        for (name, value) in theirs {
            guard let first = mine.first(where: { $0.name == name }), let found = ours[named: first.name] else {
                return "\(path): a name without value"
            }
            guard found.rawBytes.startIndex == first.value.rawBytes.startIndex else {
                return "\(path): the first of several members is not the one found"
            }
            if let difference = difference(found, value, path: "\(path).\(name)") { return difference }
        }
        return nil
    }

    private static func numberDifference(_ ours: JSONView, _ int64: Int64?, _ double: Double?) -> String? {
        let text = ours.rawText
        // Foundation does not decode a number whose nearest double is zero if a digit of it, even of its exponent, is not.
        let tooSmall = double == nil && ours.double == 0 && text.contains { "123456789".contains($0) }
        guard ours.double == double || tooSmall else {
            return "double of \(text): \(ours.double as Any), not \(double as Any)"
        }
        let exact = JSONTokens.exactWholeNumber(text)
        guard ours.int64 == exact else { return "int64 of \(text): \(ours.int64 as Any), not \(exact as Any)" }
        // Foundation goes by way of Double or Decimal when there is a fraction or an exponent: it may round.
        let rounds = text.contains { ".eE".contains($0) } && text.count { $0.isNumber } > 15
        let vanishes = int64 == 0 && ours.double == 0
        guard ours.int64 == int64 || rounds || vanishes else {
            return "int64 of \(text): \(exact as Any), not \(int64 as Any)"
        }
        return nil
    }
}
