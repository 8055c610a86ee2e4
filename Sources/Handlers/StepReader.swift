import Gateway
import Telegram
import Yams

/// Reads one step of a pipeline file.
struct StepReader {
    static let actions = [
        "reply", "webhook", "swift", "label", "set", "assign", "hand_off", "release", "forward", "checkout",
        "stop",
    ]
    static let keys = ["name", "when", "unless", "edits"] + actions

    let handlers: SwiftHandlers
    var webhooks: WebhookRules?
    let findings: Findings

    /// The step of a node; nil, with a problem noted, if it is none.
    func entry(_ node: Node) -> Pipeline.Entry? {
        guard let fields = Fields(node, "a step", keys: Self.keys, findings) else { return nil }
        let name = fields["name"]?.text("a name", atMost: 80, findings) ?? ""
        let when = fields["when"].map { ConditionReader.conditions($0, "`when`", findings) } ?? []
        let unless = fields["unless"].map { ConditionReader.conditions($0, "`unless`", findings) } ?? []
        let edits = fields["edits"]?.choices(
            "choice for edits",
            Pipeline.Entry.Edits.allCases.map(\.rawValue),
            findings
        )
        let chosen = Self.actions.filter { fields[$0] != nil }
        // `stop` may stand beside another thing.
        let kinds = chosen.count > 1 ? chosen.filter { $0 != "stop" } : chosen
        guard let kind = kinds.first, kinds.count == 1, let action = fields[kind] else {
            let found = chosen.isEmpty ? "this one does nothing" : "this one has \(chosen.joined(separator: ", "))"
            findings.add(
                node,
                "a step does one of \(Self.actions.joined(separator: ", ")), and may `stop` besides: \(found)"
            )
            return nil
        }
        if kind == "webhook", fields["name"] == nil {
            findings.add(node, "a webhook needs a `name` beside it: its secret and its deliveries are found by that")
        }
        let stops = kind != "stop" && (fields["stop"].map { isTrue($0, "stop") } ?? false)
        let work: Pipeline.Entry.Work? =
            switch kind {
            case "swift": handler(action).map { .handler($0, stops: stops) }
            case "webhook": webhook(action, name: name).map { .webhook($0, stops: stops) }
            default: step(kind, action).map { .step(stops ? StoppingStep(first: $0) : $0) }
            }
        guard let work else { return nil }
        return Pipeline.Entry(
            name: name,
            line: node.mark?.line ?? 0,
            kind: kind,
            conditions: when,
            exceptions: unless,
            edits: edits?.first.flatMap(Pipeline.Entry.Edits.init(rawValue:)) ?? .never,
            // People are told though they have it, and may give it back.
            runsForPeople: ["release", "forward", "checkout"].contains(kind),
            work: work
        )
    }

    /// The step of a kind; nil, with a problem noted, if the node is none.
    func step(_ kind: String, _ node: Node) -> (any Step)? {
        switch kind {
        case "reply": ReplyReader.reply(node, findings)
        case "label": label(node)
        case "set": set(node)
        case "assign": assign(node)
        case "hand_off": handOff(node)
        case "release": isTrue(node, "release") ? ReleaseStep() : nil
        case "forward": forward(node)
        case "checkout": checkout(node)
        default: isTrue(node, "stop") ? StopStep() : nil
        }
    }

    private func webhook(_ node: Node, name: String) -> WebhookCall? {
        guard node.mapping != nil else {
            return url(node).map { WebhookCall(step: name, url: $0) }
        }
        let keys = ["url", "mode", "timeout", "ordered", "hold"]
        guard let fields = Fields(node, "a webhook, or its URL", keys: keys, findings) else { return nil }
        guard let address = fields["url"] else {
            findings.add(node, "a webhook needs `url`, where your handler is: https://…")
            return nil
        }
        guard let url = url(address) else { return nil }
        var call = WebhookCall(step: name, url: url)
        if let mode = fields["mode"]?.choices("mode", WebhookCall.Mode.allCases.map(\.rawValue), findings).first {
            call.mode = WebhookCall.Mode(rawValue: mode) ?? .answer
        }
        if let node = fields["timeout"], let seconds = node.seconds("timeout", findings) {
            if !WebhookLimits.timeouts.contains(seconds) {
                findings.add(node, "a webhook's `timeout` is 1s to \(WebhookLimits.timeouts.upperBound)s")
            }
            call.timeoutSeconds = seconds
        }
        if fields["ordered"]?.flag("ordered", findings) == true { call.holdSeconds = WebhookCall.hold }
        if let node = fields["hold"], let seconds = node.seconds("hold", findings) {
            if call.holdSeconds == nil { findings.add(node, "`hold` is how long `ordered: true` waits: give that too") }
            if seconds > WebhookCall.longestHold { findings.add(node, "`hold` is at most 24h") }
            call.holdSeconds = seconds
        }
        if call.mode == .notify, let ordered = fields["ordered"] ?? fields["hold"] {
            findings.add(ordered, "with `mode: notify` nothing waits for the answer: leave `ordered` and `hold` out")
        }
        return call
    }

    private func url(_ node: Node) -> String? {
        guard let text = node.text("the URL of your handler", atMost: WebhookURL.longest, findings) else { return nil }
        do throws(WebhookURL.Fault) {
            let url = try WebhookURL(text)
            guard let objection = webhooks?.objection(to: url) else { return text }
            findings.add(node, "this URL may not be called: \(objection)")
        } catch {
            findings.add(node, "this is no URL for a webhook: \(error)")
        }
        return nil
    }

