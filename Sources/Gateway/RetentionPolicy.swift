import Telegram

/// How long a business's raw updates are kept.
///
/// A raw update is the body as Telegram delivered it, and the number by which a repeated delivery is told. Neither is needed to show a history.
public struct RetentionPolicy: Hashable, Sendable {
    /// After so many days the body goes, 0 to 365.
    public let rawDays: Int

    /// The days that a body may be kept.
    public static let allowedDays = 0...365
    /// What holds where nothing was chosen: a week.
    public static let standard = RetentionPolicy(days: 7)

    /// After so many days a number may be new again.
    ///
    /// **Source:** Bot API, `Update.update_id`: after a week without updates the next number is random. Deliveries are repeated for a day.
    static let numberDays = 7
    /// After so many days what was kept but not understood is no longer listed.
    static let markedDays = 30

    private init(days: Int) { rawDays = days }

    /// Takes a number of days; nil if it is not allowed.
    public init?(rawDays: Int) {
        guard Self.allowedDays.contains(rawDays) else { return nil }
        self.rawDays = rawDays
    }

    /// Takes a time as people write it: `7d`.
    ///
    /// - Throws: `GatewayError.badRetention`.
    public init(raw text: String) throws(GatewayError) {
        guard text.hasSuffix("d"), let days = Int(text.dropLast()), Self.allowedDays.contains(days),
            text == "\(days)d"
        else { throw .badRetention(text) }
        self.rawDays = days
    }

    /// The time as people write it.
    public var raw: String { "\(rawDays)d" }

    /// The ages in days at which something becomes due.
    var horizons: Set<Int> { [rawDays, Self.numberDays, Self.markedDays] }

    /// What is due of an update.
    ///
    /// The body goes when the policy says so; the number after a week; the row when it has neither, and, where it is listed as not understood,
    /// after thirty days. What is still to be worked on stays whole.
    func due(_ update: AgedUpdate, at now: Timestamp) -> Due {
        let age = now.milliseconds - update.receivedAt.milliseconds
        func isPast(_ days: Int) -> Bool { age >= Int64(days) * 86_400_000 }
        guard !update.isOpen, age >= 0 else { return Due() }
        let (body, number) = (isPast(rawDays), isPast(Self.numberDays))
        if body, number, !update.isMarked || isPast(Self.markedDays) { return Due(row: true) }
        return Due(body: body && update.hasBody, number: number && update.hasNumber)
    }

    /// What is to go of an update.
    struct Due: Hashable {
        var row = false
        var body = false
        var number = false
    }
}

/// A raw update, as far as its age is concerned.
public struct AgedUpdate: Hashable, Sendable {
    /// The id.
    public var id: KeptUpdateID
    /// Whose it is.
    public var businessID: BusinessID
    /// When it came.
    public var receivedAt: Timestamp
    /// Whether it is still to be worked on.
    public var isOpen: Bool
    /// Whether it is listed as not understood.
    public var isMarked: Bool
    /// Whether it holds its number: then a delivery with that number is a repetition.
    public var hasNumber: Bool
    /// Whether it holds its body.
    public var hasBody: Bool

    /// Makes an entry from its row.
    public init(
        id: KeptUpdateID,
        businessID: BusinessID,
        receivedAt: Timestamp,
        isOpen: Bool,
        isMarked: Bool,
        hasNumber: Bool,
        hasBody: Bool
    ) {
        self.id = id
        self.businessID = businessID
        self.receivedAt = receivedAt
        self.isOpen = isOpen
        self.isMarked = isMarked
        self.hasNumber = hasNumber
        self.hasBody = hasBody
    }
}

/// What is to go in one transaction.
public struct RetentionStep: Hashable, Sendable {
    /// Updates that lose their bodies.
    public var bodies: [KeptUpdateID] = []
    /// Updates that give up their numbers; what they were called stays readable.
    public var numbers: [KeptUpdateID] = []
    /// Updates that go wholly.
    public var rows: [KeptUpdateID] = []

    /// Makes a step.
    public init(bodies: [KeptUpdateID] = [], numbers: [KeptUpdateID] = [], rows: [KeptUpdateID] = []) {
        self.bodies = bodies
        self.numbers = numbers
        self.rows = rows
    }

    /// Whether nothing is to go.
    public var isEmpty: Bool { bodies.isEmpty && numbers.isEmpty && rows.isEmpty }
}

/// How long things are kept, and what is old.
public protocol RetentionStore: Sendable {
    /// The policy of a business. Throws `GatewayError.unknownBusiness`.
    func retention(of business: BusinessID) async throws -> RetentionPolicy
    /// Chooses the policy of a business. Throws `GatewayError.unknownBusiness`, `.businessIsRemoved`.
    func setRetention(_ policy: RetentionPolicy, of business: BusinessID) async throws
    /// The policies of all businesses.
    func retentionPolicies() async throws -> [BusinessID: RetentionPolicy]
    /// Updates after that one in the order of arrival, at most so many.
    func updates(after id: KeptUpdateID, limit: Int) async throws -> [AgedUpdate]
    /// Lets go what a step names, in one transaction; what is still to be worked on, or is gone already, is passed over.
    ///
    /// Returns how many rows were changed or removed.
    func prune(_ step: RetentionStep) async throws -> Int
}
