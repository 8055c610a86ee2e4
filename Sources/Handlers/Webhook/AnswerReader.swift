import Gateway
import Telegram
import Yams

/// Reads the actions of a handler's answer, by the rules of pipeline files.
///
/// `{"actions": [{"reply": …}, {"label": …}, {"set": …}, {"assign": …}, {"hand_off": …}, {"stop": true}, {"answer_callback": …}, {"edit": …}]}`.
/// Texts are as they are: what a customer wrote and a handler repeats is no template. An empty body has no actions.
public struct AnswerReader: WebhookAnswerReading {
    /// Actions of the longest answer.
    public static let mostActions = 50

    private static let kinds = ["reply", "label", "set", "assign", "hand_off", "stop", "answer_callback", "edit"]

    /// Makes a reader.
    public init() {}

    /// See `WebhookAnswerReading`.
    public func effects(of body: [UInt8], _ context: PipelineContext) throws(StepFailure) -> [StepEffects] {
        guard body.contains(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) else { return [] }
        guard body.count <= WebhookLimits.actions else {
            throw StepFailure("the answer has more than \(WebhookLimits.actions) bytes: send the actions alone")
        }
        let actions = try Self.actions(body)
        var all: [StepEffects] = []
        for (index, node) in actions.enumerated() {
            let findings = Findings("", takesTemplates: false)
            let step = Self.step(node, findings)
            guard findings.problems.isEmpty, let step else {
                throw StepFailure("action \(index + 1): \(findings.problems.first?.text ?? "it cannot be read")")
            }
            do throws(StepFailure) { all.append(try step.run(context)) } catch {
                throw StepFailure("action \(index + 1): \(error)")
            }
        }
        return all
    }

    private static func actions(_ body: [UInt8]) throws(StepFailure) -> [Node] {
        let root: JSONView
        do throws(JSONSyntaxError) { root = try JSONDocument(body).root } catch {
            throw StepFailure(
                "the answer is \(error): answer nothing, or {\"actions\": […]} as application/json"
            )
        }
        guard root.isObject, let members = root.members else {
            throw StepFailure("the answer is no JSON object: answer {\"actions\": […]}")
        }
        var list: JSONView?
        for member in members {
            guard member.name == "actions", list == nil else {
                let near = NearestName.of(member.name, among: ["actions"]).map { "; did you mean `\($0)`?" } ?? ""
                throw StepFailure("unknown or repeated key \(shown(member.name)) in the answer\(near)")
            }
            list = member.value
        }
        guard let list else { return [] }
        guard let elements = list.elements else { throw StepFailure("`actions` is no list") }
        var nodes: [Node] = []
        for element in elements {
            guard nodes.count < mostActions else { throw StepFailure("more than \(mostActions) actions") }
            nodes.append(try AnswerNode.node(element))
        }
        return nodes
    }

    private static func step(_ node: Node, _ findings: Findings) -> (any Step)? {
        guard let fields = Fields(node, "an action", keys: kinds, findings) else { return nil }
        guard let kind = fields.names.first, fields.names.count == 1, let value = fields[kind] else {
            findings.add(node, "an action is an object with one of \(kinds.joined(separator: ", "))")
            return nil
        }
        switch kind {
        case "answer_callback": return callbackAnswer(value, findings)
        case "edit": return EditReader.edit(value, findings)
        default: return StepReader(handlers: SwiftHandlers([:]), findings: findings).step(kind, value)
        }
    }

    private static func callbackAnswer(_ node: Node, _ findings: Findings) -> (any Step)? {
        if node.scalar != nil, node.scalar?.string == "true" { return CallbackStep(answer: .init()) }
        guard let fields = Fields(node, "an answer to a button, or true", keys: ["text", "alert", "url"], findings)
        else { return nil }
        let answer = BotCall.CallbackAnswer(
            text: fields["text"]?.text("a text", atMost: MessageLimits.callbackAnswer, findings),
            alert: fields["alert"]?.flag("alert", findings) ?? false,
            url: fields["url"]?.text("an address", atMost: 2048, findings)
        )
        do throws(InvalidCall) { try BotCall.answerCallback(id: "1", answer).validate() } catch {
            findings.add(node, "\(error.problem): \(error.mend)")
        }
        return CallbackStep(answer: answer)
    }
}

