/// Finds what somebody may have meant.
enum NearestName {
    /// The name that differs the least; nil if none is near.
    static func of(_ text: String, among names: some Sequence<String>) -> String? {
        guard text.count <= 60 else { return nil }
        let wanted = Array(text.lowercased().replacing("-", with: "_"))
        let limit = max(1, (wanted.count + 2) / 3)
        let near = names.map { ($0, distance(wanted, Array($0))) }.filter { $0.1 <= limit }
        return near.min { $0.1 < $1.1 }?.0
    }

    /// How many characters must be put in, left out, replaced, or swapped with their neighbour.
    ///
    /// **Source:** the optimal string alignment distance, after Damerau and Levenshtein.
    static func distance(_ left: [Character], _ right: [Character]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for (row, character) in left.enumerated() {
            var present = [row + 1]
            for (column, other) in right.enumerated() {
                var best = min(present[column] + 1, last[column + 1] + 1, last[column] + (character == other ? 0 : 1))
                if row > 0, column > 0, character == right[column - 1], left[row - 1] == other {
                    best = min(best, beforeLast[column - 1] + 1)
                }
                present.append(best)
            }
            beforeLast = last
            last = present
        }
        return last[right.count]
    }
}
