import Gateway

/// The message is of one of these kinds.
struct KindCondition: StepCondition {
    let kinds: [String]

    func objection(_ context: PipelineContext) -> String? {
        kinds.contains(context.message.kind)
            ? nil : "it is of kind \(context.message.kind), not \(kinds.joined(separator: " or "))"
    }
}

/// The message is one of these commands to this bot, with such a payload.
struct CommandCondition: StepCondition {
    /// In lower case; empty for any command.
    let names: [String]
    /// Empty for any payload.
    let payloads: [Glob]

    func objection(_ context: PipelineContext) -> String? {
        guard context.message.kind == "text", let command = context.message.reading.command else {
            return "it is no command"
        }
        if let bot = command.bot, bot != context.bot.username.lowercased() { return "the command is for another bot" }
        guard names.isEmpty || names.contains(command.name) else {
            return "it is not the command \(names.map { "/" + $0 }.joined(separator: " or "))"
        }
        guard payloads.isEmpty || payloads.contains(where: { $0.matches(command.payload) }) else {
            return "the command's payload fits no pattern"
        }
        return nil
    }
}

/// The text or caption is, holds or fits something.
struct TextCondition: StepCondition {
    enum Test: Hashable, Sendable {
        case equals([String])
        case contains([Needle<UInt8>])
        /// One of these words, or several in a row.
        case anyWord([String], phrases: [Needle<String>])
        case glob([Glob])
    }

    /// All must hold.
    let tests: [Test]

    func objection(_ context: PipelineContext) -> String? {
        guard context.message.text != nil else { return "it has no text" }
        let reading = context.message.reading
        for test in tests {
            switch test {
            case .equals(let texts):
                guard texts.contains(reading.folded) else { return "the text equals none of those under `equals`" }
            case .contains(let needles):
                guard needles.contains(where: { $0.isIn(reading.folded.utf8) }) else {
                    return "the text holds none of those under `contains`"
                }
            case .anyWord(let words, let phrases):
                guard words.contains(where: reading.isAmongWords) || phrases.contains(where: { $0.isIn(reading.words) })
                else {
                    return "the text has none of the words under `any_word`"
                }
            case .glob(let globs):
                guard globs.contains(where: { $0.matches(reading.characters) }) else {
                    return "the text fits no pattern under `glob`"
                }
            }
        }
        return nil
    }
}

/// The pressed button carries such data.
struct CallbackCondition: StepCondition {
    let patterns: [Glob]

    func objection(_ context: PipelineContext) -> String? {
        guard context.message.kind == "button", let data = context.message.callbackData else {
            return "no button with data was pressed"
        }
        return patterns.contains { $0.matches(data) } ? nil : "the button's data fits no pattern"
    }
}

/// Somebody pays an invoice with such a payload.
struct CheckoutCondition: StepCondition {
    let patterns: [Glob]

    func objection(_ context: PipelineContext) -> String? {
        guard context.message.kind == PipelineContext.checkout, let payload = context.message.callbackData else {
            return "nobody pays"
        }
        return patterns.contains { $0.matches(payload) } ? nil : "the invoice's payload fits no pattern"
    }
}

/// The chat is of one of these kinds.
struct ChatCondition: StepCondition {
    let kinds: [String]

    func objection(_ context: PipelineContext) -> String? {
        let kind = context.conversation.kind
        return kinds.contains(kind) ? nil : "the chat is a \(kind), not a \(kinds.joined(separator: " or "))"
    }
}

/// The customer's app speaks one of these languages, or a form of one.
struct LanguageCondition: StepCondition {
    /// In lower case.
    let tags: [String]

    func objection(_ context: PipelineContext) -> String? {
        guard let language = context.customer.language?.lowercased().replacing("_", with: "-"), !language.isEmpty else {
            return "the customer's language is not known"
        }
        return tags.contains { language == $0 || language.hasPrefix($0 + "-") }
            ? nil : "the customer's language is \(language), not \(tags.joined(separator: " or "))"
    }
}

/// It is now within one of these hours.
struct HoursCondition: StepCondition {
    let hours: [OpeningHours]

    func objection(_ context: PipelineContext) -> String? {
        hours.contains { $0.contain(context.now) } ? nil : "it is outside of these hours now"
    }
}

/// The customer writes for the first time, or not.
struct FirstContactCondition: StepCondition {
    let isFirst: Bool

    func objection(_ context: PipelineContext) -> String? {
        guard context.isFirstContact != isFirst else { return nil }
        return isFirst ? "the customer has written here before" : "the customer writes here for the first time"
    }
}

/// People have taken the conversation over, or not.
struct PeopleCondition: StepCondition {
    let isTheirs: Bool

    func objection(_ context: PipelineContext) -> String? {
        guard context.conversation.isHandledByPeople != isTheirs else { return nil }
        return isTheirs ? "people have not taken over" : "people have taken over"
    }
}

/// The conversation has one of these labels.
struct LabelCondition: StepCondition {
    let labels: [String]

    func objection(_ context: PipelineContext) -> String? {
        labels.contains { context.labels.contains($0) }
            ? nil : "the conversation is not labelled \(labels.joined(separator: " or "))"
    }
}

/// An attribute has one of these values.
struct AttributeCondition: StepCondition {
    let name: AttributeName
    let values: [Glob]

    func objection(_ context: PipelineContext) -> String? {
        guard let value = context.attributes[name] else { return "the attribute \(name) is not set" }
        return values.contains { $0.matches(value) } ? nil : "the attribute \(name) has another value"
    }
}

/// The message went to one of these bots.
struct BotCondition: StepCondition {
    /// Usernames in lower case without `@`, or ids.
    let names: [String]

    func objection(_ context: PipelineContext) -> String? {
        let bot = context.bot
        return names.contains { $0 == bot.id.description || (!bot.username.isEmpty && $0 == bot.username.lowercased()) }
            ? nil : "it went to another bot"
    }
}
