/// What a freed slot holds.
protocol Vacant: Sendable {
    init()
}

/// Elements at numbers that stay theirs until they are removed: reached without hashing.
struct Slots<Element: Vacant>: Sendable {
    /// By slot; a free one is vacant.
    ///
    /// Only the slots given by `add` are written to.
    var at: [Element] = []
    private var free: [Int] = []

    var count: Int { at.count - free.count }

    /// The slot that the element has from now on.
    mutating func add(_ element: Element) -> Int {
        guard let slot = free.popLast() else {
            at.append(element)
            return at.count - 1
        }
        at[slot] = element
        return slot
    }

    mutating func remove(_ slot: Int) {
        at[slot] = Element()
        free.append(slot)
        // The greatest number ever held is forgotten when nothing is.
        if free.count == at.count { self = Slots() }
    }
}
