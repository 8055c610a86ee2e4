import Gateway
import Telegram

/// Answers the customer.
struct ReplyStep: Step {
    /// What is below the text.
    enum Markup: Hashable, Sendable {
        case inline([[InlineButton]])
        case keyboard([[KeyboardButton]], oneTime: Bool, persistent: Bool, placeholder: String?)
        case removeKeyboard
    }

    /// A button below the text.
    struct InlineButton: Hashable, Sendable {
        enum Action: Hashable, Sendable {
            case callback(Template)
            case url(Template)
            case copy(Template)
            case webApp(Template)
        }

        let label: Template
        let action: Action
    }

    /// A button in place of the keyboard.
    struct KeyboardButton: Hashable, Sendable {
        let label: Template
        let sends: ReplyKeyboard.Button.Sends
    }

    /// What goes beside the text.
    struct Media: Hashable, Sendable {
        let kind: OutgoingMedia.Kind
        let file: PipelineReply.File
    }

    var text: Template?
    var media: Media?
    var markup: Markup?
    var isSilent = false
    var isProtected = false
    /// Shows the message that is answered.
    var quotes = false
    /// Shows a preview of the first link.
    var hasPreview = true
    /// Shown to who pressed a button.
    var answer: Template?
    /// The answer stands in a window that must be closed.
    var isAlert = false

    func run(_ context: PipelineContext) throws(StepFailure) -> StepEffects {
        var effects = StepEffects()
        var contents = try contents(context)
        guard !contents.isEmpty || (answer != nil && text == nil) else {
            throw StepFailure("with its values the text is empty")
        }
        let last = contents.popLast()
        for (index, content) in contents.enumerated() {
            effects.replies.append(PipelineReply(content, options(context, isFirst: index == 0)))
        }
        if let last {
            var options = options(context, isFirst: contents.isEmpty)
            options.markup = try markup.map { markup throws(StepFailure) in try Self.markup(markup, context) }
            effects.replies.append(PipelineReply(last, options))
        }
        for reply in effects.replies { try Self.validate(reply.call(to: Self.anyone) { _ in .id("own") }) }
        if let answer, context.message.kind == "button" {
            let text = try answer.rendered(context)
            let shown = String(text.unicodeScalars.prefix(MessageLimits.callbackAnswer))
            effects.callbackAnswer = BotCall.CallbackAnswer(text: shown, alert: isAlert)
        }
        return effects
    }

    /// A place to check calls with.
    static let anyone = MessageTarget(.id(1))

    static func validate(_ call: BotCall) throws(StepFailure) {
        do throws(InvalidCall) { try call.validate() } catch {
            throw StepFailure("Telegram would refuse it: \(error.description)")
        }
    }

    private func options(_ context: PipelineContext, isFirst: Bool) -> SendOptions {
        let number = context.message.telegramMessageID
        return SendOptions(
            replyTo: quotes && isFirst ? number.flatMap { $0 > 0 ? $0 : nil } : nil,
            silent: isSilent,
            protected: isProtected
        )
    }

    private func contents(_ context: PipelineContext) throws(StepFailure) -> [PipelineReply.Content] {
        let formatted = try text.map { template throws(StepFailure) in try Self.formatted(template, context) }
        let preview: BotCall.LinkPreview = hasPreview ? .first : .none
        guard let media else {
            return (formatted?.split() ?? []).map { .text($0, linkPreview: preview) }
        }
        guard let formatted, formatted.trimmed().length > 0 else {
            return [.media(media.kind, media.file, caption: nil)]
        }
        if formatted.trimmed().length <= MessageLimits.caption {
            return [.media(media.kind, media.file, caption: formatted)]
        }
        // Too long to stand below the file: it follows it.
        return [.media(media.kind, media.file, caption: nil)]
            + formatted.split().map { .text($0, linkPreview: preview) }
    }

    static func formatted(
        _ template: Template,
        _ context: PipelineContext
    ) throws(StepFailure) -> FormattedText {
        let text = try template.rendered(context)
        guard template.isHTML else { return FormattedText(text) }
        do throws(HTMLError) { return try FormattedText(html: text) } catch {
            throw StepFailure(error.description)
        }
    }

    static func markup(_ markup: Markup, _ context: PipelineContext) throws(StepFailure) -> ReplyMarkup {
        switch markup {
        case .removeKeyboard: return .removeKeyboard
        case .inline(let rows):
            var shown: [[InlineKeyboard.Button]] = []
            for row in rows {
                var buttons: [InlineKeyboard.Button] = []
                for button in row { buttons.append(try button.rendered(context)) }
                shown.append(buttons)
            }
            return .inline(InlineKeyboard(shown))
        case .keyboard(let rows, let oneTime, let persistent, let placeholder):
            var shown: [[ReplyKeyboard.Button]] = []
            for row in rows {
                var buttons: [ReplyKeyboard.Button] = []
                for button in row {
                    buttons.append(.init(try button.label.rendered(context), sends: button.sends))
                }
                shown.append(buttons)
            }
            return .keyboard(
                ReplyKeyboard(shown, oneTime: oneTime, persistent: persistent, placeholder: placeholder)
            )
        }
    }
}

extension ReplyStep.InlineButton {
    func rendered(_ context: PipelineContext) throws(StepFailure) -> InlineKeyboard.Button {
        let action: InlineKeyboard.Button.Action =
            switch self.action {
            case .callback(let template): .callback(try template.rendered(context))
            case .url(let template): .url(try template.rendered(context))
            case .copy(let template): .copy(try template.rendered(context))
            case .webApp(let template): .webApp(url: try template.rendered(context))
            }
        return .init(try label.rendered(context), action)
    }
}
