import Telegram

/// An update as it is to be stored, with what it means.
public struct IntakeRecord: Sendable {
    /// What an update brings.
    public enum Entry: Sendable {
        /// A new message of a conversation.
        case message(IncomingMessage)
        /// Nothing that the history shows: the body is kept and marked.
        case rawOnly(UpdateMark, detail: String?)
    }

    /// Whose it is.
    public var businessID: BusinessID
    /// The bot that received it.
    public var botID: BotID
    /// When it came.
    public var receivedAt: Timestamp
    /// The body as it came.
    public var body: [UInt8]
    /// Telegram's number; nil if the body cannot be read.
    public var updateID: Int64?
    /// The kind as written; empty if the body cannot be read.
    public var kind: String
    /// Chat and message that it names: with the kind they tell a repeated update from another one with the same number.
    public var chatID: Int64?
    /// See `chatID`.
    public var messageID: Int64?
    /// What it brings.
    public var entry: Entry
}

/// A message as it arrives, with what is known of its chat and its sender.
public struct IncomingMessage: Sendable {
    /// See `Conversation.space`.
    public var space: String
    /// Telegram's id of the chat.
    public var chatID: Int64
    /// Telegram's id of the topic; 0 for none.
    public var threadID: Int64
    /// `private`, `group`, `supergroup` or `channel`.
    public var chatKind: String
    /// The title of a group, or the name of the person.
    public var chatTitle: String
    /// Telegram's number of the message in its chat.
    public var messageID: Int64
    /// When it was sent, Unix seconds.
    public var date: Int64
    /// Who wrote it.
    public var sender: Message.Sender
    /// The sender as a person whom the business knows; nil for bots, channels and anonymous administrators.
    public var customer: CustomerProfile?
    /// What it is.
    public var kind: String
    /// The text.
    public var text: String
    /// What else is kept of it, as a JSON object; nil for nothing.
    public var extra: String?
    /// The number of the message that it answers.
    public var replyTo: Int64?
}

/// A person as Telegram describes them with each message.
public struct CustomerProfile: Hashable, Sendable {
    /// Telegram's id of the user.
    public var telegramID: Int64
    /// First and last name.
    public var name: String
    /// The username without `@`.
    public var username: String?
    /// The language of their app, an IETF tag.
    public var language: String?
}

/// The door for updates: reads a body, says what it means, and hands it to the store.
public struct Intake: Sendable {
    private let inbox: any Inbox
    private let now: @Sendable () -> Timestamp

    /// Makes a door.
    public init(inbox: any Inbox, now: @escaping @Sendable () -> Timestamp = Timestamp.now) {
        self.inbox = inbox
        self.now = now
    }

    /// Takes the body of a webhook request whose secret was checked; `then` as in `Inbox.accept`.
    public func accept(_ body: [UInt8], for bot: RegisteredBot, then: @escaping @Sendable (IntakeOutcome) -> Void) {
        inbox.accept(Self.record(of: body, for: bot, at: now()), then: then)
    }

    /// What a body is to be stored as; reads no clock and no database.
    public static func record(of body: [UInt8], for bot: RegisteredBot, at now: Timestamp) -> IntakeRecord {
        do throws(UpdateEnvelope.Unreadable) {
            let update = try UpdateEnvelope(body)
            return IntakeRecord(
                businessID: bot.businessID,
                botID: bot.id,
                receivedAt: now,
                body: body,
                updateID: update.updateID,
                kind: update.kindName,
                chatID: update.chat?["id"]?.int64,
                messageID: update.messageID,
                entry: Projection.entry(of: update)
            )
        } catch {
            return IntakeRecord(
                businessID: bot.businessID,
                botID: bot.id,
                receivedAt: now,
                body: body,
                updateID: nil,
                kind: "",
                chatID: nil,
                messageID: nil,
                entry: .rawOnly(.unreadable, detail: error.description)
            )
        }
    }
}
