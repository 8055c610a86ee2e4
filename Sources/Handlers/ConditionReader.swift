import Foundation
import Gateway
import Yams

/// Reads what stands under `when` or `unless`.
enum ConditionReader {
    static let keys = [
        "kind", "command", "payload", "text", "callback", "chat", "language", "hours", "first_contact", "label",
        "attribute", "bot", "people", "checkout",
    ]

    private static let chatKinds = ["private", "group", "supergroup", "channel"]

    /// The conditions of a mapping, in the order in which they are looked at.
    static func conditions(_ node: Node, _ what: String, _ findings: Findings) -> [any StepCondition] {
        guard let fields = Fields(node, what, keys: keys, findings) else { return [] }
        if fields.names.isEmpty { findings.add(node, "\(what) is empty: leave it out, or give a condition") }
        var conditions: [any StepCondition] = []
        if let value = fields["bot"] { conditions.append(bot(value, findings)) }
        if let value = fields["chat"] {
            conditions.append(ChatCondition(kinds: value.choices("kind of chat", chatKinds, findings)))
        }
        if let value = fields["kind"] {
            conditions.append(KindCondition(kinds: value.choices("kind of content", PipelineContext.kinds, findings)))
        }
        if let command = command(fields, findings) { conditions.append(command) }
        if let value = fields["callback"] {
            conditions.append(CallbackCondition(patterns: globs(value, "a pattern of button data", findings)))
        }
        if let value = fields["checkout"] {
            conditions.append(CheckoutCondition(patterns: globs(value, "a pattern of an invoice's payload", findings)))
        }
        if let value = fields["language"] { conditions.append(language(value, findings)) }
        if let value = fields["first_contact"], let isFirst = value.flag("first_contact", findings) {
            conditions.append(FirstContactCondition(isFirst: isFirst))
        }
        if let value = fields["people"], let isTheirs = value.flag("people", findings) {
            conditions.append(PeopleCondition(isTheirs: isTheirs))
        }
        if let value = fields["label"] {
            conditions.append(LabelCondition(labels: labels(value, findings).map(\.text)))
        }
        if let value = fields["attribute"] { conditions += attributes(value, findings) }
        if let value = fields["hours"] { conditions.append(hours(value, findings)) }
        if let value = fields["text"] { conditions.append(text(value, findings)) }
        return conditions
    }

    /// Labels as they may be.
    static func labels(_ node: Node, _ findings: Findings) -> [Located] {
        node.texts("a label", atMost: 200, count: Label.maximumCount, findings).filter { located in
            if Label.isLabel(located.text) { return true }
            findings.add(located.node, "\(shown(located.text)) is no label: 1 to 40 characters, no blanks at the ends")
            return false
        }
    }

    /// The name of an attribute, or a problem.
    static func attributeName(_ key: Node, _ findings: Findings) -> AttributeName? {
        guard let name = AttributeName(key.scalar?.string ?? "") else {
            findings.add(
                key,
                "\(shown(key.scalar?.string ?? "")) is no attribute: 1 to 40 of a-z, 0-9 and _, a letter first; `customer.` before it for one of the customer"
            )
            return nil
        }
        return name
    }

    private static func globs(
        _ node: Node,
        _ what: String,
        _ findings: Findings,
        _ form: (String) -> String = { $0 }
    ) -> [Glob] {
        node.texts(what, atMost: 1024, findings, mayBeEmpty: true).compactMap { located in
            count(located, findings)
            if let glob = Glob(form(located.text)) { return glob }
            findings.add(
                located.node,
                "\(shown(located.text)) is no pattern: at most \(Glob.maximumLength) characters, and no \\ at the end"
            )
            return nil
        }
    }

    /// Counts a pattern that is gone through a whole text with.
    private static func count(_ located: Located, _ findings: Findings) {
        findings.patterns += 1
        guard findings.patterns == PipelineFile.mostPatterns + 1 else { return }
        findings.add(
            located.node,
            "this is pattern \(findings.patterns) of the file, which has at most \(PipelineFile.mostPatterns): all steps' globs, payloads, callbacks, values of attributes, texts under `contains` and several words in a row count; single words under `any_word` do not"
        )
    }

    private static func bot(_ node: Node, _ findings: Findings) -> BotCondition {
        let names = node.texts("a bot", atMost: 64, findings).compactMap { located -> String? in
            if BotID(located.text) != nil { return located.text }
            let name = located.text.hasPrefix("@") ? String(located.text.dropFirst()) : ""
            if BotCommandText.isName(name) { return name.lowercased() }
            findings.add(located.node, "\(shown(located.text)) is no bot: write \"@its_username\" in quotes, or its id")
            return nil
        }
        return BotCondition(names: names)
    }

    private static func command(_ fields: Fields, _ findings: Findings) -> CommandCondition? {
        guard fields["command"] != nil || fields["payload"] != nil else { return nil }
        let names =
            fields["command"]?.texts("a command", atMost: 64, findings).compactMap { located -> String? in
                let name = located.text.hasPrefix("/") ? String(located.text.dropFirst()) : located.text
                if BotCommandText.isName(name) { return name.lowercased() }
                findings.add(
                    located.node,
                    "\(shown(located.text)) is no command: 1 to 32 of a-z, 0-9 and _; what follows it goes under `payload`"
                )
                return nil
            } ?? []
        let payloads = fields["payload"].map { globs($0, "a pattern of a payload", findings) } ?? []
        return CommandCondition(names: names, payloads: payloads)
    }

