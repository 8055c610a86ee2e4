extension FormattedText {
    /// The text in pieces that Telegram takes, in order.
    ///
    /// A cut is made behind a paragraph, else a line, a sentence, a word, else between two characters as people see
    /// them; the first three only where a piece gets at least a quarter of the limit. No entity is cut that fits into
    /// a piece; a longer one goes on in the next piece. The pieces are `trimmed()`, so blanks at a cut are gone, but
    /// not the indentation of a line in a `pre`. A text of blanks only gives no piece. Time is linear in the length.
    ///
    /// - Parameter limit: the most Unicode code points of a piece, at least 1.
    public func split(limit: Int = MessageLimits.text) -> [FormattedText] {
        let whole = trimmed()
        guard !whole.text.isEmpty else { return [] }
        guard whole.text.utf8.count > limit, whole.length > limit else { return [whole] }
        var splitter = TextSplitter(whole, limit: max(1, limit))
        return splitter.pieces()
    }
}

/// Cuts one text.
///
/// A boundary is the index of the code point behind it.
private struct TextSplitter {
    private let limit: Int
    private let bytes: [UInt8]
    private let scalars: [Unicode.Scalar]
    /// For each boundary: how many bytes and how many UTF-16 units are before it.
    private var utf8: [Int] = [0]
    private var utf16: [Int] = [0]
    /// For each boundary: whether it lies between two characters.
    private var betweenCharacters: [Bool] = []
    /// For each boundary: whether it lies in an entity that fits into a piece.
    private var inEntity: [Bool] = []
    private let entities: [MessageEntity]
    private var nextEntity = 0
    /// Entities that began before and go on.
    private var active: [MessageEntity] = []

    init(_ whole: FormattedText, limit: Int) {
        self.limit = limit
        bytes = Array(whole.text.utf8)
        scalars = Array(whole.text.unicodeScalars)
        utf8.reserveCapacity(scalars.count + 1)
        utf16.reserveCapacity(scalars.count + 1)
        for scalar in scalars {
            utf8.append(utf8[utf8.count - 1] + UTF8.width(scalar))
            utf16.append(utf16[utf16.count - 1] + UTF16.width(scalar))
        }
        betweenCharacters = Array(repeating: false, count: scalars.count + 1)
        var boundary = 0
        for character in whole.text {
            betweenCharacters[boundary] = true
            boundary += character.unicodeScalars.count
        }
        betweenCharacters[boundary] = true
        let end = utf16[scalars.count]
        entities = whole.entities.compactMap { entity in
            entity.clipped(from: 0, to: end).map {
                MessageEntity(entity.kind, offset: max(0, entity.offset), length: $0.length)
            }
        }
        inEntity = Self.insides(of: entities, utf16, limit)
    }

    private static func insides(of entities: [MessageEntity], _ utf16: [Int], _ limit: Int) -> [Bool] {
        /// How many entities begin or end there.
        var steps = Array(repeating: 0, count: utf16.count + 1)
        var start = 0
        for entity in entities {
            // Entities are in the order of their beginnings.
            while utf16[start] < entity.offset { start += 1 }
            let end = firstIndex(in: utf16, from: start, notBelow: entity.end)
            guard end > start, end - start <= limit else { continue }
            steps[start + 1] += 1
            steps[end] -= 1
        }
        var depth = 0
        return utf16.indices.map { boundary in
            depth += steps[boundary]
            return depth > 0
        }
    }

    private static func firstIndex(in offsets: [Int], from start: Int, notBelow offset: Int) -> Int {
        var low = start
        var high = offsets.count - 1
        while low < high {
            let middle = (low + high) / 2
            if offsets[middle] < offset { low = middle + 1 } else { high = middle }
        }
        return low
    }

    mutating func pieces() -> [FormattedText] {
        var pieces: [FormattedText] = []
        var start = 0
        while true {
            start = skippingBlanks(from: start)
            guard start < scalars.count else { return pieces }
            let cut = scalars.count - start <= limit ? scalars.count : cut(from: start)
            if let piece = piece(from: start, to: cut) { pieces.append(piece) }
            start = cut
        }
    }

