/// What stands below a message or in place of the keyboard.
///
/// **Source:** Bot API, types `InlineKeyboardMarkup`, `ReplyKeyboardMarkup`, `ReplyKeyboardRemove`, `ForceReply`.
public enum ReplyMarkup: Hashable, Sendable {
    case inline(InlineKeyboard)
    case keyboard(ReplyKeyboard)
    case removeKeyboard
    /// Opens the answer to the message, with a placeholder in the input field.
    case forceReply(placeholder: String?)

    var json: JSON {
        switch self {
        case .inline(let keyboard): return keyboard.json
        case .keyboard(let keyboard): return keyboard.json
        case .removeKeyboard: return .object([.init("remove_keyboard", true)])
        case .forceReply(let placeholder):
            var members = [JSON.Member("force_reply", true)]
            if let placeholder { members.append(.init("input_field_placeholder", .string(placeholder))) }
            return .object(members)
        }
    }

    func validate() throws(InvalidCall) {
        switch self {
        case .inline(let keyboard): try keyboard.validate(mayBeEmpty: false)
        case .keyboard(let keyboard): try keyboard.validate()
        case .removeKeyboard: break
        case .forceReply(let placeholder): try Self.validate(placeholder: placeholder)
        }
    }

    static func validate(placeholder: String?) throws(InvalidCall) {
        guard let placeholder, !MessageLimits.placeholder.contains(placeholder.unicodeScalars.count) else { return }
        throw InvalidCall(
            "reply_markup.input_field_placeholder",
            "not 1 to 64 characters",
            "shorten it or leave it out"
        )
    }
}

/// Buttons below a message.
public struct InlineKeyboard: Hashable, Sendable {
    /// A button.
    public struct Button: Hashable, Sendable {
        /// What pressing it does.
        public enum Action: Hashable, Sendable {
            /// Sends a callback query with this data.
            case callback(String)
            case url(String)
            /// Copies the text.
            case copy(String)
            /// Opens a web app, in private chats.
            case webApp(url: String)
            /// Lets the customer choose a chat, with the bot's name and this query in its input field.
            case switchInline(query: String)
            /// The same in this chat.
            case switchInlineHere(query: String)
        }

        /// Its label.
        public var text: String
        /// What pressing it does.
        public var action: Action

        /// Makes a button.
        public init(_ text: String, _ action: Action) {
            self.text = text
            self.action = action
        }

        fileprivate var json: JSON {
            let member =
                switch action {
                case .callback(let data): JSON.Member("callback_data", .string(data))
                case .url(let url): JSON.Member("url", .string(url))
                case .copy(let text): JSON.Member("copy_text", .object([.init("text", .string(text))]))
                case .webApp(let url): JSON.Member("web_app", .object([.init("url", .string(url))]))
                case .switchInline(let query): JSON.Member("switch_inline_query", .string(query))
                case .switchInlineHere(let query): JSON.Member("switch_inline_query_current_chat", .string(query))
                }
            return .object([.init("text", .string(text)), member])
        }

        fileprivate func validate(_ place: String) throws(InvalidCall) {
            try ReplyKeyboard.validate(label: text, place)
            switch action {
            case .callback(let data):
                guard !MessageLimits.callbackData.contains(data.utf8.count) else { return }
                throw InvalidCall("\(place).callback_data", "\(data.utf8.count) bytes, 1 to 64 are taken", "shorten it")
            case .url(let url):
                guard !WebAddress(url, schemes: ["http", "https", "tg"]).isUsable else { return }
                throw InvalidCall("\(place).url", "no address", "begin it with https://, http:// or tg://")
            case .copy(let text):
                guard !MessageLimits.copiedText.contains(text.unicodeScalars.count) else { return }
                throw InvalidCall("\(place).copy_text.text", "not 1 to 256 characters", "shorten it")
            case .webApp(let url):
                guard !WebAddress(url, schemes: ["https"]).isUsable else { return }
                throw InvalidCall("\(place).web_app.url", "no https address", "begin it with https://")
            case .switchInline, .switchInlineHere: break
            }
        }
    }

    /// The rows from the top.
    public var rows: [[Button]]

    /// Makes a keyboard; without rows it takes the keyboard of an edited message away.
    public init(_ rows: [[Button]]) { self.rows = rows }

    var json: JSON { .object([.init("inline_keyboard", .array(rows.map { .array($0.map(\.json)) }))]) }

