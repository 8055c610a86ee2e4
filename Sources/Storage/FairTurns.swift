import DequeModule

/// What waits to be written, drawn in turns: one of each owner, then again one of each.
///
/// Within one owner the order stays. An owner has a share of the places and of the bytes; one that is over it is refused,
/// and the others are not.
struct FairTurns<Element> {
    /// How much may wait.
    struct Limits {
        /// Of all owners together.
        ///
        /// With the largest bodies the bytes end sooner.
        var total = 8192
        /// Of one owner.
        var share = 2048
        /// Bytes of all owners together.
        var totalBytes = 128 << 20
        /// Bytes of one owner.
        var shareBytes = 32 << 20
    }

    private struct Line {
        var waiting: Deque<(element: Element, bytes: Int)> = []
        var bytes = 0
    }

    private let limits: Limits
    private var lines: [Int64: Line] = [:]
    private var ring: Deque<Int64> = []
    private(set) var count = 0
    private var bytes = 0

    init(limits: Limits = Limits()) { self.limits = limits }

    /// Puts an element at the end of its owner's line; false if the owner or all together are over their share.
    mutating func append(_ element: Element, owner: Int64, bytes size: Int) -> Bool {
        guard count < limits.total, bytes + size <= limits.totalBytes else { return false }
        var line = lines.removeValue(forKey: owner) ?? Line()
        defer { if !line.waiting.isEmpty { lines[owner] = line } }
        guard line.waiting.count < limits.share, line.bytes + size <= limits.shareBytes else { return false }
        if line.waiting.isEmpty { ring.append(owner) }
        line.waiting.append((element, size))
        line.bytes += size
        count += 1
        bytes += size
        return true
    }

    /// What each owner has waited for the longest.
    var fronts: some Sequence<Element> { lines.values.lazy.compactMap { $0.waiting.first?.element } }

    /// Takes up to that many elements, one of each owner in turn.
    mutating func draw(_ most: Int) -> [Element] {
        var drawn: [Element] = []
        drawn.reserveCapacity(min(most, count))
        while drawn.count < most, let owner = ring.popFirst() {
            guard var line = lines.removeValue(forKey: owner), let next = line.waiting.popFirst() else { continue }
            line.bytes -= next.bytes
            bytes -= next.bytes
            count -= 1
            drawn.append(next.element)
            // An owner with nothing left is forgotten, so that memory follows what waits.
            if !line.waiting.isEmpty {
                lines[owner] = line
                ring.append(owner)
            }
        }
        return drawn
    }
}
