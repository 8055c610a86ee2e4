import Telegram

/// Everything that a pipeline may look at when it decides about one message.
///
/// Labels, attributes and whether it is the first contact are to be read in the transaction that stores the outcome.
public struct PipelineContext: Hashable, Sendable {
    /// What a customer wrote.
    public struct Incoming: Hashable, Sendable {
        /// The content's name, such as `text` or `photo`; `button` for a pressed button.
        public var kind: String
        /// The text or caption.
        public let text: String?
        /// The text as conditions look at it.
        public let reading: MessageText
        /// What a pressed button carries.
        public var callbackData: String?
        /// Telegram's id of the pressed button's query: what an answer names.
        public var callbackID: String?
        /// Telegram's number of the message in its chat; of a button, the message that it is on.
        public var telegramMessageID: Int64?
        /// Whether this is a new version of a message.
        public var isEdit: Bool
        /// When it was sent.
        public var sentAt: Timestamp

        /// Makes one.
        public init(
            kind: String,
            text: String?,
            callbackData: String? = nil,
            callbackID: String? = nil,
            telegramMessageID: Int64? = nil,
            isEdit: Bool = false,
            sentAt: Timestamp
        ) {
            self.kind = kind
            self.text = text
            reading = MessageText(text ?? "")
            self.callbackData = callbackData
            self.callbackID = callbackID
            self.telegramMessageID = telegramMessageID
            self.isEdit = isEdit
            self.sentAt = sentAt
        }
    }

    /// Who wrote it.
    public struct Customer: Hashable, Sendable {
        /// Telegram's id of the user.
        public var telegramID: Int64
        /// First and last name.
        public var name: String
        /// The username without `@`.
        public var username: String?
        /// The language of their app, an IETF tag.
        public var language: String?

        /// Makes one.
        public init(telegramID: Int64, name: String, username: String? = nil, language: String? = nil) {
            self.telegramID = telegramID
            self.name = name
            self.username = username
            self.language = language
        }
    }

    /// Where it was written.
    public struct Place: Hashable, Sendable {
        /// The conversation's id, where it is stored.
        public var id: ConversationID?
        /// `private`, `group`, `supergroup` or `channel`.
        public var kind: String
        /// The title of a group, or the name of the person.
        public var title: String
        /// Whether people have taken over.
        public var isHandledByPeople: Bool
        /// Who takes care of it.
        public var assignee: String?

        /// Makes one.
        public init(
            id: ConversationID? = nil,
            kind: String = "private",
            title: String = "",
            isHandledByPeople: Bool = false,
            assignee: String? = nil
        ) {
            self.id = id
            self.kind = kind
            self.title = title
            self.isHandledByPeople = isHandledByPeople
            self.assignee = assignee
        }
    }

    /// The bot that it was written to.
    public struct Recipient: Hashable, Sendable {
        /// The id.
        public var id: BotID
        /// The username without `@`; empty while it is not known.
        public var username: String
        /// The name that customers see.
        public var name: String

        /// Makes one.
        public init(id: BotID, username: String, name: String) {
            self.id = id
            self.username = username
            self.name = name
        }
    }

    /// What was written.
    public var message: Incoming
    /// Who wrote it.
    public var customer: Customer
    /// Where.
    public var conversation: Place
    /// The name of the business.
    public var businessName: String
    /// To which bot.
    public var bot: Recipient
    /// Whether the customer never wrote here before.
    public var isFirstContact: Bool
    /// The conversation's labels.
    public var labels: Set<String>
    /// Attributes of the conversation and of the customer.
    public var attributes: [AttributeName: String]
    /// The moment of the decision.
    public var now: Timestamp

    /// Makes a context.
    public init(
        message: Incoming,
        customer: Customer,
        conversation: Place,
        businessName: String,
        bot: Recipient,
        isFirstContact: Bool = false,
        labels: Set<String> = [],
        attributes: [AttributeName: String] = [:],
        now: Timestamp
    ) {
        self.message = message
        self.customer = customer
        self.conversation = conversation
        self.businessName = businessName
        self.bot = bot
        self.isFirstContact = isFirstContact
        self.labels = labels
        self.attributes = attributes
        self.now = now
    }

