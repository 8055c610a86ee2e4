/// A JSON value to be written: members keep their order.
public indirect enum JSON: Hashable, Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    case array([JSON])
    case object([Member])
    /// Bytes of a value that was checked before, copied as they are.
    case raw([UInt8])

    /// A name and its value.
    public struct Member: Hashable, Sendable {
        /// The member's name.
        public var name: String
        /// The member's value.
        public var value: JSON

        /// Makes a member.
        public init(_ name: String, _ value: JSON) {
            self.name = name
            self.value = value
        }
    }

    /// The value of a read view, decoded as a whole.
    public init(_ view: JSONView) {
        if let string = view.string {
            self = .string(string)
        } else if let bool = view.bool {
            self = .bool(bool)
        } else if let int = view.int64 {
            self = .int(int)
        } else if let elements = view.elements {
            self = .array(elements.map { JSON($0) })
        } else if let members = view.members {
            self = .object(members.map { Member($0.name, JSON($0.value)) })
        } else if view.isNull {
            self = .null
        } else {
            self = .raw(Array(view.rawBytes))
        }
    }

    /// The same with text that is JSON already read; nil if it is none.
    public var whole: JSON? {
        guard case .raw(let bytes) = self else { return self }
        guard let document = try? JSONDocument(bytes) else { return nil }
        return JSON(document.root)
    }

    /// A string, or `null` for nil.
    public static func optional(_ value: String?) -> JSON { value.map { .string($0) } ?? .null }

    /// A whole number, or `null` for nil.
    public static func optional(_ value: Int64?) -> JSON { value.map { .int($0) } ?? .null }

    /// The first member of that name in an object; setting adds it at the end, or takes it away with nil.
    public subscript(_ name: String) -> JSON? {
        get {
            guard case .object(let members) = self else { return nil }
            return members.first { $0.name == name }?.value
        }
        set {
            guard case .object(var members) = self else { return }
            if let index = members.firstIndex(where: { $0.name == name }) {
                if let newValue { members[index].value = newValue } else { members.remove(at: index) }
            } else if let newValue {
                members.append(Member(name, newValue))
            }
            self = .object(members)
        }
    }

    /// The text in UTF-8, without spaces.
    ///
    /// - Parameter escapingNonASCII: writes every character beyond ASCII as `\uXXXX`, with surrogate pairs, as
    ///   Telegram's server does; `/` is never escaped. **Source:** facts of tdlib's `JsonBuilder.cpp`.
    public func encoded(escapingNonASCII: Bool = false) -> [UInt8] {
        var out: [UInt8] = []
        write(to: &out, escapingNonASCII)
        return out
    }

    /// `encoded()` as text.
    public var text: String { String(decoding: encoded(), as: UTF8.self) }

    private func write(to out: inout [UInt8], _ ascii: Bool) {
        switch self {
        case .null: out.append(contentsOf: "null".utf8)
        case .bool(let value): out.append(contentsOf: (value ? "true" : "false").utf8)
        case .int(let value): out.append(contentsOf: String(value).utf8)
        case .double(let value): out.append(contentsOf: (value.isFinite ? String(value) : "null").utf8)
        case .string(let value): Self.write(value, to: &out, ascii)
        case .raw(let bytes): out.append(contentsOf: bytes)
        case .array(let elements):
            out.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { out.append(UInt8(ascii: ",")) }
                element.write(to: &out, ascii)
            }
            out.append(UInt8(ascii: "]"))
        case .object(let members):
            out.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { out.append(UInt8(ascii: ",")) }
                Self.write(member.name, to: &out, ascii)
                out.append(UInt8(ascii: ":"))
                member.value.write(to: &out, ascii)
            }
            out.append(UInt8(ascii: "}"))
        }
    }

    private static func write(_ text: String, to out: inout [UInt8], _ ascii: Bool) {
        out.append(UInt8(ascii: "\""))
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out.append(contentsOf: "\\\"".utf8)
            case "\\": out.append(contentsOf: "\\\\".utf8)
            case "\n": out.append(contentsOf: "\\n".utf8)
            case "\r": out.append(contentsOf: "\\r".utf8)
            case "\t": out.append(contentsOf: "\\t".utf8)
            case "\u{8}": out.append(contentsOf: "\\b".utf8)
            case "\u{c}": out.append(contentsOf: "\\f".utf8)
            case _ where scalar.value < 0x20 || scalar.value == 0x7F: writeUnit(UInt16(scalar.value), to: &out)
            case _ where scalar.value < 0x80: out.append(UInt8(scalar.value))
            case _ where ascii: for unit in UTF16.encode(scalar) ?? .init() { writeUnit(unit, to: &out) }
            default: out.append(contentsOf: UTF8.encode(scalar) ?? .init())
            }
        }
        out.append(UInt8(ascii: "\""))
    }

    private static let hexDigits = Array("0123456789abcdef".utf8)

    private static func writeUnit(_ unit: UInt16, to out: inout [UInt8]) {
        out.append(contentsOf: "\\u".utf8)
        for shift in [12, 8, 4, 0] { out.append(hexDigits[Int(unit >> shift & 0xF)]) }
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    /// A string.
    public init(stringLiteral value: String) { self = .string(value) }
    /// A whole number.
    public init(integerLiteral value: Int64) { self = .int(value) }
    /// True or false.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// An array.
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
    /// An object in the order written.
    public init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(elements.map { Member($0.0, $0.1) })
    }
    /// `null`.
    public init(nilLiteral: ()) { self = .null }
}
