import Foundation
import Gateway
import Yams

/// Reads pipeline files: YAML with `steps`, as `deploy/pipelines/README.md` describes them.
///
/// A file is checked as a whole; every problem is told with its place. Limits: 256 KiB, 200 steps, 500 patterns, 1,000 levels of YAML, no anchors, aliases or
/// merge keys, and those that the problems name.
public struct PipelineFile: PipelineReading {
    /// Steps of the longest pipeline.
    public static let mostSteps = 200
    /// Patterns of all its steps together.
    ///
    /// Each is gone through a whole text with, within the transaction that decides: with the longest of texts so many take some 20 ms.
    public static let mostPatterns = 500

    private let handlers: SwiftHandlers
    private let webhooks: WebhookRules?

    /// Makes a reader that knows these handlers.
    ///
    /// - Parameter webhooks: which URLs of webhooks are taken; nil for all that are URLs, as for a text that was checked when it was set: they
    ///   are looked at again at every call.
    public init(handlers: SwiftHandlers = SwiftHandlers(), webhooks: WebhookRules? = nil) {
        self.handlers = handlers
        self.webhooks = webhooks
    }

    /// See `PipelineReading`.
    public func pipeline(_ text: String) throws(PipelineProblems) -> Pipeline {
        let findings = Findings(text)
        let pipeline = Self.root(text, findings).flatMap { read($0, text, findings) }
        guard findings.problems.isEmpty, let pipeline else {
            if findings.problems.isEmpty { findings.add(line: 1, column: 1, "the file cannot be read") }
            throw PipelineProblems(findings.sorted)
        }
        return pipeline
    }

    private func read(_ root: Node, _ text: String, _ findings: Findings) -> Pipeline? {
        guard let fields = Fields(root, "a pipeline", keys: ["steps", "owner_takes_over", "answer_within"], findings)
        else { return nil }
        guard let node = fields["steps"] else {
            findings.add(root, "a pipeline needs `steps`, a list of steps")
            return nil
        }
        guard let steps = node.sequence, (1...Self.mostSteps).contains(steps.count) else {
            let count = node.sequence.map { ", here are \($0.count)" } ?? ""
            findings.add(node, "expected `steps`, a list of 1 to \(Self.mostSteps) steps\(count)")
            return nil
        }
        let reader = StepReader(handlers: handlers, webhooks: webhooks, findings: findings)
        let entries = steps.compactMap { reader.entry($0) }
        noteRepeated(entries, findings)
        return Pipeline(
            entries,
            ownerTakesOverSeconds: fields["owner_takes_over"]?.seconds("owner_takes_over", findings),
            answersWithinSeconds: answersWithin(fields["answer_within"], findings),
            // As a condition or a value it has this name; a handler may look at anything, and a webhook is told it.
            asksFirstContact: text.contains("first_contact")
                || entries.contains { $0.kind == "swift" || $0.kind == "webhook" }
        )
    }

    private func answersWithin(_ node: Node?, _ findings: Findings) -> Int64? {
        guard let node else { return Pipeline.standardAnswersWithinSeconds }
        return node.scalar?.string == "always" ? nil : node.seconds("answer_within, or always", findings)
    }

    /// A webhook is known by its step's name.
    private func noteRepeated(_ entries: [Pipeline.Entry], _ findings: Findings) {
        var seen: Set<String> = []
        for entry in entries where entry.kind == "webhook" && !entry.name.isEmpty {
            if seen.insert(entry.name).inserted { continue }
            findings.add(
                line: entry.line,
                column: 1,
                "two webhooks have the name \(shown(entry.name)): give each a name of its own"
            )
        }
    }

    /// The tree of a text; problems of YAML itself are noted, and there is no tree then.
    private static func root(_ text: String, _ findings: Findings) -> Node? {
        guard text.utf8.count <= PipelineVersion.longestText else {
            findings.add(
                line: 1,
                column: 1,
                "the file has \(text.utf8.count) bytes, at most \(PipelineVersion.longestText) are taken"
            )
            return nil
        }
        // Before the text is composed: keys are compared with what aliases stand for, which may be exponentially large.
        if let place = aliasedAnchor(text) {
            findings.add(
                line: place.line,
                column: place.column,
                "anchors (&) and aliases (*) are not taken: write it out"
            )
            return nil
        }
        do {
            guard let root = try Yams.compose(yaml: text, .basic, .default, .utf8) else {
                findings.add(line: 1, column: 1, "the file is empty: expected `steps`, a list of steps")
                return nil
            }
            return root
        } catch {
            note(error, text, findings)
            return nil
        }
    }

    /// The first anchor that an alias of the same name may refer to.
    ///
    /// Finds more than YAML does (in comments and texts too), never less. An anchor without an alias does nothing.
    private static func aliasedAnchor(_ text: String) -> (line: Int, column: Int)? {
        guard text.utf8.contains(UInt8(ascii: "&")), text.utf8.contains(UInt8(ascii: "*")) else { return nil }
        // By code points, as YAML reads; a byte order mark may stand before the first one.
        let pattern = /(?:^|[\s\[{,:?\-\u{FEFF}])([&*])([0-9A-Za-z_\-]+)(?=[\s?:,\]}%@`]|$)/
            .matchingSemantics(.unicodeScalar)
        var anchors: [Substring: (line: Int, column: Int)] = [:]
        var aliases: Set<Substring> = []
        for (number, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            for match in line.matches(of: pattern) {
                if match.1 == "*" {
                    aliases.insert(match.2)
                } else if anchors[match.2] == nil {
                    let column = line[..<match.1.startIndex].unicodeScalars.count
                    anchors[match.2] = (number + 1, column + 1)
                }
            }
        }
        return anchors.filter { aliases.contains($0.key) }.values.min { ($0.line, $0.column) < ($1.line, $1.column) }
    }

    private static func note(_ error: any Error, _ text: String, _ findings: Findings) {
        switch error {
        case YamlError.scanner(let context, let problem, let mark, _),
            YamlError.parser(let context, let problem, let mark, _),
            YamlError.composer(let context, let problem, let mark, _):
            let about = context.map { " \($0.text) of line \($0.mark.line)" } ?? ""
            findings.add(
                mark,
                "this is no YAML: \(problem)\(about); see that lines are indented by spaces and that texts with : or # stand in quotes"
            )
        case YamlError.reader(let problem, let offset, _, _):
            let before = text.prefix(offset ?? 0)
            let line = before.count { $0.isNewline } + 1
            let column = before.reversed().prefix { !$0.isNewline }.count + 1
            findings.add(line: line, column: column, "this is no YAML: \(problem)")
        case YamlError.duplicatedKeysInMapping(let names, let context):
            let keys = names.map(shown).joined(separator: ", ")
            findings.add(context.mark, "the key \(keys) stands twice in one mapping: leave one out")
        default:
            findings.add(
                line: 1,
                column: 1,
                "this is no YAML: it is nested more than 1,000 deep, or holds what YAML does not have"
            )
        }
    }
}
