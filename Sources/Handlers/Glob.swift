/// A pattern for a whole text: `*` stands for any characters or none, `?` for one character, `\` before a character for itself.
///
/// Matching runs all places of the pattern at once over the text (the Shift-And automaton of Baeza-Yates and Gonnet), so its time is the text's
/// length times the pattern's 64-character words, whatever the pattern: nothing is tried again.
struct Glob: Hashable, Sendable {
    /// Characters of the longest pattern.
    static let maximumLength = 256

    /// For each character of the pattern: the places where it stands, one bit each.
    private let places: [Character: [UInt64]]
    /// The places of `?`.
    private let anyone: [UInt64]
    /// The places before which `*` stands.
    private let stars: [UInt64]
    /// How many places there are.
    private let count: Int

    /// Reads a pattern; nil if it ends with a single `\` or is too long.
    init?(_ pattern: String) {
        guard pattern.count <= Self.maximumLength else { return nil }
        // A place for each character, and the end.
        let words = Self.maximumLength / 64 + 1
        var places: [Character: [UInt64]] = [:]
        var anyone = [UInt64](repeating: 0, count: words)
        var stars = anyone
        var place = 0
        var isEscaped = false
        for character in pattern {
            let bit: UInt64 = 1 << UInt64(place & 63)
            switch character {
            case "\\" where !isEscaped:
                isEscaped = true
                continue
            case "*" where !isEscaped:
                stars[place >> 6] |= bit
                continue
            case "?" where !isEscaped: anyone[place >> 6] |= bit
            default: places[character, default: [UInt64](repeating: 0, count: words)][place >> 6] |= bit
            }
            isEscaped = false
            place += 1
        }
        guard !isEscaped else { return nil }
        let used = place / 64 + 1
        self.places = places.mapValues { Array($0.prefix(used)) }
        self.anyone = Array(anyone.prefix(used))
        self.stars = Array(stars.prefix(used))
        count = place
    }

    /// Whether the whole text fits.
    func matches(_ text: some Sequence<Character>) -> Bool {
        var state = [UInt64](repeating: 0, count: anyone.count)
        // Bit n: what was read so far fits the first n characters of the pattern.
        state[0] = 1
        for character in text {
            let own = places[character]
            var carry: UInt64 = 0
            var isAlive = false
            for word in state.indices {
                let taken = state[word] & (anyone[word] | (own?[word] ?? 0))
                let stays = state[word] & stars[word]
                state[word] = taken << 1 | carry | stays
                carry = taken >> 63
                isAlive = isAlive || state[word] != 0
            }
            guard isAlive else { return false }
        }
        return state[count >> 6] & (1 << UInt64(count & 63)) != 0
    }
}

/// A stretch of bytes or of words that is looked for in others, in time that is linear in their lengths.
///
/// **Source:** Knuth, Morris and Pratt, "Fast pattern matching in strings".
struct Needle<Element: Hashable & Sendable>: Hashable, Sendable {
    private let elements: [Element]
    /// For each length of a beginning that fitted: the longest shorter one that fits too.
    private let fallback: [Int]

    init(_ elements: [Element]) {
        var fallback = [Int](repeating: 0, count: elements.count + 1)
        var length = 0
        for index in elements.indices.dropFirst() {
            while length > 0, elements[index] != elements[length] { length = fallback[length] }
            if elements[index] == elements[length] { length += 1 }
            fallback[index + 1] = length
        }
        self.elements = elements
        self.fallback = fallback
    }

    /// Whether it stands in these, in a row.
    func isIn(_ others: some Sequence<Element>) -> Bool {
        guard !elements.isEmpty else { return true }
        var length = 0
        for element in others {
            while length > 0, element != elements[length] { length = fallback[length] }
            if element == elements[length] { length += 1 }
            if length == elements.count { return true }
        }
        return false
    }
}
