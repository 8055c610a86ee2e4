/// A JSON text that was checked once, in one pass, and is read lazily.
///
/// The pass validates the whole text (RFC 8259: grammar, UTF-8, escapes with their surrogate pairs) and notes where
/// each value lies, sixteen bytes a value; no string is decoded and no number converted before somebody asks for it.
/// It agrees with Foundation's parser about which texts are JSON, but for four things that Foundation takes and the
/// RFC does not have or leaves open: a trailing comma and a byte order mark are refused, UTF-16 and UTF-32 are not
/// read, and a number beyond `Double` is a valid text whose `double` is nil. Of two members with one name the first
/// counts, as in `JSONDecoder`; names are compared byte by byte, so two normal forms of one word are two names. No
/// number is rounded to be whole, as `JSONDecoder` does beyond 15 digits and next to zero; a number that is nearest
/// to the `Double` zero has that as its `double`, where `JSONDecoder` gives none.
public struct JSONDocument: Sendable {
    /// Containers may nest this deep, as in Foundation's parser.
    public static let maximumDepth = 512

    let storage: Storage

    /// The bytes and the notes about them, shared by all views.
    final class Storage: Sendable {
        let bytes: [UInt8]
        let nodes: [JSONNode]

        init(bytes: [UInt8], nodes: [JSONNode]) {
            self.bytes = bytes
            self.nodes = nodes
        }
    }

    /// Reads a whole JSON text; any value may stand at its top.
    ///
    /// - Throws: `JSONSyntaxError` with the offset of the first byte that cannot stand there. A text of 2 GiB or
    ///   more is refused.
    public init(_ bytes: [UInt8]) throws(JSONSyntaxError) {
        guard bytes.count < Int(Int32.max) else { throw JSONSyntaxError(reason: .tooLong, offset: 0) }
        let scanned = bytes.withUnsafeBufferPointer { buffer in
            var scanner = JSONScanner(buffer)
            return scanner.scanDocument()
        }
        storage = Storage(bytes: bytes, nodes: try scanned.get())
    }

    /// The value at the top.
    public var root: JSONView { JSONView(storage: storage, index: 0) }

    /// The text as it was given.
    public var bytes: [UInt8] { storage.bytes }
}

/// Why a text is not JSON, and where.
public struct JSONSyntaxError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was wrong at the offset.
    public enum Reason: String, Sendable {
        case unexpectedEnd = "the text ends too early"
        case unexpectedByte = "a byte that cannot stand here"
        case controlCharacter = "an unescaped control character"
        case invalidEscape = "an invalid escape"
        case loneSurrogate = "half of a surrogate pair"
        case invalidUTF8 = "invalid UTF-8"
        case tooDeep = "nested deeper than 512"
        case trailingBytes = "something after the value"
        case tooLong = "longer than 2 GiB"
    }

    /// What was wrong.
    public let reason: Reason

    /// The index of the byte at fault, from 0.
    public let offset: Int

    /// The reason and the place; never a byte of the text.
    public var description: String { "not JSON: \(reason.rawValue) (byte \(offset))" }
}

/// Where one value of a document lies.
struct JSONNode: Sendable {
    enum Kind: UInt8 {
        case object, array, plainString, escapedString, integer, number, yes, no, null
    }

    var kind: Kind
    /// The first byte of the value; of a string, the byte after its quote.
    var start: UInt32
    /// The byte after the value; of a string, its closing quote.
    var end: UInt32
    /// The index of the node after this value and all that it holds.
    ///
    /// While a container is open: its parent.
    var next: UInt32
}

/// One value of a `JSONDocument`.
///
/// Every accessor answers nil where the value is of another kind, so chains of optional lookups never trap.
public struct JSONView: Sendable {
    let storage: JSONDocument.Storage
    let index: Int

    private var node: JSONNode { storage.nodes[index] }

