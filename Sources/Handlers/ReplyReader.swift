import Gateway
import Telegram
import Yams

/// Reads what stands under `reply`.
enum ReplyReader {
    private static let keys = [
        "text", "html", "photo", "document", "buttons", "keyboard", "silent", "protected", "quote", "preview", "answer",
        "alert",
    ]

    /// The reply of a node; a text alone is a reply of that text.
    static func reply(_ node: Node, _ findings: Findings) -> ReplyStep? {
        var step = ReplyStep()
        if node.scalar != nil {
            step.text = template(node, "a text", isHTML: false, findings)
            return step
        }
        guard let fields = Fields(node, "a reply", keys: keys, findings) else { return nil }
        step.text = text(fields, findings)
        step.media = media(fields, findings)
        step.markup = markup(fields, findings)
        step.answer = fields["answer"].flatMap {
            template($0, "an answer to a button", isHTML: false, findings, atMost: MessageLimits.callbackAnswer)
        }
        step.isSilent = fields["silent"]?.flag("silent", findings) ?? false
        step.isProtected = fields["protected"]?.flag("protected", findings) ?? false
        step.quotes = fields["quote"]?.flag("quote", findings) ?? false
        step.hasPreview = fields["preview"]?.flag("preview", findings) ?? true
        step.isAlert = fields["alert"]?.flag("alert", findings) ?? false
        let hasContent = fields.names.contains { ["text", "html", "photo", "document"].contains($0) }
        if !hasContent, fields["answer"] == nil {
            findings.add(node, "a reply needs `text` or `html`, a `photo` or `document`, or an `answer` to a button")
        } else if !hasContent, let buttons = fields["buttons"] ?? fields["keyboard"] {
            findings.add(buttons, "buttons need a message to stand below: give `text`, `html`, `photo` or `document`")
        }
        if let alert = fields["alert"], fields["answer"] == nil {
            findings.add(alert, "`alert` shows the `answer` in a window: give `answer`")
        }
        return step
    }

    /// A template, or the problem with it.
    static func template(
        _ node: Node,
        _ what: String,
        isHTML: Bool,
        _ findings: Findings,
        atMost limit: Int = Template.longestSource
    ) -> Template? {
        guard let source = node.text(what, atMost: limit, findings) else { return nil }
        do throws(TemplateReader.Problem) {
            let template =
                findings.takesTemplates
                ? try TemplateReader.template(source, isHTML: isHTML)
                : Template(parts: [.text(source)], isHTML: isHTML)
            if isHTML { checkMarkup(template, node, findings) }
            return template
        } catch {
            findings.add(node, at: error.tag, error.text)
            return nil
        }
    }

    /// Whether the markup is whole, with all sections and with none.
    private static func checkMarkup(_ template: Template, _ node: Node, _ findings: Findings) {
        for sections in [true, false] {
            do throws(HTMLError) { _ = try FormattedText(html: template.sample("x", sections: sections)) } catch {
                findings.add(node, "\(error.description)\(sections ? "" : " (where no section is shown)")")
                return
            }
        }
    }

    /// The `text` or `html` of a mapping.
    static func text(_ fields: Fields, _ findings: Findings) -> Template? {
        if let html = fields["html"] {
            if fields["text"] != nil { findings.add(html, "give `text` or `html`, not both") }
            return template(html, "a text in HTML", isHTML: true, findings)
        }
        return fields["text"].flatMap { template($0, "a text", isHTML: false, findings) }
    }

    private static func media(_ fields: Fields, _ findings: Findings) -> ReplyStep.Media? {
        if fields["photo"] != nil, let document = fields["document"] {
            findings.add(document, "give `photo` or `document`, not both: a second reply can carry the other")
        }
        if let photo = fields["photo"] { return media(photo, .photo, findings) }
        return fields["document"].flatMap { media($0, .document, findings) }
    }

    private static func media(_ node: Node, _ kind: OutgoingMedia.Kind, _ findings: Findings) -> ReplyStep.Media? {
        let keys = ["url", "file_id", "file"]
        let what = "a \(kind.rawValue)"
        guard let fields = Fields(node, what, keys: keys, findings) else { return nil }
        guard fields.names.count == 1 else {
            findings.add(node, "\(what) is one of `url`, `file_id` and `file`, here are \(fields.names.count)")
            return nil
        }
        if let node = fields["file"] {
            guard let name = node.text("a file's name", atMost: 200, findings) else { return nil }
            if let objection = FilesFolder.objection(to: name) {
                findings.add(node, "\(shown(name)): \(objection)")
                return nil
            }
            return .init(kind: kind, file: .own(name: name))
        }
        let isURL = fields["url"] != nil
        guard let node = fields["url"] ?? fields["file_id"],
            let text = node.text(isURL ? "an address" : "a file_id", atMost: 2048, findings)
        else { return nil }
        let file: OutgoingFile = isURL ? .url(text) : .id(text)
        do throws(InvalidCall) {
            try BotCall.sendMedia(ReplyStep.anyone, OutgoingMedia(kind, file)).validate()
        } catch {
            findings.add(node, "\(error.problem): \(error.mend)")
            return nil
        }
        return .init(kind: kind, file: .telegram(file))
    }

