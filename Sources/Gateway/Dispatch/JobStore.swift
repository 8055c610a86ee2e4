import Telegram

/// An update that a pipeline is to look at: its raw row is the job.
public struct PipelineJob: Hashable, Sendable {
    /// What waits for the pipeline.
    public enum Kind: Hashable, Sendable {
        /// A message, or a new version of one.
        case message
        /// Somebody who has pressed a button.
        case callback
        /// Somebody who pays, for ten seconds.
        case checkout
        /// What a webhook has answered when its job was done: no update, so its number is that of its event, below zero.
        case lateAnswer
    }

    /// What passes one at a time, in order.
    struct Lane: Hashable {
        var conversation: ConversationID
        /// What lives for ten seconds does not wait for what was written before.
        var isBeside: Bool
    }

    /// The number of the raw update; of one business they rise in commit order.
    public var id: Int64
    /// Whose it is.
    public var business: BusinessID
    /// The conversation that it belongs to.
    public var conversation: ConversationID
    /// When the update came.
    public var receivedAt: Timestamp
    /// What waits.
    public var kind: Kind

    /// Where it waits its turn.
    var lane: Lane { Lane(conversation: conversation, isBeside: kind == .checkout) }

    /// Makes a job.
    public init(
        id: Int64,
        business: BusinessID,
        conversation: ConversationID,
        receivedAt: Timestamp,
        kind: Kind
    ) {
        self.id = id
        self.business = business
        self.conversation = conversation
        self.receivedAt = receivedAt
        self.kind = kind
    }
}

/// Which open jobs of a business are to be read, in the order of their numbers.
public struct OpenJobs: Hashable, Sendable {
    /// Messages and buttons of one conversation.
    public struct Part: Hashable, Sendable {
        /// The conversation.
        public var conversation: ConversationID
        /// The last number that is looked at.
        public var through: Int64

        /// Makes one.
        public init(conversation: ConversationID, through: Int64) {
            self.conversation = conversation
            self.through = through
        }
    }

    /// Whose.
    public var business: BusinessID
    /// Behind this number.
    public var after: Int64
    /// At most so many.
    public var limit: Int
    /// Nil for all of the business.
    public var only: Part?

    /// Makes a wish.
    public init(business: BusinessID, after: Int64, limit: Int, only: Part? = nil) {
        self.business = business
        self.after = after
        self.limit = limit
        self.only = only
    }
}

/// Which late answers are to be read.
public struct LateLook: Hashable, Sendable {
    /// Without these.
    public var known: [DeliveryID] = []
    /// Without those of these businesses.
    public var businesses: [BusinessID] = []
    /// Without those of these conversations.
    public var conversations: [ConversationID] = []
    /// At most so many.
    public var limit: Int

    /// A look at all.
    public init(limit: Int) { self.limit = limit }
}