    /// Behind the blanks that no entity holds.
    private mutating func skippingBlanks(from start: Int) -> Int {
        var start = start
        while start < scalars.count, FormattedText.isTrimmed(scalars[start]), !startsOrGoesOn(at: utf16[start]) {
            start += 1
        }
        return start
    }

    private func startsOrGoesOn(at offset: Int) -> Bool {
        active.contains { $0.end > offset } || (nextEntity < entities.count && entities[nextEntity].offset <= offset)
    }

    private mutating func piece(from start: Int, to cut: Int) -> FormattedText? {
        var end = cut
        while end > start, FormattedText.isTrimmed(scalars[end - 1]) { end -= 1 }
        while nextEntity < entities.count, entities[nextEntity].offset < utf16[cut] {
            active.append(entities[nextEntity])
            nextEntity += 1
        }
        defer { active.removeAll { $0.end <= utf16[cut] } }
        guard end > start else { return nil }
        return FormattedText(
            String(decoding: bytes[utf8[start]..<utf8[end]], as: UTF8.self),
            entities: active.compactMap { $0.clipped(from: utf16[start], to: utf16[end]) }
        )
    }

    /// How good a place is for a cut, the best first.
    private enum Place: Int, CaseIterable {
        case paragraph
        case line
        case sentence
        case word
        case character
    }

    /// The best boundary for a piece that begins there, at most `limit` behind it.
    private func cut(from start: Int) -> Int {
        var found: [Int?] = Array(repeating: nil, count: Place.allCases.count)
        let least = start + max(1, limit / 4)
        var boundary = start + limit
        while boundary > start {
            if betweenCharacters[boundary], !inEntity[boundary] {
                let place = place(at: boundary)
                if found[place.rawValue] == nil { found[place.rawValue] = boundary }
                if place == .paragraph { break }
            }
            boundary -= 1
            // Farther back only a place is looked for that is better than between two characters.
            if boundary < least, found.dropLast().contains(where: { $0 != nil }) { break }
        }
        if let best = found.dropLast().first(where: { ($0 ?? 0) >= least }) ?? nil { return best }
        if let any = found.compactMap({ $0 }).first { return any }
        // Entities that overlap, or one character longer than a piece.
        var last = start + limit
        while last > start, !betweenCharacters[last] { last -= 1 }
        return last > start ? last : start + limit
    }

    private func place(at boundary: Int) -> Place {
        let before = scalars[boundary - 1]
        let after = boundary < scalars.count ? scalars[boundary] : " "
        let beforeThat: Unicode.Scalar = boundary > 1 ? scalars[boundary - 2] : " "
        if Self.isLineEnd(before) { return Self.isLineEnd(beforeThat) || before == "\u{2029}" ? .paragraph : .line }
        if Self.isLineEnd(after) { return .line }
        if Self.endsSentenceAlone(before) { return .sentence }
        if Self.isBlank(before) { return endsSentence(before: boundary - 1) ? .sentence : .word }
        if Self.isBlank(after) { return endsSentence(before: boundary) ? .sentence : .word }
        return .character
    }

    private func endsSentence(before boundary: Int) -> Bool {
        var index = boundary - 1
        var closing = 0
        // A quotation mark or a bracket may stand behind the stop.
        while index >= 0, closing < 3, Self.isClosing(scalars[index]) {
            index -= 1
            closing += 1
        }
        guard index >= 0 else { return false }
        switch scalars[index] {
        case ".", "!", "?", "…", "؟", "۔", "।", "։": return true
        case let scalar: return Self.endsSentenceAlone(scalar)
        }
    }

    private static func isLineEnd(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "\n" || scalar == "\u{2028}" || scalar == "\u{2029}"
    }

    /// Stops that no blank follows.
    private static func endsSentenceAlone(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "。" || scalar == "！" || scalar == "？" || scalar == "｡"
    }

    private static func isClosing(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "\"", "'", ")", "]", "»", "”", "’", "」", "）": true
        default: false
        }
    }

    /// Where a line may be broken: no blank that holds two words together.
    private static func isBlank(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x20, 0x09, 0x0B, 0x0C, 0x0D, 0x1680, 0x2000...0x2006, 0x2008...0x200B, 0x205F, 0x3000: true
        default: false
        }
    }
}
