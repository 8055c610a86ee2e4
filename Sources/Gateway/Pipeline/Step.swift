import Telegram

/// One thing that a pipeline does when its turn comes.
///
/// A step is pure and quick: it reads the context alone, has no side effects, may run twice for one message, and says what shall happen. The kinds
/// that pipeline files know are in `Handlers`; code of one's own is a `Handler`.
public protocol Step: Sendable {
    /// What shall happen.
    ///
    /// - Throws: `StepFailure`; the pipeline goes on with the next step.
    func run(_ context: PipelineContext) throws(StepFailure) -> StepEffects
    /// The chat of the staff that it sends to, if it does.
    var staffChat: Int64? { get }
}

extension Step {
    /// None.
    public var staffChat: Int64? { nil }
}

/// Something that decides in its own time: a handler written in Swift.
///
/// It is asked outside of any transaction, while its conversation waits and the others go on. After a crash, or where the conversation has changed
/// meanwhile, it may be asked twice about one message. It should heed the cancellation of its task.
public protocol Handler: Sendable {
    /// What shall happen.
    ///
    /// - Throws: `StepFailure`; the pipeline goes on with the next step.
    func handle(_ context: PipelineContext) async throws(StepFailure) -> StepEffects
}

/// What a handler or a webhook said: what shall happen, in order.
public typealias StepAnswer = Result<[StepEffects], StepFailure>

extension Handler {
    /// What the handler says, its failure included.
    public func answer(_ context: PipelineContext) async -> StepAnswer {
        do throws(StepFailure) { return .success([try await handle(context)]) } catch { return .failure(error) }
    }
}

/// What must hold for a step to run.
public protocol StepCondition: Sendable {
    /// Why it does not hold, in words that hold nothing of the message's text; nil if it holds.
    func objection(_ context: PipelineContext) -> String?
}

/// Why a step could not do its thing, in words without text of a customer.
public struct StepFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The reason, and the mend.
    public let description: String

    /// Makes a reason.
    public init(_ description: String) { self.description = description }
}

/// What one step wants to happen.
public struct StepEffects: Hashable, Sendable {
    /// How a conversation goes over to people.
    public struct HandOff: Hashable, Sendable {
        /// After so many seconds it goes back to the pipeline by itself; nil for not before it is released.
        public var releaseAfterSeconds: Int64?

        /// Makes one.
        public init(releaseAfterSeconds: Int64? = nil) { self.releaseAfterSeconds = releaseAfterSeconds }
    }

    /// What is said to who pays: yes, or why not.
    public enum CheckoutAnswer: Hashable, Sendable {
        case accept
        case refuse(String)

        /// Why not; nil for yes.
        public var refusal: String? {
            if case .refuse(let why) = self { return why }
            return nil
        }
    }

    /// A chat of the staff.
    public struct Forward: Hashable, Sendable {
        /// The chat.
        public var chat: Int64
        /// The topic in it.
        public var threadID: Int64?

        /// Makes one.
        public init(chat: Int64, threadID: Int64? = nil) {
            self.chat = chat
            self.threadID = threadID
        }
    }

    /// What is sent, in order.
    public var replies: [PipelineReply] = []
    /// What is shown to who pressed a button.
    public var callbackAnswer: BotCall.CallbackAnswer?
    /// What is said to who pays.
    public var checkoutAnswer: CheckoutAnswer?
    /// Labels that the conversation gets.
    public var addedLabels: [String] = []
    /// Labels that it loses.
    public var removedLabels: [String] = []
    /// Attributes that change; a nil value takes one away.
    public var attributes: [AttributeName: String?] = [:]
    /// Who shall take care of it; `.some(nil)` for nobody.
    public var assignee: String??
    /// Hands the conversation to people.
    public var handOff: HandOff?
    /// Gives it back to the pipeline.
    public var releases = false
    /// Sends the message on to the staff.
    public var forward: Forward?
    /// Ends the pipeline for this message.
    public var stops = false
    /// Messages that were sent before and change, in order.
    public var edits: [MessageEdit] = []
    /// A handler of the business to be called; with `mode: answer` the pipeline waits for it.
    public var webhook: WebhookCall?

    /// Makes effects: none.
    public init() {}

    /// Makes the effect that a webhook is called.
    public init(calling call: WebhookCall) { webhook = call }
}

/// The name of something that a business notes about a conversation or a customer.
///
/// Written `size` for the conversation's own, `customer.size` for what is known in all conversations of the customer.
public struct AttributeName: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Whether it is known in all conversations of the customer.
    public let isOfCustomer: Bool
    /// The name: 1 to 40 of a-z, 0-9 and `_`, beginning with a letter.
    public let name: String

    /// Characters of the longest value.
    public static let longestValue = 1000
    /// Attributes that one conversation, or one customer, may have.
    public static let maximumCount = 100

    /// Reads the written form; nil if it is none.
    public init?(_ text: String) {
        let isOfCustomer = text.hasPrefix("customer.")
        let name = isOfCustomer ? String(text.dropFirst("customer.".count)) : text
        guard Self.isName(name) else { return nil }
        self.isOfCustomer = isOfCustomer
        self.name = name
    }

    /// Whether a text may be the name alone.
    public static func isName(_ text: String) -> Bool {
        guard (1...40).contains(text.utf8.count), let first = text.utf8.first, (0x61...0x7A).contains(first) else {
            return false
        }
        return text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F }
    }

    /// The written form.
    public var description: String { isOfCustomer ? "customer.\(name)" : name }

    /// By the written form.
    public static func < (left: Self, right: Self) -> Bool { left.description < right.description }
}

/// What labels may be.
public enum Label {
    /// Labels that one conversation may have.
    public static let maximumCount = 50

    /// Whether a text may be a label: 1 to 40 characters without control characters, with nothing blank at its ends.
    public static func isLabel(_ text: String) -> Bool {
        guard (1...40).contains(text.count), text.utf8.count <= 200, text.first?.isWhitespace == false,
            text.last?.isWhitespace == false
        else { return false }
        return text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
    }
}