/// Keeps the jobs of pipelines, and writes what comes of them.
public protocol JobStore: Sendable {
    /// The jobs that this process commits from now on, in commit order; ends when the store closes. There is one listener.
    func committedJobs() -> AsyncStream<[PipelineJob]>
    /// The businesses that have open jobs.
    func businessesWithJobs() async throws -> [BusinessID]
    /// Open jobs, in the order of their numbers.
    func openJobs(_ jobs: OpenJobs) async throws -> [PipelineJob]
    /// Decides a job on what is committed, and writes nothing; nil if the job is done already.
    ///
    /// So it is found out, beside the writer, whether something outside is to be asked first; a decision of `.done` is none before `decide`
    /// has come to it too.
    func consider(
        _ job: PipelineJob,
        at now: Timestamp,
        _ decide: @escaping @Sendable (JobFacts) throws -> JobDecision
    ) async throws -> JobDecision?
    /// Decides a job and writes its outcome, in one transaction, then tells of it once: nil if the job is done already.
    ///
    /// `decide` gets what is known in that transaction; it is pure, and may be called twice. Only a decision of `.done` writes anything.
    /// - Parameter then: called after the commit, on any thread, or at once; it must return soon.
    func decide(
        _ job: PipelineJob,
        at now: Timestamp,
        _ decide: @escaping @Sendable (JobFacts) throws -> JobDecision,
        then: @escaping @Sendable (Result<JobDecision?, any Error>) -> Void
    )
    /// Answers queries that no step has answered in time with nothing, each at most once.
    func answerQueries(_ jobs: [PipelineJob], at now: Timestamp) async throws
    /// Ends a job that cannot be decided; the reason is kept, and the events that webhooks were told, and who pressed a button is answered
    /// with nothing.
    func giveUp(_ job: PipelineJob, reason: String, told: [DeliveryDraft], at now: Timestamp) async throws
    /// An element means that a webhook may have answered late; ends when the store closes.
    func lateAnswerChanges() -> AsyncStream<Void>
    /// The first answers whose actions are not done yet, in the order of their events.
    func lateAnswers(_ look: LateLook) async throws -> [LateAnswer]
    /// Does what a late answer says, and closes it, in one transaction: nil if nothing is done.
    ///
    /// `decide` gets what the answer's step would see now; what it throws, and that its message is gone, closes the answer with that reason.
    /// Only a decision of `.done` writes anything else.
    func act(
        on answer: LateAnswer,
        at now: Timestamp,
        _ decide: @escaping @Sendable (LateFacts) throws(StepFailure) -> JobDecision
    ) async throws -> JobDecision?
    /// Gives conversations back to the pipeline whose time with people is over, at most so many.
    ///
    /// - Returns: how many there were, and when the next is due.
    func releaseDue(at now: Timestamp, limit: Int) async throws -> (count: Int, next: Timestamp?)
    /// The pipeline of a business that is in force; nil if there is none.
    func activePipeline(of business: BusinessID) async throws -> PipelineVersion?
}

/// What is known of a job in the transaction that decides about it.
public struct JobFacts {
    /// The update, read anew from its body.
    public var record: IntakeRecord
    /// The message that it stored, if it stored one.
    public var message: MessageID?
    /// The conversation as it is now.
    public var conversation: PipelineContext.Place
    /// When people give it back by themselves.
    public var releaseAt: Timestamp?
    /// The name of the business.
    public var businessName: String
    /// Why nothing runs: the bot is paused or removed, or the business suspended or being removed; nil if it does.
    public var standstill: String?
    /// The bot.
    public var bot: PipelineContext.Recipient
    /// The number of the pipeline that is in force; nil if there is none.
    public var pipeline: Int64?
    /// The owner of the business account, where the update came by a connection that is known.
    public var owner: Int64?
    /// What is noted about the conversation.
    public var notes: ConversationNotes
    /// Whether a query was answered already, late and with nothing.
    public var isAnswered: Bool
    /// What the chat is called at Telegram, and was called before it became a supergroup.
    public var chatIDs: Set<Int64>
    /// The customer's conversation, where a member of the staff answers a message that was forwarded.
    public var answers: ConversationID?
    /// Whether no customer wrote in the conversation before; looked up when it is asked for.
    public var isFirstContact: () throws -> Bool
    /// What else is looked up when it is asked for.
    public var more: More

    /// What webhooks need to be known.
    public struct More {
        /// The business, and the message with all that is known of it; nil for a message that is not stored.
        public var subject: () throws -> (business: Business, subject: PipelineSubject)?
        /// Whether the conversation waits for an ordered webhook, or for what it has answered to be done.
        public var isHeld: () throws -> Bool
        /// The message of the same chat that has this number at Telegram.
        public var messageNumbered: (Int64) throws -> MessageID?

        /// Makes them.
        public init(
            subject: @escaping () throws -> (business: Business, subject: PipelineSubject)?,
            isHeld: @escaping () throws -> Bool,
            messageNumbered: @escaping (Int64) throws -> MessageID?
        ) {
            self.subject = subject
            self.isHeld = isHeld
            self.messageNumbered = messageNumbered
        }
    }