    private func isTrue(_ node: Node, _ name: String) -> Bool {
        guard let flag = node.flag(name, findings) else { return false }
        if !flag { findings.add(node, "`\(name): false` does nothing: leave it out") }
        return flag
    }

    private func label(_ node: Node) -> (any Step)? {
        guard node.mapping != nil else {
            return LabelStep(added: ConditionReader.labels(node, findings).map(\.text), removed: [])
        }
        guard let fields = Fields(node, "labels", keys: ["add", "remove"], findings) else { return nil }
        if fields.names.isEmpty { findings.add(node, "expected labels: `add`, `remove` or both") }
        return LabelStep(
            added: fields["add"].map { ConditionReader.labels($0, findings).map(\.text) } ?? [],
            removed: fields["remove"].map { ConditionReader.labels($0, findings).map(\.text) } ?? []
        )
    }

    private func set(_ node: Node) -> (any Step)? {
        guard let mapping = node.mapping, (1...AttributeName.maximumCount).contains(mapping.count) else {
            findings.add(
                node,
                "expected attributes: a mapping of 1 to \(AttributeName.maximumCount) names to their values; null takes one away"
            )
            return nil
        }
        var values: [AttributeName: Template?] = [:]
        for (key, value) in mapping {
            guard let name = ConditionReader.attributeName(key, findings) else { continue }
            if value.isNothing {
                values.updateValue(nil, forKey: name)
            } else if let template = ReplyReader.template(
                value,
                "a value",
                isHTML: false,
                findings,
                atMost: AttributeName.longestValue
            ) {
                values.updateValue(template, forKey: name)
            }
        }
        return SetStep(values: values)
    }

    private func assign(_ node: Node) -> (any Step)? {
        if node.isNothing { return AssignStep(assignee: nil) }
        guard let name = node.text("who takes care of it, or null for nobody", atMost: 64, findings) else { return nil }
        return AssignStep(assignee: name)
    }

    private func handOff(_ node: Node) -> (any Step)? {
        guard node.mapping != nil else {
            return isTrue(node, "hand_off") ? HandOffStep(releaseAfterSeconds: nil) : nil
        }
        guard let fields = Fields(node, "a hand-off, or true", keys: ["release_after"], findings) else { return nil }
        return HandOffStep(releaseAfterSeconds: fields["release_after"]?.seconds("release_after", findings))
    }

    private func forward(_ node: Node) -> (any Step)? {
        guard let fields = Fields(node, "a forward", keys: ["to", "thread"], findings) else { return nil }
        guard let to = fields["to"] else {
            findings.add(node, "a forward needs `to`, the id of the staff's chat")
            return nil
        }
        let most = MessageLimits.chatID - 1
        guard let chat = to.number("the id of the staff's chat", in: -most...most, findings) else { return nil }
        guard chat < 0 else {
            findings.add(
                to,
                "\(chat) is no group: the staff's chat is a group that the bot is in, such as -1001234567890"
            )
            return nil
        }
        let thread = fields["thread"]?.number("the id of a topic", in: 2...Int64(Int32.max), findings)
        return ForwardStep(forward: .init(chat: chat, threadID: thread))
    }

    private func checkout(_ node: Node) -> (any Step)? {
        guard node.mapping != nil else {
            guard node.choices("word, or `refuse: why`", ["accept"], findings).first != nil else { return nil }
            return CheckoutStep(refusal: nil)
        }
        guard let fields = Fields(node, "an answer to a payment, or accept", keys: ["refuse"], findings),
            let refuse = fields["refuse"]
        else {
            findings.add(node, "expected `checkout: accept` or `checkout: {refuse: why}`")
            return nil
        }
        let template = ReplyReader.template(refuse, "why not", isHTML: false, findings, atMost: 200)
        return template.map { CheckoutStep(refusal: $0) }
    }

    private func handler(_ node: Node) -> (any Handler)? {
        var options: [String: String] = [:]
        var named = node
        if node.mapping != nil {
            guard let fields = Fields(node, "a Swift handler", keys: ["handler", "with"], findings) else { return nil }
            guard let handler = fields["handler"] else {
                findings.add(
                    node,
                    "a Swift handler needs `handler`, its name: \(handlers.names.joined(separator: ", "))"
                )
                return nil
            }
            named = handler
            guard let with = readOptions(fields["with"]) else { return nil }
            options = with
        }
        guard let name = named.choices("Swift handler", handlers.names, findings).first else { return nil }
        do throws(StepFailure) {
            return try handlers.handler(name, options)
        } catch {
            findings.add(node, "the Swift handler \(name): \(error.description)")
            return nil
        }
    }

    private func readOptions(_ node: Node?) -> [String: String]? {
        guard let node else { return [:] }
        guard let mapping = node.mapping, mapping.count <= 50 else {
            findings.add(node, "expected `with`, a mapping of at most 50 options to texts")
            return nil
        }
        var options: [String: String] = [:]
        for (key, value) in mapping {
            guard let name = key.text("an option", atMost: 64, findings),
                let text = value.text("the value of an option", atMost: 1000, findings)
            else { return nil }
            options[name] = text
        }
        return options
    }
}