/// Turns JSON into the nodes that the readers of pipeline files look at.
enum AnswerNode {
    static func node(_ view: JSONView) throws(StepFailure) -> Node {
        if let string = view.string { return Node(string, .implicit, .doubleQuoted) }
        if let elements = view.elements {
            var nodes: [Node] = []
            for element in elements { nodes.append(try node(element)) }
            return Node(nodes)
        }
        if let members = view.members {
            var pairs: [(Node, Node)] = []
            var names: Set<String> = []
            for (name, value) in members {
                guard names.insert(name).inserted else {
                    throw StepFailure("the key \(shown(name)) stands twice in one object: leave one out")
                }
                pairs.append((Node(name, .implicit, .doubleQuoted), try node(value)))
            }
            return Node(pairs)
        }
        return Node(view.rawText, .implicit, .plain)
    }
}

/// Shows something to who pressed a button; nothing where none was pressed.
struct CallbackStep: Step {
    let answer: BotCall.CallbackAnswer

    func run(_ context: PipelineContext) throws(StepFailure) -> StepEffects {
        guard context.message.kind == "button" else {
            throw StepFailure("`answer_callback` answers a pressed button, and none was pressed: see the event's type")
        }
        var effects = StepEffects()
        effects.callbackAnswer = answer
        return effects
    }
}

/// Changes a message that the bot sent before.
struct EditStep: Step {
    /// Nil for the message whose button was pressed.
    let message: MessageID?
    let text: Template?
    let hasPreview: Bool
    let markup: ReplyStep.Markup?

    /// A message to check calls with.
    private static let anyMessage = SentMessage.inChat(.id(1), messageID: 1)

    func run(_ context: PipelineContext) throws(StepFailure) -> StepEffects {
        let target: MessageEdit.Target
        if let message {
            target = .message(message)
        } else if context.message.kind == "button", let number = context.message.telegramMessageID {
            target = .pressed(number)
        } else {
            throw StepFailure("no button was pressed here: name the message to `edit` with `message_id`")
        }
        let keyboard = try keyboard(context)
        var effects = StepEffects()
        if let text = try text.map({ text throws(StepFailure) in try ReplyStep.formatted(text, context) }) {
            try ReplyStep.validate(.editText(Self.anyMessage, text, keyboard))
            effects.edits = [MessageEdit(target, .text(text, linkPreview: hasPreview ? .first : .none, keyboard))]
        } else {
            try ReplyStep.validate(.editKeyboard(Self.anyMessage, keyboard))
            effects.edits = [MessageEdit(target, .keyboard(keyboard))]
        }
        return effects
    }

    private func keyboard(_ context: PipelineContext) throws(StepFailure) -> InlineKeyboard? {
        guard let markup, case .inline(let keyboard) = try ReplyStep.markup(markup, context) else { return nil }
        return keyboard
    }
}

/// Reads what stands under `edit`.
enum EditReader {
    static func edit(_ node: Node, _ findings: Findings) -> (any Step)? {
        let keys = ["message_id", "text", "html", "preview", "buttons"]
        guard let fields = Fields(node, "an edit", keys: keys, findings) else { return nil }
        var message: MessageID?
        if let value = fields["message_id"] {
            message = value.text("a message's id", atMost: 40, findings).flatMap { MessageID($0) }
            if message == nil { findings.add(value, "`message_id` is the id of a message of ours, such as msg_12") }
        }
        let text = ReplyReader.text(fields, findings)
        if fields["text"] == nil, fields["html"] == nil, fields["buttons"] == nil {
            findings.add(node, "an edit needs `text`, `html` or `buttons` (an empty list takes them away)")
        }
        let buttons = fields["buttons"].flatMap { $0.sequence?.isEmpty == true ? nil : $0 }
        return EditStep(
            message: message,
            text: text,
            hasPreview: fields["preview"]?.flag("preview", findings) ?? true,
            markup: buttons.flatMap { ReplyReader.inline($0, findings) }
        )
    }
}
