import Crypto
import Foundation
import Telegram

/// What a business's handler is told: the same bytes at every try.
///
/// It holds no token and no address of a file at Telegram; files are named by their ids.
public struct WebhookEvent: Hashable, Sendable {
    /// What happened.
    public enum Kind: String, CaseIterable, Sendable {
        case messageReceived = "message.received"
        case messageEdited = "message.edited"
        case callbackReceived = "callback.received"
        case test = "webhook.test"
    }

    /// `webhook-id`: what a handler knows an event by that comes twice.
    public var id: String
    /// What happened.
    public var kind: Kind
    /// The body.
    public var body: [UInt8]

    /// Takes an event as it was kept.
    public init(id: String, kind: Kind, body: [UInt8]) {
        self.id = id
        self.kind = kind
        self.body = body
    }

    /// The event that a message is for a step.
    ///
    /// - Parameters:
    ///   - context: what the step saw: labels, attributes and hand-off with the changes of the steps before it.
    ///   - update: the stored update that the step works on, which makes the id: a second run gives the same.
    public init(
        _ subject: PipelineSubject,
        _ context: PipelineContext,
        of business: Business,
        step: String,
        update: KeptUpdateID
    ) {
        kind =
            context.message.kind == "button"
            ? .callbackReceived : context.message.isEdit ? .messageEdited : .messageReceived
        let happenedAt = kind == .messageEdited ? subject.message.editedAt ?? context.now : subject.message.receivedAt
        id = Self.id(of: business.id, update, subject.message.receivedAt, step)
        var message = subject.message
        // Earlier versions and the raw update are not sent on: a handler that wants the history has it.
        message.versions = []
        message.raw = nil
        var data: JSON = [
            "step": .string(step), "business": Self.json(business), "bot": Self.json(context.bot),
            "conversation": Self.conversation(subject.conversation, context),
            "customer": Self.customer(context), "message": message.json,
        ]
        if kind == .callbackReceived {
            data["callback"] = [
                "data": .optional(context.message.callbackData),
                "telegram_message_id": .optional(context.message.telegramMessageID),
            ]
        }
        body = Self.body(kind, happenedAt, data)
    }

    /// An event that tells nothing but that the webhook is reached.
    public init(testing step: String, of business: Business, at now: Timestamp) {
        kind = .test
        id = "msg_" + RandomText.base64URL(bytes: idLength)
        body = Self.body(.test, now, ["step": .string(step), "business": Self.json(business)])
    }

    private static func body(_ kind: Kind, _ moment: Timestamp, _ data: JSON) -> [UInt8] {
        let shape: JSON = [
            "type": .string(kind.rawValue), "timestamp": .string(moment.rfc3339), "data": data,
        ]
        return shape.encoded()
    }

    /// Names an event by what it is about, so that no crash makes two ids of one event.
    ///
    /// The time keeps apart what a restored backup numbers anew.
    private static func id(
        of business: BusinessID,
        _ update: KeptUpdateID,
        _ receivedAt: Timestamp,
        _ step: String
    ) -> String {
        let text = "switchboard/1 event \(business) \(update) \(receivedAt.milliseconds) \(step)"
        let digest = SHA256.hash(data: Array(text.utf8)).prefix(idLength)
        return "msg_"
            + Data(digest).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
    }

    private static func json(_ business: Business) -> JSON {
        [
            "id": .string(business.id.description), "slug": .string(business.slug.text),
            "name": .string(business.name),
        ]
    }

    private static func json(_ bot: PipelineContext.Recipient) -> JSON {
        ["id": .string(bot.id.description), "username": .string(bot.username), "name": .string(bot.name)]
    }

    private static func conversation(_ conversation: Conversation, _ context: PipelineContext) -> JSON {
        var shape = conversation.json
        shape["last_message"] = nil
        shape["labels"] = .array(context.labels.sorted().map { .string($0) })
        shape["handled_by"] = context.conversation.isHandledByPeople ? "people" : "pipeline"
        shape["assignee"] = .optional(context.conversation.assignee)
        shape["first_contact"] = .bool(context.isFirstContact)
        shape["attributes"] = attributes(context, ofCustomer: false)
        return shape
    }

    private static func customer(_ context: PipelineContext) -> JSON {
        [
            "telegram_id": .int(context.customer.telegramID), "name": .string(context.customer.name),
            "username": .optional(context.customer.username), "language": .optional(context.customer.language),
            "attributes": attributes(context, ofCustomer: true),
        ]
    }

    private static func attributes(_ context: PipelineContext, ofCustomer: Bool) -> JSON {
        .object(
            context.attributes.filter { $0.key.isOfCustomer == ofCustomer }.sorted { $0.key < $1.key }
                .map { .init($0.key.name, .string($0.value)) }
        )
    }
}

/// Bytes of an id: a multiple of three, so that base64 needs no padding.
private let idLength = 18
