import Telegram

/// Keeps businesses' pipelines, and what pipelines note about conversations.
///
/// Every method is bound to one business in its SQL.
public protocol PipelineStore: Sendable {
    /// Keeps a text as the newest version and makes it the active one; the text that is active already makes no new version.
    ///
    /// The text was checked before. The last `PipelineVersion.kept` versions stay. Throws `GatewayError.unknownBusiness`, `.businessIsRemoved`.
    ///
    /// - Parameter calls: the webhooks that it calls: where they are counts from now on, and others of the business are told nothing any more.
    func setPipeline(
        _ text: String,
        calling calls: [WebhookCall],
        of business: BusinessID,
        at now: Timestamp
    ) async throws -> PipelineVersion
    /// Makes an earlier version the active one, or none with nil; see `setPipeline`.
    ///
    /// Throws `GatewayError.unknownPipelineVersion`, `.unknownBusiness`, `.businessIsRemoved`.
    func usePipeline(
        _ number: Int64?,
        calling calls: [WebhookCall],
        of business: BusinessID,
        at now: Timestamp
    ) async throws
    /// The active version; nil if there is none.
    func activePipeline(of business: BusinessID) async throws -> PipelineVersion?
    /// A version by its number. Throws `GatewayError.unknownPipelineVersion`.
    func pipelineVersion(_ number: Int64, of business: BusinessID) async throws -> PipelineVersion
    /// The versions, newest first, without their texts.
    func pipelineVersions(of business: BusinessID, page: Page) async throws -> Slice<PipelineVersion>
    /// What a pipeline would see of a stored message now. Throws `GatewayError.unknownMessage`.
    func pipelineSubject(_ message: MessageID, of business: BusinessID) async throws -> PipelineSubject
    /// What was done with updates, newest first, while their bodies are kept; of one conversation, or of all.
    func pipelineRuns(
        of business: BusinessID,
        in conversation: ConversationID?,
        page: Page
    ) async throws -> Slice<PipelineRun>
    /// Labels and attributes of a conversation. Throws `GatewayError.unknownConversation`.
    func notes(on conversation: ConversationID, of business: BusinessID) async throws -> ConversationNotes
    /// Changes a conversation, all or nothing.
    ///
    /// Throws `GatewayError.unknownConversation`, `.tooManyLabels`, `.tooManyAttributes`.
    func apply(
        _ change: ConversationChange,
        to conversation: ConversationID,
        of business: BusinessID,
        at now: Timestamp
    ) async throws
}

/// A text that was a business's pipeline once, or is it.
public struct PipelineVersion: Hashable, Sendable {
    /// Counts from 1 in each business.
    public var number: Int64
    /// The file as it was set; nil in lists.
    public var text: String?
    /// How many bytes the text has.
    public var bytes: Int64
    /// When it was set first.
    public var createdAt: Timestamp
    /// Whether it is in force.
    public var isActive: Bool

    /// So many versions of a business stay.
    public static let kept: Int64 = 100
    /// Bytes of the longest text.
    public static let longestText = 256 << 10

    /// Makes a version from its row.
    public init(number: Int64, text: String?, bytes: Int64, createdAt: Timestamp, isActive: Bool) {
        self.number = number
        self.text = text
        self.bytes = bytes
        self.createdAt = createdAt
        self.isActive = isActive
    }

    /// The shape of `/v1` and `--json`.
    public var json: JSON {
        var shape: JSON = [
            "version": .int(number), "active": .bool(isActive), "bytes": .int(bytes),
            "created_at": .string(createdAt.rfc3339),
        ]
        if let text { shape["text"] = .string(text) }
        return shape
    }
}

/// What is noted about a conversation.
public struct ConversationNotes: Hashable, Sendable {
    /// Its labels.
    public var labels: Set<String>
    /// Its attributes, and its customer's.
    public var attributes: [AttributeName: String]
    /// Who takes care of it.
    public var assignee: String?

    /// Makes notes.
    public init(labels: Set<String> = [], attributes: [AttributeName: String] = [:], assignee: String? = nil) {
        self.labels = labels
        self.attributes = attributes
        self.assignee = assignee
    }
}

