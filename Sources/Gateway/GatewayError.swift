import Telegram

/// What can be wrong with a request to the gateway; each text names the mend.
public enum GatewayError: Error, Hashable, Sendable {
    case unknownBusiness(String)
    case unknownBot(String)
    case ambiguousBot(String)
    case unknownConversation(String)
    case unknownMessage(String)
    case badSlug(String)
    case slugTaken(String)
    case badName
    case nameGivesNoSlug
    case botIsHere(BotID)
    case botIsElsewhere
    case badPublicURL(String)
    case noPublicURL
    case badCursor
    case settingDiffers(name: String, recorded: String)
    case badKey(MasterKeyProblem)
    case tokenUnknown
    case telegram(BotAPIError, kept: BotID?)
    case badPayload
    case noUsername(BotID)
    case badProfile(String)
    case badRetention(String)
    case anotherBotsToken(of: String)
    case webhookNotSet(BotAPIError, BotID)
    case webhookNotDeleted(BotAPIError, BotID)
    case replacedMeanwhile(BotID)
    case businessIsRemoved(String)
    case invalidCall(InvalidCall)
    case messageNotSent(String)
    case cannotWrite(String)
    case cannotDecide(why: String)
    case cannotSendOn(String, why: String)
    case badIdempotencyKey
    case keyUsedOtherwise
    case unknownDeadLetter(String)
    case partlySent(DeadLetterID)
    case unknownPipelineVersion(String)
    case tooManyLabels
    case tooManyAttributes
    case unknownWebhook(String)
    case noSigningSecret(String)
    case hasSigningSecret(String)
    case webhookIsOff(String)
    case unknownDelivery(String)

    /// What kind of failure it is, for exit codes and statuses.
    public enum Category: Sendable {
        case invalid, notFound, conflict, refusedByTelegram, misconfigured
    }

    /// The kind of failure.
    public var category: Category {
        switch self {
        case .unknownBusiness, .unknownBot, .unknownConversation, .unknownMessage, .unknownDeadLetter,
            .unknownPipelineVersion, .unknownWebhook, .unknownDelivery:
            .notFound
        case .badSlug, .badName, .nameGivesNoSlug, .badPublicURL, .badCursor, .ambiguousBot, .badPayload,
            .badProfile, .badRetention, .invalidCall, .badIdempotencyKey, .messageNotSent:
            .invalid
        case .slugTaken, .botIsHere, .botIsElsewhere, .noUsername, .anotherBotsToken, .replacedMeanwhile,
            .businessIsRemoved, .cannotWrite, .cannotDecide, .cannotSendOn, .keyUsedOtherwise, .partlySent,
            .tooManyLabels,
            .tooManyAttributes, .noSigningSecret, .hasSigningSecret, .webhookIsOff:
            .conflict
        case .noPublicURL, .settingDiffers, .badKey: .misconfigured
        case .tokenUnknown, .telegram, .webhookNotSet, .webhookNotDeleted: .refusedByTelegram
        }
    }
}

