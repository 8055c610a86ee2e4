/// Events for webhooks as people look after them.
///
/// Every method is bound to one business in its SQL.
public protocol DeliveryRecord: Sendable {
    /// The latest first; those that failed alone if asked for.
    func deliveries(of business: BusinessID, failedOnly: Bool, page: Page) async throws -> Slice<Delivery>
    /// One by its id, or by that of its event. Throws `GatewayError.unknownDelivery`.
    func delivery(_ reference: String, of business: BusinessID) async throws -> Delivery
    /// Makes events be tried from the beginning, now, all or none; the id of the event stays.
    ///
    /// Throws `GatewayError.unknownDelivery`, `.webhookIsOff`.
    func replay(_ ids: [DeliveryID], of business: BusinessID, at now: Timestamp) async throws
    /// Gives up events that wait or failed, all or none. Throws `GatewayError.unknownDelivery`.
    func drop(_ ids: [DeliveryID], of business: BusinessID, at now: Timestamp) async throws
    /// The next ids of failed events that happened within a time, behind one; of one step or of all, with `onlyTold` of webhooks that are on.
    func failedDeliveries(
        of business: BusinessID,
        step: String?,
        from start: Timestamp,
        to end: Timestamp,
        onlyTold: Bool,
        after: DeliveryID?,
        limit: Int
    ) async throws -> [DeliveryID]
}

/// A webhook that has something to be told.
public struct DueEndpoint: Hashable, Sendable {
    /// The webhook.
    public var id: WebhookEndpointID
    /// Whose it is.
    public var business: BusinessID
    /// See `WebhookEndpoint`.
    public var renewal: Int64

    /// Makes one from its row.
    public init(id: WebhookEndpointID, business: BusinessID, renewal: Int64 = 0) {
        self.id = id
        self.business = business
        self.renewal = renewal
    }
}

/// An event that is to be tried now.
public struct DueDelivery: Sendable {
    /// The row.
    public var id: DeliveryID
    /// What is called, with what signs.
    public var endpoint: WebhookEndpoint
    /// What is told.
    public var event: WebhookEvent
    /// Whether the answer counts.
    public var mode: WebhookCall.Mode
    /// The answer must be there within so many seconds.
    public var timeoutSeconds: Int64
    /// How often it was tried before.
    public var attempts: Int

    /// Makes one from its row.
    public init(
        id: DeliveryID,
        endpoint: WebhookEndpoint,
        event: WebhookEvent,
        mode: WebhookCall.Mode,
        timeoutSeconds: Int64,
        attempts: Int
    ) {
        self.id = id
        self.endpoint = endpoint
        self.event = event
        self.mode = mode
        self.timeoutSeconds = timeoutSeconds
        self.attempts = attempts
    }
}

/// What became of a try that the sender made.
public struct DeliverySettlement: Sendable {
    /// The row.
    public var id: DeliveryID
    /// Whose it is.
    public var business: BusinessID
    /// Where it was told.
    public var url: String
    /// What became of it.
    public var end: DeliveryEnd

    /// Makes one.
    public init(id: DeliveryID, of business: BusinessID, at url: String, end: DeliveryEnd) {
        self.id = id
        self.business = business
        self.url = url
        self.end = end
    }
}

/// What came of writing settlements.
public struct DeliveryProgress: Sendable {
    /// Webhooks that are turned off by them: a handler wants no more, or has failed too long.
    public var turnedOff: [WebhookEndpoint] = []
    /// Rows that the database took no end of; they are as they were.
    public var faults: [DeliveryID] = []

    /// Nothing came of it yet.
    public init() {}
}

/// What is due, and when to look again.
public struct DueLook: Hashable, Sendable {
    /// The webhooks that have something due.
    public var endpoints: [DueEndpoint]
    /// When something else becomes due; nil for nothing.
    public var nextAt: Timestamp?

    /// Makes a look.
    public init(endpoints: [DueEndpoint], nextAt: Timestamp?) {
        self.endpoints = endpoints
        self.nextAt = nextAt
    }
}

/// Events for webhooks as their sender needs them.
public protocol DeliveryStore: Sendable {
    /// An element means that rows may have come or changed; ends when the store closes.
    func deliveryChanges() -> AsyncStream<Void>
    /// Which webhooks have something due: those that are on, that the pipeline calls and that have a secret, of businesses that run.
    func look(at now: Timestamp) async throws -> DueLook
    /// When the next event of one of these webhooks becomes due, of those that are not yet; nil for none.
    func nextDelivery(of webhooks: Set<DueEndpoint>, after now: Timestamp) async throws -> Timestamp?
    /// The next events of webhooks, the one that is due longest first, so many of each, without those named.
    func due(
        _ wanted: [DueEndpoint: Int],
        without: Set<DeliveryID>,
        at now: Timestamp
    ) async throws -> [DueDelivery]
    /// Writes what became of tries, in one transaction; what is not waiting any more is left alone.
    ///
    /// A row whose end the database does not take by its values fails alone, and is kept as failed with the reason.
    func settle(_ settlements: [DeliverySettlement], at now: Timestamp) async throws -> DeliveryProgress
    /// Gives up events that wait for webhooks that are off, or that have waited longer than `Delivery.longestWithoutSecret` for a secret or
    /// for a pipeline that calls the webhook; at most so many, and without those named, which are being told. How many there were.
    func giveUpForOff(limit: Int, without: Set<DeliveryID>, at now: Timestamp) async throws -> Int
    /// Forgets what has been settled for so long that nobody needs it, at most so many; how many there were.
    func pruneDeliveries(limit: Int, at now: Timestamp) async throws -> Int
}

/// An answer that came after its job was done.
public struct LateAnswer: Sendable {
    /// The event's row.
    public var id: DeliveryID
    /// Whose it is.
    public var business: BusinessID
    /// The step that called.
    public var step: String
    /// Where its actions go.
    public var conversation: ConversationID
    /// About which message.
    public var message: MessageID?
    /// The answer, whole.
    public var body: [UInt8]

    /// Makes one from its row.
    public init(
        id: DeliveryID,
        business: BusinessID,
        step: String,
        conversation: ConversationID,
        message: MessageID?,
        body: [UInt8]
    ) {
        self.id = id
        self.business = business
        self.step = step
        self.conversation = conversation
        self.message = message
        self.body = body
    }
}

extension LateAnswer {
    /// The answer as a job of its conversation.
    var job: PipelineJob {
        PipelineJob(
            id: -id.rawValue,
            business: business,
            conversation: conversation,
            receivedAt: Timestamp(milliseconds: 0),
            kind: .lateAnswer
        )
    }
}
