import Telegram

/// Writes a JSON object of values that were read before, as they stood in the text.
struct ExtraWriter {
    private var bytes: [UInt8] = []

    /// Adds a member; the name needs no escape.
    mutating func add(_ name: String, _ value: JSONView) {
        let raw = value.rawBytes
        if bytes.isEmpty { bytes.reserveCapacity(raw.count + name.utf8.count + 5) }
        open(name)
        bytes.append(contentsOf: raw)
    }

    /// Adds a member with its name as it stood in the text.
    mutating func add(rawName name: JSONView, _ value: JSONView) {
        bytes.append(bytes.isEmpty ? UInt8(ascii: "{") : UInt8(ascii: ","))
        bytes.append(contentsOf: name.rawBytes)
        bytes.append(UInt8(ascii: ":"))
        bytes.append(contentsOf: value.rawBytes)
    }

    /// Adds a member with a text of ours.
    mutating func add(_ name: String, text: String) {
        open(name)
        bytes.append(contentsOf: JSON.string(text).encoded())
    }

    /// Adds a member that is an object of these.
    mutating func add(_ name: String, _ members: [(name: JSONView, value: JSONView)]) {
        open(name)
        bytes.append(contentsOf: Self.object(members).utf8)
    }

    /// Adds a member that is an object without some of its members.
    mutating func add(_ name: String, _ value: JSONView, without left: Set<String>) {
        add(name, Self.members(of: value, without: left))
    }

    /// The members of an object, but for those of these names.
    static func members(of value: JSONView, without left: Set<String>) -> [(name: JSONView, value: JSONView)] {
        var rest: [(name: JSONView, value: JSONView)] = []
        value.forEachMember(of: noNames) { _, name, value in
            if let text = name.string, !left.contains(text) { rest.append((name, value)) }
        }
        return rest
    }

    private static let noNames = JSONNames([])

    private mutating func open(_ name: String) {
        bytes.append(bytes.isEmpty ? UInt8(ascii: "{") : UInt8(ascii: ","))
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: name.utf8)
        bytes.append(contentsOf: "\":".utf8)
    }

    /// Ends the object and gives it; nil if nothing was added.
    mutating func finish() -> String? {
        guard !bytes.isEmpty else { return nil }
        bytes.append(UInt8(ascii: "}"))
        return String(decoding: bytes, as: UTF8.self)
    }

    /// An object of these members alone; `{}` for none.
    static func object(_ members: [(name: JSONView, value: JSONView)]) -> String {
        var writer = Self()
        for member in members { writer.add(rawName: member.name, member.value) }
        return writer.finish() ?? "{}"
    }
}