    /// The names that `Incoming.kind` may have.
    public static let kinds = ContentKind.all.map(\.name) + ["button", checkout]
    /// The kind of a payment that waits for the bot to agree; `callbackData` is the invoice's payload.
    public static let checkout = "checkout"
}

extension PipelineContext.Incoming {
    /// Why something stored starts no pipeline.
    public enum NotStarted: Error, Hashable, Sendable, CustomStringConvertible {
        case notACustomer(Message.Sender.Role)
        case service
        case unknownContent
        case noMessage(kind: String)

        /// In words for people.
        public var description: String {
            switch self {
            case .notACustomer(.unknown): "it is not known yet that a customer wrote this"
            case .notACustomer(let role):
                "only what a customer wrote starts a pipeline; this is of role \(role.rawValue)"
            case .service: "a service message starts no pipeline"
            case .unknownContent: "content that this version does not know starts no pipeline"
            case .noMessage(let kind): "an update of kind \(kind) starts no pipeline"
            }
        }
    }

    /// What an update brings to a pipeline.
    ///
    /// - Parameter owner: the Telegram id of the business account's owner, where the update came by a connection and the owner is known.
    /// - Throws: `NotStarted` for all that no customer wrote.
    public init(_ record: IntakeRecord, owner: Int64? = nil) throws(NotStarted) {
        let (message, isEdit): (IncomingMessage, Bool)
        switch record.entry {
        case .message(let new): (message, isEdit) = (new, false)
        case .edit(let changed): (message, isEdit) = (changed, true)
        case .customerEvent(let event):
            guard let checkout = event.checkout else { throw .noMessage(kind: record.kind) }
            self.init(
                kind: PipelineContext.checkout,
                text: nil,
                callbackData: checkout.payload,
                callbackID: checkout.id,
                sentAt: record.receivedAt
            )
            return
        default: throw .noMessage(kind: record.kind.isEmpty ? "unreadable" : record.kind)
        }
        let role = owner.map { message.role(whereOwnerIs: $0) } ?? message.sender.role
        try self.init(
            role: role,
            kind: message.kind,
            text: message.text,
            extra: message.extra,
            telegramMessageID: message.messageID ?? message.replyTo,
            isEdit: isEdit,
            // A new version was written when it was edited.
            sentAt: Timestamp(seconds: isEdit ? message.editedAt ?? message.date : message.date)
        )
    }

    /// What a stored message brings to a pipeline.
    ///
    /// - Throws: `NotStarted` for all that no customer wrote.
    public init(_ message: Message) throws(NotStarted) {
        try self.init(
            role: message.direction == .outgoing ? .bot : message.sender.role,
            kind: message.kind,
            text: message.text,
            extra: message.extra,
            telegramMessageID: message.telegramMessageID ?? message.replyTo,
            isEdit: message.editedAt != nil,
            sentAt: message.sentAt ?? message.receivedAt
        )
    }

    private init(
        role: Message.Sender.Role,
        kind: String,
        text: String?,
        extra: String?,
        telegramMessageID: Int64?,
        isEdit: Bool,
        sentAt: Timestamp
    ) throws(NotStarted) {
        guard role == .customer else { throw .notACustomer(role) }
        var query: JSONView?
        if kind == "service" {
            let details = extra.flatMap { try? JSONDocument(Array($0.utf8)).root }
            query = details?["callback_query"]
            guard details?["service"]?.string == "callback_query", query != nil else { throw .service }
        } else if ContentKind.byName[kind] == nil {
            throw .unknownContent
        }
        self.init(
            kind: query == nil ? kind : "button",
            text: query == nil ? text : nil,
            callbackData: query == nil ? nil : text,
            callbackID: query?["id"]?.string,
            telegramMessageID: telegramMessageID,
            isEdit: isEdit,
            sentAt: sentAt
        )
    }
}
