import Telegram

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
        var record = record(of: body, for: bot.id, of: bot.businessID, at: now)
        record.opensJob = bot.runs && bot.hasPipeline && record.entry.mayStartPipeline
        return record
    }

    /// The same for a body that is stored already: its row tells whether it is a job.
    public static func record(
        of body: [UInt8],
        for bot: BotID,
        of business: BusinessID,
        at now: Timestamp
    ) -> IntakeRecord {
        do throws(UpdateEnvelope.Unreadable) {
            let update = try UpdateEnvelope(body)
            return IntakeRecord(
                businessID: business,
                botID: bot,
                receivedAt: now,
                body: body,
                updateID: update.updateID,
                kind: update.kindName,
                chatID: update.chat?["id"]?.int64,
                messageID: update.messageID,
                entry: Projection.entry(of: update, at: now)
            )
        } catch {
            return IntakeRecord(
                businessID: business,
                botID: bot,
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