    private static func language(_ node: Node, _ findings: Findings) -> LanguageCondition {
        let tags = node.texts("a language", atMost: 35, findings).compactMap { located -> String? in
            let tag = located.text.lowercased()
            if tag.wholeMatch(of: /[a-z]{2,3}(-[a-z0-9]{2,8})*/) != nil { return tag }
            findings.add(located.node, "\(shown(located.text)) is no language: write it as de, or pt-br")
            return nil
        }
        return LanguageCondition(tags: tags)
    }

    private static func attributes(_ node: Node, _ findings: Findings) -> [any StepCondition] {
        guard let mapping = node.mapping, !mapping.isEmpty else {
            findings.add(node, "expected attributes: a mapping of names to the value that each shall have")
            return []
        }
        return mapping.compactMap { key, value -> (any StepCondition)? in
            guard let name = attributeName(key, findings) else { return nil }
            return AttributeCondition(name: name, values: globs(value, "a pattern of the attribute's value", findings))
        }
    }

    private static func text(_ node: Node, _ findings: Findings) -> TextCondition {
        let keys = ["equals", "contains", "any_word", "glob"]
        guard let fields = Fields(node, "a condition on the text", keys: keys, findings) else {
            return TextCondition(tests: [])
        }
        if fields.names.isEmpty {
            findings.add(node, "expected a condition on the text: one of \(keys.joined(separator: ", "))")
        }
        var tests: [TextCondition.Test] = []
        if let value = fields["equals"] { tests.append(.equals(folded(value, findings).map(\.text))) }
        if let value = fields["contains"] {
            tests.append(
                .contains(
                    folded(value, findings).map { located in
                        count(located, findings)
                        return Needle(Array(located.text.utf8))
                    }
                )
            )
        }
        if let value = fields["any_word"] {
            tests.append(anyWord(folded(value, findings), findings))
        }
        if let value = fields["glob"] {
            tests.append(.glob(globs(value, "a pattern of the text", findings, MessageText.folded)))
        }
        return TextCondition(tests: tests)
    }

    /// Texts in the form in which they are compared.
    private static func folded(_ node: Node, _ findings: Findings) -> [Located] {
        node.texts("a text to look for", atMost: 200, findings).compactMap { located in
            let text = MessageText.folded(located.text)
            if !text.isEmpty { return Located(text: text, node: located.node) }
            findings.add(located.node, "nothing is left of this text when blanks and accents are left out")
            return nil
        }
    }

    private static func anyWord(_ texts: [Located], _ findings: Findings) -> TextCondition.Test {
        var single: [String] = []
        var phrases: [Needle<String>] = []
        for located in texts {
            let words = MessageText.words(of: located.text)
            switch words.count {
            case 0: findings.add(located.node, "\(shown(located.text)) holds no word: for signs use `contains`")
            case 1: single += words
            default:
                count(located, findings)
                phrases.append(Needle(words))
            }
        }
        return .anyWord(single, phrases: phrases)
    }

    private static func hours(_ node: Node, _ findings: Findings) -> HoursCondition {
        let nodes = node.sequence.map { Array($0) } ?? [node]
        guard (1...50).contains(nodes.count) else {
            findings.add(node, "expected hours: 1 to 50 of them, here are \(nodes.count)")
            return HoursCondition(hours: [])
        }
        return HoursCondition(hours: nodes.compactMap { stretch($0, findings) })
    }

    private static func stretch(_ node: Node, _ findings: Findings) -> OpeningHours? {
        guard let fields = Fields(node, "hours", keys: ["days", "from", "to", "zone"], findings) else { return nil }
        for key in ["from", "to", "zone"] where fields[key] == nil {
            findings.add(
                node,
                "hours need `\(key)`: {days: mon-fri, from: \"09:00\", to: \"18:00\", zone: Europe/Berlin}"
            )
        }
        let days = fields["days"].map { read(days: $0, findings) } ?? Set(0..<7)
        let from = fields["from"].flatMap { minutes($0, "from", findings) }
        let to = fields["to"].flatMap { minutes($0, "to", findings) }
        let zone = fields["zone"].flatMap { node -> TimeZone? in
            guard let text = node.text("a time zone", atMost: 64, findings) else { return nil }
            if let zone = OpeningHours.zone(text) { return zone }
            findings.add(node, "\(shown(text)) is no time zone: write it as Europe/Berlin, or UTC")
            return nil
        }
        guard let from, let to, let zone else { return nil }
        if from == to || from == 1440 {
            findings.add(
                node,
                "hours from \(fields["from"]?.scalar?.string ?? "") to the same time are none: a whole day is 00:00 to 24:00"
            )
            return nil
        }
        return OpeningHours(days: days, from: from, to: to, zone: zone)
    }

    private static func read(days node: Node, _ findings: Findings) -> Set<Int> {
        node.texts("days", atMost: 100, findings).reduce(into: []) { days, located in
            for part in located.text.split(separator: ",") {
                let part = part.filter { !$0.isWhitespace }
                if let some = OpeningHours.days(part) {
                    days.formUnion(some)
                } else {
                    findings.add(
                        located.node,
                        "\(shown(part)) is no day: write \(OpeningHours.dayNames.joined(separator: ", ")), mon-fri or daily"
                    )
                }
            }
        }
    }

    private static func minutes(_ node: Node, _ what: String, _ findings: Findings) -> Int? {
        if let text = node.scalar?.string, let minutes = OpeningHours.minutes(text) { return minutes }
        findings.add(node, "expected `\(what)`, a time of day such as \"09:00\"; the end of the day is \"24:00\"")
        return nil
    }
}
