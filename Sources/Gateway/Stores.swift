import Telegram

/// Takes updates and says when they are safe.
public protocol Inbox: Sendable {
    /// Stores an update with all that it brings, together with whatever else waits, in one transaction.
    ///
    /// Returns at once, on any thread. `then` is called exactly once: on the writer's thread after the commit or the failure, or, where the
    /// update cannot even wait, on the caller's before this returns. It must not block. `stored`, `duplicate` and `conflict` mean that the update is on disk.
    func accept(_ record: IntakeRecord, then: @escaping @Sendable (IntakeOutcome) -> Void)
}

/// What became of an update.
public enum IntakeOutcome: Hashable, Sendable {
    /// It is new and on disk.
    case stored
    /// It was on disk already.
    case duplicate
    /// Its number was taken by another update; it is on disk too, and marked.
    case conflict
    /// It cannot be stored now; Telegram shall try again after so many seconds, 1 to 5.
    case unavailable(StoreError, retryAfterSeconds: Int)
}

/// Businesses and their bots.
public protocol Directory: Sendable {
    /// Adds a business. Throws `GatewayError.slugTaken`.
    func addBusiness(name: String, slug: Slug, at now: Timestamp) async throws -> Business
    /// All businesses in the order they were added.
    func businesses() async throws -> [Business]
    /// The business of that slug or id. Throws `GatewayError.unknownBusiness`.
    func business(named reference: String) async throws -> Business
    /// Gives a business a new name. Throws `GatewayError.unknownBusiness`.
    func renameBusiness(_ id: BusinessID, to name: String) async throws -> Business
    /// Suspends or resumes a business. Throws `GatewayError.unknownBusiness`.
    func setState(_ state: Business.State, of id: BusinessID) async throws -> Business
    /// Says what is done with calls of a business that were made and not answered. Throws `GatewayError.unknownBusiness`.
    func setOnUnknown(_ onUnknown: Business.OnUnknown, of id: BusinessID) async throws -> Business
}

/// The bots of the businesses, their sealed tokens included.
public protocol BotDirectory: Sendable {
    /// Adds a bot, unverified, in one transaction; `sealing` gets the id of the new row and may be called twice.
    ///
    /// Throws `GatewayError.botIsHere` or `.botIsElsewhere` if a bot that is not removed has that Telegram id.
    func addBot(_ draft: BotDraft, sealing: @escaping @Sendable (BotID) throws -> SealedCredentials) async throws -> Bot
    /// Replaces the sealed token of a bot and forgets the old one; the version must be one more than the present.
    ///
    /// Throws `GatewayError.unknownBot`.
    func replaceToken(_ token: Sealed, of bot: BotID) async throws
    /// All bots that are not removed, of one business or of all.
    func bots(of business: BusinessID?) async throws -> [Bot]
    /// The bot of that @username or id. Throws `GatewayError.unknownBot`.
    func bot(named reference: String) async throws -> Bot
    /// Pauses or resumes a bot. Throws `GatewayError.unknownBot`.
    func setPaused(_ isPaused: Bool, of bot: BotID) async throws -> Bot
    /// The sealed token and webhook secret of a bot.
    func credentials(of bot: BotID) async throws -> SealedCredentials
    /// Records what a check has found.
    func record(_ check: BotCheck, of bot: BotID, at now: Timestamp) async throws -> Bot
}

/// A bot to be added.
public struct BotDraft: Sendable {
    /// Whose it will be.
    public var businessID: BusinessID
    /// Telegram's user id of it.
    public var telegramID: Int64
    /// Its username; empty if Telegram could not be asked.
    public var username: String
    /// Its name.
    public var name: String
    /// The secret part of its webhook's path.
    public var hook: String
    /// The digest of its webhook's secret.
    public var secretDigest: SecretDigest
    /// When it is added.
    public var createdAt: Timestamp

    /// Makes a draft.
    public init(
        businessID: BusinessID,
        telegramID: Int64,
        username: String,
        name: String,
        hook: String,
        secretDigest: SecretDigest,
        createdAt: Timestamp
    ) {
        self.businessID = businessID
        self.telegramID = telegramID
        self.username = username
        self.name = name
        self.hook = hook
        self.secretDigest = secretDigest
        self.createdAt = createdAt
    }
}

/// Both secrets of a bot, sealed.
public struct SealedCredentials: Sendable {
    /// The token.
    public var token: Sealed
    /// The webhook's secret.
    public var secret: Sealed

    /// Makes a pair.
    public init(token: Sealed, secret: Sealed) {
        self.token = token
        self.secret = secret
    }
}