extension GatewayError: CustomStringConvertible {
    /// One line for people: what is wrong and what to do.
    public var description: String {
        switch self {
        case .unknownBusiness(let name): "there is no business \(name.quoted); `switchboard business list` shows them"
        case .unknownBot(let name): "there is no bot \(name.quoted); `switchboard bot list` shows them"
        case .ambiguousBot(let name):
            "several bots are called \(name.quoted); name it by its id, from `switchboard bot list`"
        case .unknownConversation(let name):
            "this business has no conversation \(name.quoted); `switchboard conversations` shows them"
        case .unknownMessage(let name):
            "this business has no message \(name.quoted); `switchboard history` with --json shows their ids"
        case .badSlug(let slug): "\(slug.quoted) is no slug: 1 to 40 of a-z, 0-9 and inner hyphens"
        case .slugTaken(let slug): "another business has the slug \(slug.quoted); choose one with --slug"
        case .badName: "a name has 1 to 200 characters, none of them a control character"
        case .nameGivesNoSlug: "no slug can be made of this name; give one with --slug"
        case .botIsHere(let id):
            "this bot is registered with this business already, as \(id): `switchboard bot rotate` gives it a new token"
        case .botIsElsewhere:
            "this bot is registered with another business of this server; it must be removed there first"
        case .badPublicURL(let why): "the public URL cannot be used: \(why)"
        case .noPublicURL:
            "the public URL is not known yet: start `switchboard serve --public-url https://…` once, or give --public-url"
        case .badCursor: "this is no cursor of this list; use `next_cursor` as it was printed"
        case .settingDiffers(let name, let recorded):
            "\(name) differs from what `serve` runs with (\(recorded)): leave it out, or restart `serve` with the new one"
        case .badKey(let problem): problem.description
        case .tokenUnknown:
            "Telegram does not know this token: it is wrong, revoked or replaced; get the present one from @BotFather (/token)"
        case .telegram(let error, kept: .some(let id)):
            "\(error); the bot is kept as \(id): run the same `bot add` again to try once more"
        case .telegram(let error, kept: nil): "\(error)"
        case .badPayload: "a payload has 1 to 64 characters, only letters, digits, - and _: encode what it shall carry"
        case .noUsername(let id):
            "Telegram could not be asked for the username of \(id) yet: `switchboard bot webhook \(id) --set` asks again"
        case .badProfile(let why): why
        case .badRetention(let text):
            "\(text.quoted) is no time to keep raw updates: write days, 0d to 365d, such as 7d"
        case .anotherBotsToken(let title):
            "this token belongs to another bot than \(title), nothing was changed: `switchboard bot add` registers another bot"
        case .webhookNotSet(let error, let id):
            "\(error); the token is kept, its webhook is not set: `switchboard bot webhook \(id) --set` tries again, and `serve` by itself"
        case .webhookNotDeleted(let error, let id):
            "\(error); \(id) was not removed: try again, or give --force to leave its webhook at Telegram"
        case .replacedMeanwhile(let id):
            "another command has replaced the token of \(id) meanwhile, or removed it: `switchboard bot show` tells"
        case .businessIsRemoved(let name):
            "the business \(name.quoted) is being erased: `switchboard business remove` with --yes brings that to its end"
        case .invalidCall(let fault): "Telegram would refuse this: \(fault)"
        case .messageNotSent(let name):
            "Telegram has no message \(name.quoted) of this conversation yet, or it is of another: `switchboard history` with --json shows them"
        case .cannotWrite(let why): "nothing can be sent into this conversation: \(why)"
        case .cannotDecide(let why): "what the pipeline decided cannot be written: \(why)"
        case .cannotSendOn(let name, let why): "the message \(name.quoted) cannot be sent on: \(why)"
        case .badIdempotencyKey: "an idempotency key has 1 to 200 bytes, none of them a control character"
        case .keyUsedOtherwise:
            "this idempotency key was used for something else within seven days: nothing was sent; take a new key"
        case .unknownDeadLetter(let name):
            "there is no dead call \(name.quoted); `switchboard dead list` shows them"
        case .partlySent(let id):
            "a part of the album \(id) was sent: send what is missing anew, and drop it with `switchboard dead drop \(id)`"
        case .unknownPipelineVersion(let number):
            "this business has no version \(number.quoted) of its pipeline; `switchboard pipeline versions` shows them"
        case .tooManyLabels: "a conversation has at most \(Label.maximumCount) labels: remove one first"
        case .tooManyAttributes:
            "a conversation, or a customer, has at most \(AttributeName.maximumCount) attributes: remove one first"
        case .unknownWebhook(let step):
            "this business has no webhook \(step.quoted); `switchboard webhook list` shows them, `pipeline set` brings them"
        case .noSigningSecret(let step):
            "the webhook \(step.quoted) has no secret yet: `switchboard webhook secret` makes one and shows it once"
        case .hasSigningSecret(let step):
            "the webhook \(step.quoted) has a secret, which is shown only once: --rotate makes another"
        case .webhookIsOff(let step):
            "the webhook \(step.quoted) is off: `switchboard webhook on` turns it on again"
        case .unknownDelivery(let name):
            "this business has no delivery \(name.quoted) that this can be done with; `switchboard deliveries list` shows them"
        }
    }
}

/// Why the database cannot serve; each text names the mend.
public enum StoreError: Error, Hashable, Sendable {
    case notInitialised(String)
    case alreadyInitialised(String)
    case directoryUnusable(String, why: String)
    case olderSchema(pending: [String])
    case newerSchema(unknown: [String])
    case serverRuns(String)
    case full
    case busy
    case damaged(String)
    case failed(String)
    case overloaded
    case closed
}

extension StoreError {
    /// Whether the same may succeed in a while, without anybody's mending what was asked for.
    public var isPassing: Bool {
        switch self {
        case .full, .busy, .overloaded, .closed: true
        default: false
        }
    }
}

extension StoreError: CustomStringConvertible {
    /// One line for people: what is wrong and what to do.
    public var description: String {
        switch self {
        case .notInitialised(let path):
            "there is no database in \(path): run `switchboard init --data \(path)`, or name the right directory with --data"
        case .alreadyInitialised(let path): "\(path) holds a database already; nothing was changed"
        case .directoryUnusable(let path, let why): "the data directory \(path) cannot be used: \(why)"
        case .olderSchema(let pending):
            "the database is of an older version (\(pending.count) migration(s) to do): run `switchboard migrate`, or start `serve`"
        case .newerSchema(let unknown):
            "the database was written by a newer version of switchboard (\(unknown.joined(separator: ", "))): use that version"
        case .serverRuns(let path):
            "another `switchboard serve` runs on \(path): stop it first, or use another data directory"
        case .full: "the disk is full: nothing was stored; make room and try again"
        case .busy: "the database is locked by another process for too long: see what else has it open, and try again"
        case .damaged(let why): "the database is damaged or is no database (\(why)): restore a backup"
        case .failed(let why): "the database failed: \(why)"
        case .overloaded: "too many writes wait: try again in a moment"
        case .closed: "the database is being closed"
        }
    }
}

extension String {
    /// In quotes, cut to a length that fits a line, and without control characters.
    var quoted: String {
        let clean = String(
            unicodeScalars.map { $0.properties.generalCategory == .control ? " " : Character($0) }.prefix(80)
        )
        return "\u{201C}\(clean)\u{201D}"
    }
}
