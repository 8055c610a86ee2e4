import Gateway
import Telegram

/// A text with places for values, in Mustache, compiled once.
///
/// Of Mustache it has variables, sections, inverted sections and comments. Raw forms (`{{{x}}}`, `{{&x}}`), partials, blocks, other delimiters
/// and lambdas are refused. Rendering takes time and room in proportion to the output, which is bounded.
///
/// **Source:** mustache(5); the specification's tests for variables, sections, inverted sections, comments and standalone lines.
struct Template: Hashable, Sendable {
    /// A piece of it.
    indirect enum Part: Hashable, Sendable {
        case text(String)
        case value(TemplateName)
        case section(TemplateName, isInverted: Bool, [Part])
    }

    /// Characters of the longest source, and of the longest result.
    static let longestSource = 16_384
    static let longestResult = 16_384

    /// Its pieces.
    let parts: [Part]
    /// Whether values are written as HTML shows them.
    let isHTML: Bool

    /// Whether it is the same for every message.
    var isFixed: Bool { parts.allSatisfy { if case .text = $0 { true } else { false } } }

    /// The text with the values in their places.
    ///
    /// - Throws: `StepFailure` for a result that is too long.
    func rendered(_ context: PipelineContext) throws(StepFailure) -> String {
        var out = Output()
        try render(parts, context, item: nil, &out)
        return out.text
    }

    private struct Output {
        var text = ""
        var count = 0

        mutating func add(_ piece: String) throws(StepFailure) {
            count += piece.unicodeScalars.count
            guard count <= Template.longestResult else {
                throw StepFailure("with its values the text has more than \(Template.longestResult) characters")
            }
            text.unicodeScalars.append(contentsOf: piece.unicodeScalars)
        }
    }

    private func render(
        _ parts: [Part],
        _ context: PipelineContext,
        item: String?,
        _ out: inout Output
    ) throws(StepFailure) {
        for part in parts {
            switch part {
            case .text(let text): try out.add(text)
            case .value(let name):
                let value = name.value(context, item: item).text
                try out.add(isHTML ? FormattedText.escapedForHTML(value) : value)
            case .section(let name, let isInverted, let inner):
                switch name.value(context, item: item) {
                case .list(let items) where !isInverted:
                    for item in items { try render(inner, context, item: item, &out) }
                case let value:
                    if value.isThere != isInverted { try render(inner, context, item: item, &out) }
                }
            }
        }
    }

    /// The text with `value` in every place and every section there, or none: to see whether the markup around the values is whole.
    func sample(_ value: String, sections: Bool) -> String {
        Self.sample(parts, value, sections)
    }

    private static func sample(_ parts: [Part], _ value: String, _ sections: Bool) -> String {
        parts.map { part in
            switch part {
            case .text(let text): text
            case .value: value
            case .section(_, let isInverted, let inner): sections != isInverted ? sample(inner, value, sections) : ""
            }
        }.joined()
    }
}

/// What a template may name.
enum TemplateName: Hashable, Sendable {
    /// A value of one of the fixed names.
    case fixed(String)
    case attribute(AttributeName)
    /// `.`, the element of the list around it.
    case item

    /// What stands under a name.
    enum Value {
        case text(String)
        case flag(Bool)
        case list([String])

        var text: String {
            switch self {
            case .text(let text): text
            case .flag(let flag): flag ? "true" : "false"
            case .list(let items): items.joined(separator: ", ")
            }
        }

        /// Whether a section about it is shown.
        var isThere: Bool {
            switch self {
            case .text(let text): !text.isEmpty
            case .flag(let flag): flag
            case .list(let items): !items.isEmpty
            }
        }
    }

    /// The fixed names with what they stand for.
    static let table: [(name: String, value: @Sendable (PipelineContext) -> Value)] = [
        ("customer.name", { .text($0.customer.name) }),
        ("customer.first_name", { .text($0.customer.name.prefix { !$0.isWhitespace }.description) }),
        ("customer.username", { .text($0.customer.username ?? "") }),
        ("customer.language", { .text($0.customer.language ?? "") }),
        ("customer.id", { .text(String($0.customer.telegramID)) }),
        ("message.text", { .text($0.message.text ?? "") }),
        ("message.kind", { .text($0.message.kind) }),
        ("message.data", { .text($0.message.callbackData ?? "") }),
        ("message.command", { .text($0.message.reading.command?.name ?? "") }),
        ("message.payload", { .text($0.message.reading.command?.payload ?? "") }),
        ("message.is_edit", { .flag($0.message.isEdit) }),
        ("conversation.id", { .text($0.conversation.id?.description ?? "") }),
        ("conversation.title", { .text($0.conversation.title) }),
        ("conversation.kind", { .text($0.conversation.kind) }),
        ("conversation.assignee", { .text($0.conversation.assignee ?? "") }),
        ("conversation.first_contact", { .flag($0.isFirstContact) }),
        ("business.name", { .text($0.businessName) }),
        ("bot.name", { .text($0.bot.name) }),
        ("bot.username", { .text($0.bot.username) }),
        ("labels", { .list($0.labels.sorted()) }),
    ]

    private static let byName = Dictionary(table.map { ($0.name, $0.value) }) { first, _ in first }

    /// Reads a name; nil if it is not known.
    init?(_ text: String) {
        if text == "." {
            self = .item
        } else if Self.byName[text] != nil {
            self = .fixed(text)
        } else if text.hasPrefix("attributes."), let name = AttributeName(String(text.dropFirst(11))),
            !name.isOfCustomer
        {
            self = .attribute(name)
        } else if text.hasPrefix("customer.attributes."),
            let name = AttributeName("customer." + text.dropFirst("customer.attributes.".count))
        {
            self = .attribute(name)
        } else {
            return nil
        }
    }

    /// All names, for a problem that lists them.
    static let known = table.map(\.name) + ["attributes.NAME", "customer.attributes.NAME"]

    /// Whether a section about it is shown once for each element.
    var isList: Bool { self == .fixed("labels") }

    /// What stands under the name.
    func value(_ context: PipelineContext, item: String?) -> Value {
        switch self {
        case .fixed(let name): Self.byName[name]?(context) ?? .text("")
        case .attribute(let name): .text(context.attributes[name] ?? "")
        case .item: .text(item ?? "")
        }
    }
}