    private static func markup(_ fields: Fields, _ findings: Findings) -> ReplyStep.Markup? {
        if let buttons = fields["buttons"] {
            if let keyboard = fields["keyboard"] {
                findings.add(keyboard, "a message has `buttons` or a `keyboard`, not both")
            }
            return inline(buttons, findings)
        }
        guard let node = fields["keyboard"] else { return nil }
        if node.scalar?.string == "remove" { return .removeKeyboard }
        let keys = ["rows", "one_time", "persistent", "placeholder"]
        guard let keyboard = Fields(node, "a keyboard, or `remove`", keys: keys, findings) else { return nil }
        guard let rows = keyboard["rows"] else {
            findings.add(node, "a keyboard needs `rows`")
            return nil
        }
        return .keyboard(
            self.rows(rows, findings) { keyboardButton($0, findings) },
            oneTime: keyboard["one_time"]?.flag("one_time", findings) ?? false,
            persistent: keyboard["persistent"]?.flag("persistent", findings) ?? false,
            placeholder: keyboard["placeholder"]?.text("a placeholder", atMost: 64, findings)
        )
    }

    /// Buttons below a message.
    static func inline(_ node: Node, _ findings: Findings) -> ReplyStep.Markup? {
        .inline(rows(node, findings) { inlineButton($0, findings) })
    }

    /// Rows of buttons; a list without lists in it is one button a row.
    private static func rows<Button>(
        _ node: Node,
        _ findings: Findings,
        _ button: (Node) -> Button?
    ) -> [[Button]] {
        guard let sequence = node.sequence, !sequence.isEmpty else {
            findings.add(node, "expected buttons: a list of buttons, or of rows of buttons")
            return []
        }
        var count = 0
        let rows = sequence.map { row -> [Button] in
            let buttons = row.sequence.map { Array($0) } ?? [row]
            count += buttons.count
            if !(1...MessageLimits.inlineButtonsInRow).contains(buttons.count) {
                findings.add(
                    row,
                    "a row has 1 to \(MessageLimits.inlineButtonsInRow) buttons, here are \(buttons.count)"
                )
            }
            return count > MessageLimits.inlineButtons ? [] : buttons.compactMap(button)
        }
        if count > MessageLimits.inlineButtons {
            findings.add(node, "a message has at most \(MessageLimits.inlineButtons) buttons, here are \(count)")
        }
        return rows
    }

    private static func inlineButton(_ node: Node, _ findings: Findings) -> ReplyStep.InlineButton? {
        let actions = ["callback", "url", "copy", "web_app"]
        guard let fields = Fields(node, "a button", keys: ["text"] + actions, findings) else { return nil }
        let chosen = actions.filter { fields[$0] != nil }
        guard let label = fields["text"], let name = chosen.first, chosen.count == 1, let value = fields[name] else {
            findings.add(node, "a button has `text` and one of \(actions.joined(separator: ", "))")
            return nil
        }
        guard let text = template(label, "a button's text", isHTML: false, findings, atMost: 200),
            let target = template(value, "`\(name)` of a button", isHTML: false, findings, atMost: 2048)
        else { return nil }
        let action: ReplyStep.InlineButton.Action =
            switch name {
            case "callback": .callback(target)
            case "url": .url(target)
            case "copy": .copy(target)
            default: .webApp(target)
            }
        if target.isFixed { check(name, target.sample("", sections: false), value, findings) }
        return .init(label: text, action: action)
    }

    /// What Telegram would say of a button whose target is known already.
    private static func check(_ name: String, _ target: String, _ node: Node, _ findings: Findings) {
        let action: InlineKeyboard.Button.Action =
            switch name {
            case "callback": .callback(target)
            case "url": .url(target)
            case "copy": .copy(target)
            default: .webApp(url: target)
            }
        let markup = ReplyMarkup.inline(InlineKeyboard([[.init("x", action)]]))
        do throws(InvalidCall) {
            try BotCall.sendText(ReplyStep.anyone, FormattedText("x"), SendOptions(markup: markup)).validate()
        } catch {
            findings.add(node, "`\(name)` of a button: \(error.problem); \(error.mend)")
        }
    }

    private static func keyboardButton(_ node: Node, _ findings: Findings) -> ReplyStep.KeyboardButton? {
        if node.scalar != nil {
            return template(node, "a button's text", isHTML: false, findings, atMost: 200).map {
                .init(label: $0, sends: .label)
            }
        }
        guard let fields = Fields(node, "a button, or its text", keys: ["text", "asks_for"], findings) else {
            return nil
        }
        guard let label = fields["text"] else {
            findings.add(node, "a button needs `text`")
            return nil
        }
        let asked = fields["asks_for"]?.choices("thing to ask for", ["contact", "location"], findings).first
        return template(label, "a button's text", isHTML: false, findings, atMost: 200).map {
            .init(label: $0, sends: asked == "contact" ? .contact : asked == "location" ? .location : .label)
        }
    }
}