    func validate(mayBeEmpty: Bool) throws(InvalidCall) {
        let field = "reply_markup.inline_keyboard"
        guard mayBeEmpty || !rows.isEmpty else {
            throw InvalidCall(field, "no buttons", "leave reply_markup out, or give a button")
        }
        let count = rows.reduce(0) { $0 + $1.count }
        guard count <= MessageLimits.inlineButtons else {
            throw InvalidCall(field, "\(count) buttons, at most 100 are taken", "leave some out")
        }
        for (row, buttons) in rows.enumerated() {
            guard !buttons.isEmpty else { throw InvalidCall("\(field)[\(row)]", "an empty row", "leave the row out") }
            guard buttons.count <= MessageLimits.inlineButtonsInRow else {
                throw InvalidCall(
                    "\(field)[\(row)]",
                    "\(buttons.count) buttons, at most 8 in a row",
                    "begin another row"
                )
            }
            for (column, button) in buttons.enumerated() { try button.validate("\(field)[\(row)][\(column)]") }
        }
    }
}

/// Buttons in place of the customer's keyboard.
public struct ReplyKeyboard: Hashable, Sendable {
    /// A button.
    public struct Button: Hashable, Sendable {
        /// What pressing it sends, in private chats where it is not the label.
        public enum Sends: Hashable, Sendable {
            case label
            case contact
            case location
        }

        /// Its label.
        public var text: String
        /// What pressing it sends.
        public var sends: Sends

        /// Makes a button.
        public init(_ text: String, sends: Sends = .label) {
            self.text = text
            self.sends = sends
        }

        fileprivate var json: JSON {
            var members = [JSON.Member("text", .string(text))]
            switch sends {
            case .label: break
            case .contact: members.append(.init("request_contact", true))
            case .location: members.append(.init("request_location", true))
            }
            return .object(members)
        }
    }

    /// The rows from the top.
    public var rows: [[Button]]
    /// As high as its buttons need only.
    public var fitted: Bool
    /// Hidden once used.
    public var oneTime: Bool
    /// Shown when the ordinary keyboard is hidden.
    public var persistent: Bool
    /// In the empty input field.
    public var placeholder: String?

    /// Makes a keyboard.
    public init(
        _ rows: [[Button]],
        fitted: Bool = true,
        oneTime: Bool = false,
        persistent: Bool = false,
        placeholder: String? = nil
    ) {
        self.rows = rows
        self.fitted = fitted
        self.oneTime = oneTime
        self.persistent = persistent
        self.placeholder = placeholder
    }

    var json: JSON {
        var members = [JSON.Member("keyboard", .array(rows.map { .array($0.map(\.json)) }))]
        if fitted { members.append(.init("resize_keyboard", true)) }
        if oneTime { members.append(.init("one_time_keyboard", true)) }
        if persistent { members.append(.init("is_persistent", true)) }
        if let placeholder { members.append(.init("input_field_placeholder", .string(placeholder))) }
        return .object(members)
    }

    func validate() throws(InvalidCall) {
        let field = "reply_markup.keyboard"
        guard !rows.isEmpty else { throw InvalidCall(field, "no buttons", "give a button, or remove the keyboard") }
        for (row, buttons) in rows.enumerated() {
            guard !buttons.isEmpty else { throw InvalidCall("\(field)[\(row)]", "an empty row", "leave the row out") }
            for (column, button) in buttons.enumerated() {
                try Self.validate(label: button.text, "\(field)[\(row)][\(column)]")
            }
        }
        try ReplyMarkup.validate(placeholder: placeholder)
    }

    static func validate(label: String, _ place: String) throws(InvalidCall) {
        guard label.unicodeScalars.allSatisfy(FormattedText.isTrimmed) else { return }
        throw InvalidCall("\(place).text", "the label is empty", "write at least one visible character")
    }
}

/// A check of addresses, no reader of them: whether it is worth handing to Telegram.
struct WebAddress {
    let isUsable: Bool

    init(_ text: String, schemes: [String]) {
        let scheme = schemes.first { text.lowercased().hasPrefix($0 + "://") }
        let rest = text.dropFirst((scheme?.count ?? 0) + 3)
        let host = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        isUsable =
            scheme != nil && !host.isEmpty && text.utf8.count <= 2048
            && text.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value != 0x7F }
    }
}
