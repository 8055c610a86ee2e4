/// The id of a row, as people and programs write it: a prefix that tells what it names, and a number.
///
/// The written form is opaque to callers. Each kind is a type of its own, so that two ids cannot change places.
public protocol Identifier: RawRepresentable<Int64>, Hashable, Comparable, Sendable, LosslessStringConvertible {
    /// What the written form begins with, underscore included.
    static var prefix: String { get }

    /// Wraps the number of a row.
    init(rawValue: Int64)
}

extension Identifier {
    /// The written form, such as `bot_12`.
    public var description: String { Self.prefix + String(rawValue) }

    /// Reads the written form; nil for any other text, another spelling of the number included.
    public init?(_ description: String) {
        guard description.hasPrefix(Self.prefix), let number = Int64(description.dropFirst(Self.prefix.count)),
            number > 0, description == Self.prefix + String(number)
        else { return nil }
        self.init(rawValue: number)
    }

    /// Rows made earlier come first.
    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// Names a business.
public struct BusinessID: Identifier {
    /// The number of the row.
    public let rawValue: Int64
    /// `biz_`.
    public static let prefix = "biz_"
    /// Wraps the number of a row.
    public init(rawValue: Int64) { self.rawValue = rawValue }
}

/// Names a bot of ours; not Telegram's user id of it.
public struct BotID: Identifier {
    /// The number of the row.
    public let rawValue: Int64
    /// `bot_`.
    public static let prefix = "bot_"
    /// Wraps the number of a row.
    public init(rawValue: Int64) { self.rawValue = rawValue }
}

/// Names a person who writes to a business.
public struct CustomerID: Identifier {
    /// The number of the row.
    public let rawValue: Int64
    /// `cus_`.
    public static let prefix = "cus_"
    /// Wraps the number of a row.
    public init(rawValue: Int64) { self.rawValue = rawValue }
}

/// Names a conversation.
public struct ConversationID: Identifier {
    /// The number of the row.
    public let rawValue: Int64
    /// `cnv_`.
    public static let prefix = "cnv_"
    /// Wraps the number of a row.
    public init(rawValue: Int64) { self.rawValue = rawValue }
}

/// Names a message: its number in the order of arrival, which runs through the whole server.
public struct MessageID: Identifier {
    /// The arrival number.
    public let rawValue: Int64
    /// `msg_`.
    public static let prefix = "msg_"
    /// Wraps an arrival number.
    public init(rawValue: Int64) { self.rawValue = rawValue }
}

/// Names a raw update as it was kept.
public struct KeptUpdateID: Identifier {
    /// The arrival number.
    public let rawValue: Int64
    /// `upd_`.
    public static let prefix = "upd_"
    /// Wraps an arrival number.
    public init(rawValue: Int64) { self.rawValue = rawValue }
}

/// Names a webhook of a business: what its pipeline calls by the name of a step.
public struct WebhookEndpointID: Identifier {
    /// The number of the row.
    public let rawValue: Int64
    /// `whk_`.
    public static let prefix = "whk_"
    /// Wraps the number of a row.
    public init(rawValue: Int64) { self.rawValue = rawValue }
}

/// Names an event that is to be told to a webhook, with its tries.
public struct DeliveryID: Identifier {
    /// The number of the row.
    public let rawValue: Int64
    /// `dlv_`.
    public static let prefix = "dlv_"
    /// Wraps the number of a row.
    public init(rawValue: Int64) { self.rawValue = rawValue }
}