    /// Makes facts.
    public init(
        record: IntakeRecord,
        message: MessageID?,
        conversation: PipelineContext.Place,
        releaseAt: Timestamp?,
        businessName: String,
        standstill: String?,
        bot: PipelineContext.Recipient,
        pipeline: Int64?,
        owner: Int64?,
        notes: ConversationNotes,
        isAnswered: Bool,
        chatIDs: Set<Int64>,
        answers: ConversationID?,
        isFirstContact: @escaping () throws -> Bool,
        more: More
    ) {
        self.record = record
        self.message = message
        self.conversation = conversation
        self.releaseAt = releaseAt
        self.businessName = businessName
        self.standstill = standstill
        self.bot = bot
        self.pipeline = pipeline
        self.owner = owner
        self.notes = notes
        self.isAnswered = isAnswered
        self.chatIDs = chatIDs
        self.answers = answers
        self.isFirstContact = isFirstContact
        self.more = more
    }
}

/// What is to become of a job.
public enum JobDecision: Sendable {
    /// It is done: this is written.
    case done(JobOutcome)
    /// A step's handler is to be asked first, outside the transaction.
    case handler(step: Int, any Handler, PipelineContext)
    /// A step's webhook is to be told this first, outside the transaction; about which message.
    case webhook(step: Int, WebhookCall, WebhookEvent, about: MessageID?, PipelineContext)
    /// Another pipeline is in force than was read.
    case anotherPipeline
    /// Its conversation has become a part of another, whose turn it has to wait for.
    case anotherConversation
    /// Not yet: it is not known who wrote, or the conversation is held; it is looked at again after so many milliseconds.
    case later(milliseconds: Int64)
}

/// What a job comes to.
public struct JobOutcome: Sendable {
    /// Something that is sent.
    public struct Sending: Sendable {
        /// What is sent, and where.
        public var request: SendRequest
        /// The customer's message that it shows to the staff: answers to it go back.
        public var shows: MessageID?
        /// The staff's message that it passes on: if it dies, that is told there.
        public var passesOn: MessageID?
        /// Whether it is an automatic answer.
        public var isAutomatic: Bool
        /// What is sent instead if that is refused, given the reason; nil for nothing.
        public var instead: (@Sendable (_ why: String) -> SendRequest)?

        /// Makes one.
        public init(
            _ request: SendRequest,
            showing message: MessageID? = nil,
            passingOn answer: MessageID? = nil,
            isAutomatic: Bool = true,
            instead: (@Sendable (_ why: String) -> SendRequest)? = nil
        ) {
            self.request = request
            shows = message
            passesOn = answer
            self.isAutomatic = isAutomatic
            self.instead = instead
        }
    }

    /// What changes about the conversation.
    public var change = ConversationChange()
    /// What is sent, in order.
    public var sendings: [Sending] = []
    /// Events of webhooks: those that were told, and those that are to be.
    public var deliveries: [DeliveryDraft] = []
    /// Another conversation that goes back to the pipeline.
    public var release: ConversationID?
    /// What is kept about it.
    public var run: PipelineRun

    /// Makes an outcome.
    public init(_ run: PipelineRun) { self.run = run }
}

/// What is known in the transaction that does what a late answer says.
public struct LateFacts {
    /// What a step would see.
    public var context: PipelineContext
    /// Why nothing is done; nil if it is.
    public var standstill: String?
    /// The number of the pipeline that is in force; nil if there is none.
    public var pipeline: Int64?
    /// See `JobFacts.More`.
    public var messageNumbered: (Int64) throws -> MessageID?

    /// Makes facts.
    public init(
        context: PipelineContext,
        standstill: String?,
        pipeline: Int64?,
        messageNumbered: @escaping (Int64) throws -> MessageID?
    ) {
        self.context = context
        self.standstill = standstill
        self.pipeline = pipeline
        self.messageNumbered = messageNumbered
    }
}
