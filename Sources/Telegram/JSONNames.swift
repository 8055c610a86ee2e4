import Foundation

/// A fixed set of member names, for objects of which many members matter: one pass over the object instead of a search for each name.
public struct JSONNames: Sendable {
    /// The most names that a set may hold.
    public static let maximumCount = 255

    /// The names, in the order given.
    public let names: [String]

    /// All names one behind the other, and where each starts; one more start at the end.
    private let bytes: [UInt8]
    private let starts: [Int]
    /// An open table: the index of a name plus one, or 0; at the most a quarter full.
    private let slots: [UInt8]
    /// A power of two.
    private static let slotCount = 1024

    /// Makes a set; of names beyond `maximumCount` none is found.
    public init(_ names: [String]) {
        let names = Array(names.prefix(Self.maximumCount))
        self.names = names
        var bytes: [UInt8] = []
        var starts = [0]
        for name in names {
            bytes.append(contentsOf: name.utf8)
            starts.append(bytes.count)
        }
        var slots = [UInt8](repeating: 0, count: Self.slotCount)
        for (index, name) in names.enumerated() {
            var slot = Array(name.utf8).withUnsafeBufferPointer { Self.slot(of: $0) }
            while slots[slot] != 0 { slot = (slot + 1) & (Self.slotCount - 1) }
            slots[slot] = UInt8(index + 1)
        }
        self.bytes = bytes
        self.starts = starts
        self.slots = slots
    }

    /// A few bytes tell most names apart, and the rest is for `equals`: no loop over each name of an update.
    private static func slot(of name: UnsafeBufferPointer<UInt8>) -> Int {
        let count = name.count
        guard count > 0 else { return 0 }
        let ends = UInt32(name[0]) | UInt32(name[count - 1]) << 8
        let middle = UInt32(name[count / 2]) << 16 | UInt32(name[count / 3]) << 24
        let hash = ((ends | middle) ^ UInt32(truncatingIfNeeded: count) &* 0x9E37) &* 0x9E37_79B1
        return Int(hash >> 22) & (slotCount - 1)
    }

    /// The place of a name in `names`; nil if it is not there.
    func index(of name: UnsafeBufferPointer<UInt8>) -> Int? {
        var slot = Self.slot(of: name)
        while slots[slot] != 0 {
            let index = Int(slots[slot]) - 1
            if equals(index, name) { return index }
            slot = (slot + 1) & (Self.slotCount - 1)
        }
        return nil
    }

    private func equals(_ index: Int, _ name: UnsafeBufferPointer<UInt8>) -> Bool {
        let start = starts[index]
        guard starts[index + 1] - start == name.count else { return false }
        return bytes.withUnsafeBufferPointer { all in
            guard let own = all.baseAddress, let other = name.baseAddress else { return name.isEmpty }
            return memcmp(own + start, other, name.count) == 0
        }
    }
}

extension JSONView {
    /// Goes through the members of an object in one pass, in the order of the text; of members with one name that is in the set only the
    /// first is given.
    ///
    /// Of anything but an object there is none. `body` gets the place of the name in the set, or nil, and the name and the value as views.
    public func forEachMember(of names: JSONNames, _ body: (_ index: Int?, _ name: JSONView, _ value: JSONView) -> Void)
    {
        guard isObject, let children = members?.children else { return }
        var remaining = children
        var seen = SIMD4<UInt64>()
        while let name = remaining.next(), let value = remaining.next() {
            let index = name.withName { names.index(of: $0) }
            if let index {
                let bit: UInt64 = 1 << UInt64(index & 63)
                if seen[index >> 6] & bit != 0 { continue }
                seen[index >> 6] |= bit
            }
            body(index, name, value)
        }
    }

    /// The bytes of a member's name, escapes read.
    private func withName<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        let node = storage.nodes[index]
        if node.kind == .escapedString {
            var text = JSONUnescaper.string(storage.bytes, node)
            return text.withUTF8(body)
        }
        return storage.bytes.withUnsafeBufferPointer {
            body(UnsafeBufferPointer(rebasing: $0[Int(node.start)..<Int(node.end)]))
        }
    }
}