    /// The value of a member; nil if this is no object or has no such member.
    ///
    /// Of several the first.
    public subscript(_ key: StaticString) -> JSONView? {
        let wanted = UnsafeBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount)
        return member(wanted)
    }

    /// The value of a member whose name is known only when running.
    public subscript(named key: String) -> JSONView? {
        var key = key
        return key.withUTF8 { member($0) }
    }

    private func member(_ wanted: UnsafeBufferPointer<UInt8>) -> JSONView? {
        storage.nodes.withUnsafeBufferPointer { nodes in
            guard nodes[index].kind == .object else { return nil }
            let end = Int(nodes[index].next)
            var cursor = index + 1
            while cursor < end {
                if nameMatches(nodes[cursor], wanted) { return JSONView(storage: storage, index: cursor + 1) }
                cursor = Int(nodes[cursor + 1].next)
            }
            return nil
        }
    }

    private func nameMatches(_ name: JSONNode, _ wanted: UnsafeBufferPointer<UInt8>) -> Bool {
        if name.kind == .escapedString {
            return JSONUnescaper.string(storage.bytes, name).utf8.elementsEqual(wanted)
        }
        guard Int(name.end - name.start) == wanted.count else { return false }
        return storage.bytes.withUnsafeBufferPointer { bytes in
            for offset in 0..<wanted.count where bytes[Int(name.start) + offset] != wanted[offset] { return false }
            return true
        }
    }

    /// The decoded text of a string.
    public var string: String? {
        let node = self.node
        switch node.kind {
        case .plainString, .escapedString: return JSONUnescaper.string(storage.bytes, node)
        default: return nil
        }
    }

    /// The value of a whole number within Int64; `1.0` and `1e3` are whole too.
    public var int64: Int64? {
        let node = self.node
        switch node.kind {
        case .integer: return JSONNumber.integer(storage.bytes, node)
        case .number: return JSONNumber.wholeValue(storage.bytes, node)
        default: return nil
        }
    }

    /// The nearest `Double` of a number; nil if it is beyond the finite ones.
    public var double: Double? {
        let node = self.node
        guard node.kind == .integer || node.kind == .number else { return nil }
        guard let value = Double(rawText), value.isFinite else { return nil }
        return value
    }

    /// The value of `true` or `false`.
    public var bool: Bool? {
        switch node.kind {
        case .yes: true
        case .no: false
        default: nil
        }
    }

    /// Whether this is `null`.
    public var isNull: Bool { node.kind == .null }

    /// Whether this is a string.
    public var isString: Bool { node.kind == .plainString || node.kind == .escapedString }

    /// Whether this is an array.
    public var isArray: Bool { node.kind == .array }

    /// Whether this is an object.
    public var isObject: Bool { node.kind == .object }

    /// The elements of an array, in order.
    public var elements: JSONChildren? { node.kind == .array ? JSONChildren(container: self) : nil }

    /// The members of an object as they stand in the text, repeated names included.
    public var members: JSONMembers? {
        node.kind == .object ? JSONMembers(JSONChildren(container: self)) : nil
    }

    /// The bytes of this value as they stand in the text, quotes of a string included.
    public var rawBytes: ArraySlice<UInt8> {
        let node = self.node
        switch node.kind {
        case .plainString, .escapedString: return storage.bytes[Int(node.start) - 1..<Int(node.end) + 1]
        default: return storage.bytes[Int(node.start)..<Int(node.end)]
        }
    }

    /// `rawBytes` as text.
    public var rawText: String { String(decoding: rawBytes, as: UTF8.self) }
}

/// The values directly inside an array.
public struct JSONChildren: Sequence, IteratorProtocol, Sendable {
    private let storage: JSONDocument.Storage
    private var cursor: Int
    private let end: Int

    init(container: JSONView) {
        storage = container.storage
        cursor = container.index + 1
        end = Int(container.storage.nodes[container.index].next)
    }

    /// The next value, in the order of the text.
    public mutating func next() -> JSONView? {
        guard cursor < end else { return nil }
        defer { cursor = Int(storage.nodes[cursor].next) }
        return JSONView(storage: storage, index: cursor)
    }
}

/// The members of an object.
public struct JSONMembers: Sequence, IteratorProtocol, Sendable {
    private(set) var children: JSONChildren

    init(_ children: JSONChildren) { self.children = children }

    /// The next name and value, in the order of the text.
    public mutating func next() -> (name: String, value: JSONView)? {
        guard let name = children.next()?.string, let value = children.next() else { return nil }
        return (name, value)
    }
}
