import Telegram

/// The fields of a `Message`, sorted by what the history does with them, in one pass.
///
/// **Source:** Bot API, type `Message`.
struct MessageFields {
    /// What the history does with a field.
    private enum Use: Sendable {
        /// It has a place of its own in the record.
        case own(Own)
        /// The same, and it stays in `extra`.
        case ownAndKept(Own)
        /// It is what the message holds: the place in `ContentKind.all`.
        case content(Int)
        /// It is what a service message says: the place in `ServiceKind.fields`.
        case service(Int)
        /// It stays in `extra` as it is.
        case kept
        /// It repeats another field for old programs, or says nothing about the message.
        case left
    }

    private(set) var messageID: JSONView?
    private(set) var chat: JSONView?
    private(set) var date: JSONView?
    private(set) var from: JSONView?
    private(set) var senderChat: JSONView?
    private(set) var businessBot: JSONView?
    private(set) var threadID: JSONView?
    private(set) var isTopicMessage: JSONView?
    private(set) var directMessagesTopic: JSONView?
    private(set) var replyTo: JSONView?
    private(set) var editDate: JSONView?
    private(set) var albumID: JSONView?
    private(set) var caption: JSONView?
    /// What the message holds; nil for a service message and for content that is not known.
    private(set) var content: (kind: Int, value: JSONView)?
    /// What the service message says.
    private(set) var service: (kind: Int, value: JSONView)?
    /// What stays in `extra` under its own name.
    private(set) var kept: [(name: String, value: JSONView)] = []
    /// Fields that this version does not know, with their names as written.
    private(set) var unknown: [(name: JSONView, value: JSONView)] = []

    /// The fields that the record has places for, by their names.
    private enum Own: String, CaseIterable {
        case messageID = "message_id"
        case chat, date, from, caption
        case senderChat = "sender_chat"
        case businessBot = "sender_business_bot"
        case threadID = "message_thread_id"
        case isTopicMessage = "is_topic_message"
        case directMessagesTopic = "direct_messages_topic"
        case replyTo = "reply_to_message"
        case editDate = "edit_date"
        case albumID = "media_group_id"

        /// Whether the record's place does not say all of it.
        var isKept: Bool { self == .businessBot || self == .directMessagesTopic }
    }

    private mutating func put(_ value: JSONView, in place: Own) {
        switch place {
        case .messageID: messageID = value
        case .chat: chat = value
        case .date: date = value
        case .from: from = value
        case .caption: caption = value
        case .senderChat: senderChat = value
        case .businessBot: businessBot = value
        case .threadID: threadID = value
        case .isTopicMessage: isTopicMessage = value
        case .directMessagesTopic: directMessagesTopic = value
        case .replyTo: replyTo = value
        case .editDate: editDate = value
        case .albumID: albumID = value
        }
    }

    /// What history needs beside the message's own columns once the raw body is gone.
    private static let keptFields = [
        "entities", "caption_entities", "link_preview_options", "quote", "external_reply", "forward_origin",
        "is_automatic_forward", "reply_to_story", "reply_to_checklist_task_id", "reply_to_poll_option_id", "via_bot",
        "guest_query_id", "guest_bot_caller_user", "guest_bot_caller_chat", "sender_boost_count", "sender_tag",
        "has_protected_content", "is_from_offline", "is_paid_post", "paid_star_count", "author_signature",
        "suggested_post_info", "effect_id", "show_caption_above_media", "has_media_spoiler", "reply_markup",
    ]

    /// What the message's space says already, and what Telegram's server still writes for old programs.
    ///
    /// **Source:** tdlib/telegram-bot-api, `JsonMessage::store`.
    private static let leftFields = [
        "business_connection_id", "forward_from", "forward_from_chat", "forward_from_message_id", "forward_signature",
        "forward_sender_name",
        "forward_date", "new_chat_participant", "new_chat_member", "left_chat_participant", "voice_chat_scheduled",
        "voice_chat_started", "voice_chat_ended", "voice_chat_participants_invited", "user_shared",
    ]

    private static let table: [(name: String, use: Use)] =
        Own.allCases.map { ($0.rawValue, $0.isKept ? .ownAndKept($0) : .own($0)) }
        + ContentKind.all.enumerated().map { ($0.element.name, .content($0.offset)) }
        + ServiceKind.fields.enumerated().map { ($0.element.name, .service($0.offset)) }
        + keptFields.map { ($0, .kept) } + leftFields.map { ($0, .left) }

    private static let uses = table.map(\.use)

    /// The fields that are looked for.
    static let names = JSONNames(table.map(\.name))

    /// How many fields there are to look for: no more than `JSONNames` holds.
    static var count: Int { table.count }

    init(_ message: JSONView) {
        var fields = Self()
        var losers: [(kind: Int, value: JSONView)] = []
        message.forEachMember(of: Self.names) { index, name, value in
            guard let index else {
                fields.unknown.append((name, value))
                return
            }
            switch Self.uses[index] {
            case .own(let place): fields.put(value, in: place)
            case .ownAndKept(let place):
                fields.put(value, in: place)
                fields.kept.append((Self.names.names[index], value))
            case .content(let kind):
                guard ContentKind.all[kind].shape.fits(value) else { return }
                guard let rival = fields.content else {
                    fields.content = (kind, value)
                    return
                }
                losers.append(kind < rival.kind ? rival : (kind, value))
                if kind < rival.kind { fields.content = (kind, value) }
            case .service(let kind):
                guard ServiceKind.fields[kind].shape.fits(value) else { return }
                if fields.service == nil {
                    fields.service = (kind, value)
                } else {
                    fields.kept.append((Self.names.names[index], value))
                }
            case .kept: fields.kept.append((Self.names.names[index], value))
            case .left: return
            }
        }
        fields.settle(losers)
        self = fields
    }

    private init() {}

    /// A field that lost against another stays in `extra`, unless it only repeats the other.
    private mutating func settle(_ losers: [(kind: Int, value: JSONView)]) {
        guard let content else { return }
        let doubles = ContentKind.all[content.kind].doubles
        for loser in losers where !doubles.contains(ContentKind.all[loser.kind].name) {
            kept.append((ContentKind.all[loser.kind].name, loser.value))
        }
        if let said = service {
            kept.append((ServiceKind.fields[said.kind].name, said.value))
            service = nil
        }
    }
}