/// What was written.
///
/// Every method is bound to one business in its SQL.
public protocol Transcript: Sendable {
    /// Conversations, the one with the latest message first.
    func conversations(
        of business: BusinessID,
        matching filter: ConversationFilter,
        page: Page
    ) async throws -> Slice<Conversation>
    /// One conversation. Throws `GatewayError.unknownConversation`.
    func conversation(_ conversation: ConversationID, business: BusinessID) async throws -> Conversation
    /// Messages of a conversation in the order of arrival; `page` says in which direction. Throws `GatewayError.unknownConversation`.
    func messages(
        of conversation: ConversationID,
        business: BusinessID,
        page: Page,
        raw: Bool
    ) async throws -> Slice<Message>
    /// One message with everything that is known of it. Throws `GatewayError.unknownMessage`.
    func message(_ id: MessageID, business: BusinessID, raw: Bool) async throws -> Message
    /// Updates that were kept but not understood, newest first; of all businesses for nil.
    func keptUpdates(of business: BusinessID?, page: Page) async throws -> Slice<KeptUpdate>
}

/// What is kept of customers and of accounts beside the conversations.
///
/// Every method is bound to one business in its SQL.
public protocol AccountRecord: Sendable {
    /// What customers did outside any conversation, newest first.
    func customerEvents(of business: BusinessID, page: Page) async throws -> Slice<CustomerEventEntry>
    /// The accounts that its bots may act for, or might, by bot.
    func businessConnections(of business: BusinessID) async throws -> [BusinessConnection]
    /// The bots that its bots manage, by bot.
    func managedBots(of business: BusinessID) async throws -> [ManagedBot]
}

/// Which conversations are asked for.
public struct ConversationFilter: Hashable, Sendable {
    /// Of this bot alone.
    public var bot: BotID?
    /// Of this status alone.
    public var status: String?

    /// Makes a filter; nil asks for all.
    public init(bot: BotID? = nil, status: String? = nil) {
        self.bot = bot
        self.status = status
    }
}

/// A part of a list: never an offset, always a key to go on from.
public struct Page: Hashable, Sendable {
    /// Where to go on.
    public enum Position: Hashable, Sendable {
        /// From the newest, backwards.
        case newest
        /// What lies before the key, backwards.
        case before(Int64)
        /// What lies after the key, forwards.
        case after(Int64)
    }

    /// Where to go on.
    public var position: Position
    /// How many at the most.
    public var limit: Int

    /// The most that one read gives.
    public static let maximum = 200

    /// Makes a page; the limit is brought into 1 to 200.
    public init(_ position: Position = .newest, limit: Int = 50) {
        self.position = position
        self.limit = min(max(limit, 1), Self.maximum)
    }
}

/// What a page holds, and the key to go on from in the same direction.
public struct Slice<Element: Sendable>: Sendable {
    /// The elements in the page's direction.
    public var elements: [Element]
    /// The key of the last element, if more follow.
    public var next: Int64?

    /// Makes a slice.
    public init(elements: [Element], next: Int64?) {
        self.elements = elements
        self.next = next
    }
}

/// A key of a list as callers see it: opaque text.
public enum Cursor {
    /// Writes a key.
    public static func text(_ key: Int64) -> String { "k" + String(key, radix: 36) }

    /// Reads a key.
    ///
    /// Throws `GatewayError.badCursor`.
    public static func key(_ text: String) throws(GatewayError) -> Int64 {
        guard text.hasPrefix("k"), let key = Int64(text.dropFirst(), radix: 36), key >= 0, text == Self.text(key)
        else { throw .badCursor }
        return key
    }
}

/// What concerns the server as a whole.
public protocol ServerRecord: Sendable {
    /// What `serve` recorded about itself; nil if it never ran.
    func serverAddress() async throws -> ServerAddress?
    /// Records where the server is.
    func record(_ address: ServerAddress) async throws
    /// The value that tells a wrong master key; nil before `init`.
    func keyCheck() async throws -> Sealed?
    /// Stores that value.
    func setKeyCheck(_ check: Sealed) async throws
}

/// Where the server is and where it finds Telegram.
public struct ServerAddress: Hashable, Sendable {
    /// Where Telegram reaches it.
    public var publicURL: PublicURL
    /// The base URL of the Bot API.
    public var botAPI: String

    /// Makes an address.
    public init(publicURL: PublicURL, botAPI: String) {
        self.publicURL = publicURL
        self.botAPI = botAPI
    }
}

/// Gives the registry's contents, and says when they may have changed.
public protocol RegistrySource: Sendable {
    /// The version of what the registry holds: it rises with every change that the registry must see.
    func registryVersion() async throws -> Int64
    /// All bots that take webhooks, with the version that they were read at, in one transaction.
    func registeredBots() async throws -> (version: Int64, bots: [RegisteredBot])
    /// Ends when the store closes; an element means that another process, or an administrative write of this one, has committed.
    func changes() -> AsyncStream<Void>
    /// Looks whether another process has committed, now; the same happens with every batch of writes.
    func poll() async
}

/// Whether the store can take updates.
public protocol StoreCondition: Sendable {
    /// Commits a row, and looks at the room on the disk. Returns what is wrong, in words without secrets; empty if all is well.
    func problems() async -> [String]
}