/// A stored message with all that a pipeline looks at.
public struct PipelineSubject: Hashable, Sendable {
    /// The message.
    public var message: Message
    /// Its conversation, without its last message.
    public var conversation: Conversation
    /// Who wrote it; nil where no person did.
    public var customer: PipelineContext.Customer?
    /// The bot.
    public var bot: PipelineContext.Recipient
    /// Whether no earlier message of the customer is in the conversation.
    public var isFirstContact: Bool
    /// What is noted about the conversation.
    public var notes: ConversationNotes

    /// Makes a subject.
    public init(
        message: Message,
        conversation: Conversation,
        customer: PipelineContext.Customer?,
        bot: PipelineContext.Recipient,
        isFirstContact: Bool,
        notes: ConversationNotes
    ) {
        self.message = message
        self.conversation = conversation
        self.customer = customer
        self.bot = bot
        self.isFirstContact = isFirstContact
        self.notes = notes
    }

    /// What the pipeline gets.
    ///
    /// - Throws: `PipelineContext.Incoming.NotStarted`.
    public func context(
        businessName: String,
        now: Timestamp
    ) throws(PipelineContext.Incoming.NotStarted) -> PipelineContext {
        let incoming = try PipelineContext.Incoming(message)
        return PipelineContext(
            message: incoming,
            customer: customer ?? .init(telegramID: message.sender.id ?? 0, name: message.sender.name),
            conversation: .init(
                id: conversation.id,
                kind: conversation.kind,
                title: conversation.title,
                isHandledByPeople: conversation.handledBy == "people",
                assignee: notes.assignee
            ),
            businessName: businessName,
            bot: bot,
            isFirstContact: isFirstContact,
            labels: notes.labels,
            attributes: notes.attributes,
            now: now
        )
    }
}

/// What shall change about a conversation.
public struct ConversationChange: Hashable, Sendable {
    /// Who answers from now on.
    public enum Handling: Hashable, Sendable {
        case pipeline
        case people(StepEffects.HandOff)
    }

    /// Labels to add (true) and to remove (false).
    public var labels: [String: Bool] = [:]
    /// Attributes to set, or to take away with nil.
    public var attributes: [AttributeName: String?] = [:]
    /// Who takes care of it; `.some(nil)` for nobody.
    public var assignee: String??
    /// Who answers.
    public var handling: Handling?

    /// Makes a change of nothing.
    public init() {}

    /// Whether nothing changes.
    public var isEmpty: Bool { self == ConversationChange() }

    /// The shape of `pipeline try --json`.
    public var json: JSON {
        var shape: JSON = [
            "add_labels": .array(labels.filter(\.value).keys.sorted().map { .string($0) }),
            "remove_labels": .array(labels.filter { !$0.value }.keys.sorted().map { .string($0) }),
            "attributes": .object(
                attributes.sorted { $0.key < $1.key }.map { .init($0.key.description, .optional($0.value)) }
            ),
        ]
        if let assignee { shape["assignee"] = .optional(assignee) }
        switch handling {
        case .pipeline: shape["handled_by"] = "pipeline"
        case .people(let handOff):
            shape["handled_by"] = "people"
            shape["release_after_seconds"] = .optional(handOff.releaseAfterSeconds)
        case nil: break
        }
        return shape
    }
}

/// Turns the text of a pipeline file into a pipeline.
public protocol PipelineReading: Sendable {
    /// The pipeline of a text.
    ///
    /// - Throws: `PipelineProblems` with every problem that was found.
    func pipeline(_ text: String) throws(PipelineProblems) -> Pipeline
}

/// What is wrong with a pipeline file.
public struct PipelineProblems: Error, Hashable, Sendable, CustomStringConvertible {
    /// One thing that is wrong.
    public struct Problem: Hashable, Sendable, CustomStringConvertible {
        /// From 1.
        public var line: Int
        /// From 1, in Unicode code points.
        public var column: Int
        /// What is wrong, what was expected, and the mend.
        public var text: String

        /// Makes a problem.
        public init(line: Int, column: Int, _ text: String) {
            self.line = line
            self.column = column
            self.text = text
        }

        /// `line:column: text`.
        public var description: String { "\(line):\(column): \(text)" }

        /// The shape of `--json`.
        public var json: JSON {
            ["line": .int(Int64(line)), "column": .int(Int64(column)), "problem": .string(text)]
        }
    }

    /// In the order of the file; at least one.
    public let all: [Problem]

    /// Makes a list.
    public init(_ all: [Problem]) { self.all = all }

    /// One line each.
    public var description: String { all.map(\.description).joined(separator: "\n") }
}
