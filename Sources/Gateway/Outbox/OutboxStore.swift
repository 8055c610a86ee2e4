import Telegram

/// The door by which calls come into the outbox.
public protocol Outbox: Sendable {
    /// Writes what a request takes, with the messages that it makes, in one transaction; a running server sends it within a second.
    ///
    /// A repetition of what was accepted under the same key gets the same answer, whatever has become of the conversation since.
    ///
    /// Throws `GatewayError.unknownConversation`, `.unknownBot`, `.unknownMessage`, `.messageNotSent`, `.invalidCall`, `.cannotWrite` (also for a bot
    /// that is removed), `.cannotSendOn`, `.keyUsedOtherwise`, `.badIdempotencyKey`, `.businessIsRemoved`.
    func enqueue(_ request: SendRequest, at now: Timestamp) async throws -> QueuedCalls
    /// The message that was sent on, if `reply` answers its forward or copy: so what the staff answer in their chat finds its way back.
    ///
    /// Nil if it answers nothing of the kind, or the message is erased. Throws `GatewayError.unknownMessage`.
    func original(
        answeredBy reply: MessageID,
        of business: BusinessID
    ) async throws -> (
        message: MessageID, conversation: ConversationID
    )?
}

/// The outbox as its sender needs it.
public protocol OutboxStore: Outbox {
    /// An element means that rows may have come, or that bots may have changed; ends when the store closes.
    ///
    /// Every caller gets a stream of its own.
    func outboxChanges() -> AsyncStream<Void>
    /// The rows that came after that one, and the bots that may send if they have changed since that version.
    ///
    /// With `after` nil it gives no rows: what waits is found by windows.
    func outboxNews(after: OutboxID?, knownVersion: Int64?) async throws -> OutboxNews
    /// The next rows of bots that have room for them, in one read.
    func windows(_ requests: [OutboxWindow.Request], at now: Timestamp) async throws -> [OutboxWindow]
    /// Marks rows as being sent and enters what became of others, in one transaction.
    ///
    /// A row that the database does not take by its values fails alone and holds no other up, see `OutboxProgress.faults`; only where the database
    /// itself fails nothing is written, and it throws.
    func advance(_ claims: [OutboxClaim], _ settlements: [Settlement], at now: Timestamp) async throws -> OutboxProgress
    /// The calls that were being made when an earlier server died, at most so many.
    func interruptedCalls(limit: Int) async throws -> [ClaimedCall]
    /// Records what a check of a bot has found; see `BotDirectory`.
    func record(_ check: BotCheck, of bot: BotID, at now: Timestamp) async throws -> Bot
}

/// A bot that may send: neither it nor its business is stopped, and its token is not known to be revoked.
public struct SendingBot: Sendable {
    /// The bot.
    public var id: BotID
    /// Whose it is.
    public var business: BusinessID
    /// Its token.
    public var token: Sealed

    /// Makes one from its row.
    public init(id: BotID, business: BusinessID, token: Sealed) {
        self.id = id
        self.business = business
        self.token = token
    }
}

/// What has come since the last look.
public struct OutboxNews: Sendable {
    /// The version of what is known of bots.
    public var version: Int64
    /// All bots that may send; nil if the version is the known one.
    public var bots: [SendingBot]?
    /// The last row looked at, or, without rows asked for, the last there is.
    public var last: OutboxID
    /// How many rows were ever put into the outbox, by this server or another process.
    public var total: Int64
    /// Which conversations have new rows, and whether the row goes aside.
    public var rows: [(bot: BotID, conversation: ConversationID, isAside: Bool)]
    /// Whether more came than one look gives.
    public var isMore: Bool

    /// Makes an answer.
    public init(
        version: Int64,
        bots: [SendingBot]?,
        last: OutboxID,
        total: Int64,
        rows: [(bot: BotID, conversation: ConversationID, isAside: Bool)],
        isMore: Bool
    ) {
        self.version = version
        self.bots = bots
        self.last = last
        self.total = total
        self.rows = rows
        self.isMore = isMore
    }
}

/// A part of what waits for a bot: the first rows of some conversations, in order.
public struct OutboxWindow: Sendable {
    /// How far a pass over a bot's conversations has come: answers first, then bulk; nil where it has reached the end.
    public struct Position: Hashable, Sendable {
        /// Conversations up to this one were looked at for answers.
        public var answers: Int64?
        /// And for bulk.
        public var bulk: Int64?

        /// Before everything.
        public static let start = Position(answers: 0, bulk: 0)

        /// Whether everything was looked at.
        public var isEnd: Bool { answers == nil && bulk == nil }

        /// Makes a position.
        public init(answers: Int64?, bulk: Int64?) {
            self.answers = answers
            self.bulk = bulk
        }
    }

    /// What is asked for.
    public struct Request: Sendable {
        /// Of which bot.
        public var bot: BotID
        /// Conversations to look at first.
        public var hinted: [ConversationID]
        /// Where to go on; nil looks at the hinted conversations alone.
        public var position: Position?
        /// How many rows at the most.
        public var rows: Int
        /// How many of one conversation.
        public var perConversation: Int
        /// How many that go aside, beyond `rows`.
        public var asides: Int

