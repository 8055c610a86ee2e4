import Gateway
import Yams

/// A text with the node that it came from.
struct Located {
    let text: String
    let node: Node
}

/// A mapping of a pipeline file whose keys are known.
struct Fields {
    private let values: [String: Node]
    /// The node of the mapping.
    let node: Node

    /// Reads a mapping; what else it is, and keys that are not known, become problems.
    ///
    /// - Parameter what: what is read, such as “a step”.
    init?(_ node: Node, _ what: String, keys: [String], _ findings: Findings) {
        guard let mapping = node.mapping else {
            findings.add(node, "expected \(what): a mapping with the keys \(keys.joined(separator: ", "))")
            return nil
        }
        var values: [String: Node] = [:]
        for (key, value) in mapping {
            guard let name = key.scalar?.string else {
                findings.add(
                    key,
                    "expected a key, one of \(keys.joined(separator: ", ")); a text that begins with {{ stands in quotes"
                )
                continue
            }
            guard keys.contains(name) else {
                let near = NearestName.of(name, among: keys).map { "did you mean `\($0)`? " } ?? ""
                findings.add(
                    key,
                    "unknown key \(shown(name)) in \(what): \(near)known here: \(keys.joined(separator: ", "))"
                )
                continue
            }
            values[name] = value
        }
        self.values = values
        self.node = node
    }

    /// The value of a key.
    subscript(_ key: String) -> Node? { values[key] }

    /// The keys that are there.
    var names: Set<String> { Set(values.keys) }
}

/// A word of a file as a problem shows it: in quotes, short and on one line.
func shown(_ text: String) -> String {
    let clean = text.prefix(60).map { $0.isNewline || $0 == "\t" ? " " : $0 }
    return "`\(String(clean))\(text.count > 60 ? "…" : "")`"
}

extension Node {
    /// Whether nothing stands there.
    var isNothing: Bool {
        guard let scalar, scalar.style == .plain || scalar.style == .any else { return false }
        return scalar.string.isEmpty || scalar.string == "~" || scalar.string == "null"
    }

    /// A text of at least one and at most so many characters; anything else becomes a problem.
    func text(_ what: String, atMost limit: Int, _ findings: Findings, mayBeEmpty: Bool = false) -> String? {
        guard let scalar, !isNothing else {
            let mend = mapping != nil || sequence != nil ? "; a text that begins with { or [ stands in quotes" : ""
            findings.add(self, "expected \(what), a text\(mend)")
            return nil
        }
        guard mayBeEmpty || scalar.string.contains(where: { !$0.isWhitespace }) else {
            findings.add(self, "expected \(what), this text is empty")
            return nil
        }
        let count = scalar.string.unicodeScalars.count
        guard count <= limit else {
            findings.add(self, "\(what) has \(count) characters, at most \(limit) are taken")
            return nil
        }
        guard !scalar.string.utf8.contains(0) else {
            findings.add(self, "\(what) holds a U+0000: take it out")
            return nil
        }
        return scalar.string
    }

    /// `true` or `false`; anything else becomes a problem.
    func flag(_ what: String, _ findings: Findings) -> Bool? {
        switch scalar?.string {
        case "true": return true
        case "false": return false
        default:
            findings.add(self, "expected true or false as \(what)")
            return nil
        }
    }

    /// A whole number in a range; anything else becomes a problem.
    func number(_ what: String, in range: ClosedRange<Int64>, _ findings: Findings) -> Int64? {
        guard let text = scalar?.string, let number = Int64(text), range.contains(number) else {
            findings.add(self, "expected \(what), a whole number from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return number
    }

    /// One text or a list of texts; anything else becomes a problem.
    func texts(
        _ what: String,
        atMost limit: Int,
        count: Int = 100,
        _ findings: Findings,
        mayBeEmpty: Bool = false
    ) -> [Located] {
        guard let sequence else {
            return text(what, atMost: limit, findings, mayBeEmpty: mayBeEmpty).map { [Located(text: $0, node: self)] }
                ?? []
        }
        guard (1...count).contains(sequence.count) else {
            findings.add(self, "expected \(what): one to \(count) of them, here are \(sequence.count)")
            return []
        }
        return sequence.compactMap { element in
            element.text(what, atMost: limit, findings, mayBeEmpty: mayBeEmpty).map { Located(text: $0, node: element) }
        }
    }

    /// One or several of known words; anything else becomes a problem that names the nearest.
    func choices(_ what: String, _ known: [String], _ findings: Findings) -> [String] {
        texts(what, atMost: 100, findings).compactMap { located in
            if known.contains(located.text) { return located.text }
            let near = NearestName.of(located.text, among: known).map { "did you mean `\($0)`? " } ?? ""
            findings.add(
                located.node,
                "\(shown(located.text)) is no \(what): \(near)known: \(known.joined(separator: ", "))"
            )
            return nil
        }
    }

    /// A length of time such as `90s`, `30m`, `2h` or `7d`, at most 90 days, in seconds; anything else becomes a problem.
    func seconds(_ what: String, _ findings: Findings) -> Int64? {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        let longest: Int64 = 90 * 86_400
        if let text = scalar?.string, let unit = text.last.flatMap({ units[$0] }), let count = Int64(text.dropLast()),
            (1...longest).contains(count), count * unit <= longest
        {
            return count * unit
        }
        findings.add(self, "expected \(what): a time such as 90s, 30m, 2h or 7d, at most 90d")
        return nil
    }
}
