import Foundation
import Gateway
import Yams

/// Collects what is wrong with a file while it is read.
final class Findings {
    private(set) var problems: [PipelineProblems.Problem] = []
    /// The lines of the file, to find the place of a word in a text of several lines.
    private let lines: [Substring]

    /// More help nobody: the first ones are mended first.
    static let maximum = 100

    /// Patterns that were read so far: see `PipelineFile.mostPatterns`.
    var patterns = 0

    /// Whether `{{…}}` in a text is a template; without that texts are as they are.
    let takesTemplates: Bool

    init(_ text: String, takesTemplates: Bool = true) {
        self.takesTemplates = takesTemplates
        lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    }

    /// Notes a problem where a node begins.
    func add(_ node: Node, _ text: String) { add(node.mark, text) }

    /// Notes a problem at a place of the file.
    func add(_ mark: Mark?, _ text: String) { add(line: mark?.line ?? 1, column: mark?.column ?? 1, text) }

    /// Notes a problem at a place of the file.
    func add(line: Int, column: Int, _ text: String) {
        guard problems.count < Self.maximum else { return }
        problems.append(.init(line: line, column: column, text))
    }

    /// Notes a problem at the first place of a word at or behind a node's beginning; at the node if the word is not found as it is.
    func add(_ node: Node, at word: String, _ text: String) {
        guard let mark = node.mark, !word.isEmpty else { return add(node, text) }
        // A word further down belongs to another node.
        for line in max(0, mark.line - 1)..<min(lines.count, mark.line + 200) {
            let from = line == mark.line - 1 ? mark.column - 1 : 0
            let rest = String(lines[line].unicodeScalars.dropFirst(from))
            guard let range = rest.range(of: word) else { continue }
            let column = rest[..<range.lowerBound].unicodeScalars.count + from
            return add(line: line + 1, column: column + 1, text)
        }
        add(node, text)
    }

    /// The problems in the order of the file.
    var sorted: [PipelineProblems.Problem] {
        problems.sorted { ($0.line, $0.column) < ($1.line, $1.column) }
    }
}