        /// Makes a request.
        public init(
            bot: BotID,
            hinted: [ConversationID],
            position: Position?,
            rows: Int,
            perConversation: Int,
            asides: Int = 0
        ) {
            self.bot = bot
            self.hinted = hinted
            self.position = position
            self.rows = rows
            self.perConversation = perConversation
            self.asides = asides
        }
    }

    /// Of which bot.
    public var bot: BotID
    /// The rows, each conversation's in order; those that go aside first.
    public var rows: [PacingPlanner.Row]
    /// Whether more rows go aside than were asked for.
    public var hasMoreAsides = false
    /// Conversations that have more rows.
    public var cut: [ConversationID]
    /// Where the pass goes on; nil if none was asked for.
    public var position: Position?
    /// Rows that wait for a time are left out with those behind them: the first of these times.
    public var lookAt: Timestamp?

    /// Makes an empty window.
    public init(bot: BotID, position: Position?) {
        self.bot = bot
        rows = []
        cut = []
        self.position = position
    }
}

/// A row that is to be sent now.
public struct OutboxClaim: Sendable {
    /// The row.
    public var id: OutboxID
    /// With which version of its bot's token.
    public var tokenVersion: Int64

    /// Makes a claim.
    public init(id: OutboxID, tokenVersion: Int64) {
        self.id = id
        self.tokenVersion = tokenVersion
    }
}

/// What a write of claims and settlements has come to.
public struct OutboxProgress: Sendable {
    /// A row whose claim or settlement the database does not take.
    public struct Fault: Hashable, Sendable {
        /// The row.
        public var id: OutboxID
        /// Why, without values.
        public var reason: String
        /// Whether it lies with the dead calls now; otherwise it stays as it was, and the next start looks at it again.
        public var isBuried: Bool

        /// Makes one.
        public init(id: OutboxID, reason: String, isBuried: Bool) {
            self.id = id
            self.reason = reason
            self.isBuried = isBuried
        }
    }

    /// The calls to be made: those of the rows that are still queued, of bots that may still send with the token that the claim names.
    public var calls: [ClaimedCall]
    /// The rows that failed by themselves.
    public var faults: [Fault]

    /// Makes a result.
    public init(calls: [ClaimedCall], faults: [Fault]) {
        self.calls = calls
        self.faults = faults
    }
}

/// A call that is being made.
public struct ClaimedCall: Sendable {
    /// The row.
    public var id: OutboxID
    /// Whose bot makes it.
    public var business: BusinessID
    /// The bot.
    public var bot: BotID
    /// The conversation.
    public var conversation: ConversationID
    /// Where it goes.
    public var target: MessageTarget
    /// The space of the chat, see `Conversation.space`.
    public var space: String
    /// The method's name.
    public var method: String
    /// Its parameters without the target.
    public var parameters: String
    /// How many messages it makes.
    public var messages: Int
    /// How many times it was tried, this one included.
    public var attempts: Int
    /// Whether its chat was rewritten after a migration.
    public var wasMigrated: Bool
    /// Whether it may be tried once more if nobody knows what became of it.
    public var retriesUnknown: Bool
    /// When it was asked for.
    public var createdAt: Timestamp

    /// Makes a call from its row.
    public init(
        id: OutboxID,
        business: BusinessID,
        bot: BotID,
        conversation: ConversationID,
        target: MessageTarget,
        space: String,
        method: String,
        parameters: String,
        messages: Int,
        attempts: Int,
        wasMigrated: Bool,
        retriesUnknown: Bool,
        createdAt: Timestamp
    ) {
        self.id = id
        self.business = business
        self.bot = bot
        self.conversation = conversation
        self.target = target
        self.space = space
        self.method = method
        self.parameters = parameters
        self.messages = messages
        self.attempts = attempts
        self.wasMigrated = wasMigrated
        self.retriesUnknown = retriesUnknown
        self.createdAt = createdAt
    }

    /// The call's body.
    var body: JSON { OutgoingCall.body(method: method, parameters: parameters, to: target) }

    /// How long after it was asked for it is of use, in milliseconds; nil for ever.
    ///
    /// **Source:** Bot API, `sendChatAction`: an action is shown for five seconds. tdlib/telegram-bot-api `Client.cpp`: an update with a callback query
    /// is kept for 150 seconds, and later answers are refused as too old. `answerPreCheckoutQuery`: within ten seconds.
    private var life: Int64? {
        switch method {
        case "sendChatAction": 5000
        case "answerCallbackQuery": 150_000
        case "answerPreCheckoutQuery": 10_000
        default: nil
        }
    }

    /// Whether it is too late for it.
    func isStale(at now: Timestamp) -> Bool { life.map { now.milliseconds - createdAt.milliseconds > $0 } ?? false }

    /// As its end is judged.
    var judged: SendOutcome.Call {
        SendOutcome.Call(
            messageCount: messages,
            isRepeatable: messages == 0,
            wasMigrated: wasMigrated || comesFromGroup
        )
    }

    /// Whether it sends a message of a group on: that a group has become a supergroup may then be said of either chat, and must not lead the
    /// messages of one into the other.
    private var comesFromGroup: Bool {
        guard method == "forwardMessage" || method == "copyMessage" else { return false }
        let source = try? JSONDocument(Array(parameters.utf8)).root["from_chat_id"]?.int64
        return source.map(OutgoingCall.isGroup) ?? true
    }
}
