import Telegram

/// A group, supergroup or channel.
public struct GroupChat: Hashable, Sendable {
    /// What kind of chat it is.
    public enum Kind: String, Sendable {
        case group, supergroup, channel
    }

    /// Negative; a supergroup's or channel's begins with -100.
    public let id: Int64
    /// Its title.
    public let title: String
    /// Whether it is a basic group, a supergroup, as nearly all are, or a channel.
    public let kind: Kind
    /// Whether its messages are in topics.
    public let isForum: Bool
    /// Its public name, without `@`; none for a private one.
    public let username: String?

    /// Whether it is a supergroup.
    public var isSupergroup: Bool { kind == .supergroup }

    /// Whether its messages are counted on their own.
    var numbersItsMessages: Bool { kind != .group }

    var chat: JSON {
        var json: JSON = ["id": .int(id), "title": .string(title)]
        json["username"] = username.map { .string($0) }
        json["type"] = .string(kind.rawValue)
        if isForum { json["is_forum"] = true }
        if kind == .group { json["all_members_are_administrators"] = false }
        return json
    }
}

/// What a bot or a person is in a group.
public enum Membership: String, Hashable, Sendable {
    case member, administrator, left, kicked

    /// Whether they are in the group.
    public var isIn: Bool { self == .member || self == .administrator }

    /// The `ChatMember` of somebody.
    func json(of user: JSON) -> JSON {
        var json: JSON = ["user": user, "status": .string(rawValue)]
        switch self {
        case .administrator:
            for right in Self.rights { json[right] = true }
            json["can_be_edited"] = false
            json["is_anonymous"] = false
        case .kicked: json["until_date"] = 0
        case .member, .left: break
        }
        return json
    }

    /// **Source:** Bot API, type `ChatMemberAdministrator`.
    private static let rights = [
        "can_manage_chat", "can_delete_messages", "can_manage_video_chats", "can_restrict_members",
        "can_promote_members", "can_change_info", "can_invite_users", "can_post_stories", "can_edit_stories",
        "can_delete_stories", "can_pin_messages", "can_manage_topics",
    ]
}

/// All that is known about a group.
struct GroupState: Sendable {
    var chat: GroupChat
    var nextMessageID: Int64 = 1
    /// Bots and people; a bot that somebody speaks to in the group is in it from then on.
    var members: [Int64: Membership] = [:]
    /// People who ask to be let in.
    var joinRequests: Set<Int64> = []
    /// The supergroup that it has become.
    var migratedTo: Int64?
    /// The topics by their thread, with their names.
    var topics: [Int64: String] = [:]

    init(_ chat: GroupChat) { self.chat = chat }
}

extension SimulatedTelegram {
    /// Adds a group that people and bots can be in.
    ///
    /// - Parameters:
    ///   - isForum: puts its messages into topics; only a supergroup can.
    ///   - username: its public name, without `@`.
    @discardableResult
    public func addGroup(
        title: String,
        isSupergroup: Bool = true,
        isForum: Bool = false,
        username: String? = nil
    ) -> GroupChat {
        change { state, _ in
            state.addGroup(title, isSupergroup ? .supergroup : .group, isForum: isForum && isSupergroup, username)
        }
    }

    /// Adds a channel; its posts reach the bots that are its administrators.
    @discardableResult
    public func addChannel(title: String, username: String? = nil) -> GroupChat {
        change { state, _ in state.addGroup(title, .channel, isForum: false, username) }
    }

    /// The group, supergroup or channel with that id.
    public func group(_ id: Int64) throws(SimulatorError) -> GroupChat {
        try read { (state) throws(SimulatorError) in try state.group(id).chat }
    }
}

extension Simulation {
    mutating func addGroup(
        _ title: String,
        _ kind: GroupChat.Kind,
        isForum: Bool,
        _ username: String?
    ) -> GroupChat {
        let number = nextGroupID
        nextGroupID += 1
        let id = kind == .group ? -4_000_000 - number : -1_002_000_000_000 - number
        let group = GroupChat(id: id, title: title, kind: kind, isForum: isForum, username: username)
        groups[id] = GroupState(group)
        if let username {
            groupIDs[username.lowercased()] = id
            usernames.insert(username.lowercased())
        }
        return group
    }

    func group(_ id: Int64) throws(SimulatorError) -> GroupState {
        guard let group = groups[id] else { throw .unknownGroup(id) }
        return group
    }
}
