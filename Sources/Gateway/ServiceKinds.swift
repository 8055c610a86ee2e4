import Telegram

/// What a service message says: one line for each kind.
///
/// To add a kind, add its line here. **Source:** Bot API, type `Message`.
struct ServiceKind: Sendable {
    /// The name of the field, or of the kind of update.
    let name: String
    /// What the field must hold to count.
    let shape: JSONShape
    /// How its files are found.
    let files: FileShape
    /// What happened, in words.
    let words: @Sendable (Telling) -> String

    init(
        _ name: String,
        _ shape: JSONShape = .object,
        files: FileShape = .none,
        words: @escaping @Sendable (Telling) -> String
    ) {
        self.name = name
        self.shape = shape
        self.files = files
        self.words = words
    }

    /// The fields of a message.
    static let fields: [ServiceKind] = ofMembers + ofChats + ofMoney + ofTopics + ofPosts

    private static let ofMembers: [ServiceKind] = [
        ServiceKind("new_chat_members", .array) { telling in
            telling.isAbout(telling.details?.elements?.firstElement)
                ? "\(telling.who) joined the group" : "\(telling.who) added \(telling.people(nil))"
        },
        ServiceKind("left_chat_member") { telling in
            telling.isAbout(telling.details)
                ? "\(telling.who) left the group" : "\(telling.who) removed \(telling.name ?? "somebody")"
        },
        ServiceKind("chat_owner_left") { "the owner left the group; the next is \($0.person("new_owner"))" },
        ServiceKind("chat_owner_changed") { "the group belongs to \($0.person("new_owner")) now" },
        ServiceKind("boost_added") { "\($0.who) boosted the group \($0.counted("boost_count", "time"))" },
        ServiceKind("video_chat_participants_invited") { "\($0.who) invited \($0.people("users")) to the video chat" },
        ServiceKind("users_shared") { "\($0.who) shared \($0.people("users"))" },
        ServiceKind("chat_shared") { "\($0.who) shared a chat\($0.quoted("title"))" },
        ServiceKind("proximity_alert_triggered") {
            "\($0.person("traveler")) is \($0.raw("distance")) m away from \($0.person("watcher"))"
        },
        ServiceKind("write_access_allowed") { "\($0.who) allowed the bot to write" },
        ServiceKind("connected_website", .string) { "\($0.who) logged in at \($0.ownText)" },
        ServiceKind("passport_data") { "\($0.who) sent Telegram Passport data" },
        ServiceKind("web_app_data") { "\($0.who) sent data by the button\($0.quoted("button_text"))" },
        ServiceKind("managed_bot_created") { "\($0.who) made the bot \($0.person("bot"))" },
    ]

    private static let ofChats: [ServiceKind] = [
        ServiceKind("new_chat_title", .string) { "\($0.who) renamed the group to “\($0.ownText)”" },
        ServiceKind("new_chat_photo", .array, files: .sizes) { "\($0.who) changed the group's photo" },
        ServiceKind("delete_chat_photo", .flag) { "\($0.who) removed the group's photo" },
        ServiceKind("group_chat_created", .flag) { "\($0.who) made the group" },
        ServiceKind("supergroup_chat_created", .flag) { _ in "the supergroup was made" },
        ServiceKind("channel_chat_created", .flag) { _ in "the channel was made" },
        ServiceKind("message_auto_delete_timer_changed") { telling in
            telling.number("message_auto_delete_time") == 0
                ? "messages no longer delete themselves"
                : "messages delete themselves after \(telling.length("message_auto_delete_time"))"
        },
        ServiceKind("migrate_to_chat_id", .number) { _ in "the group became a supergroup" },
        ServiceKind("migrate_from_chat_id", .number) { _ in "the supergroup goes on from a group" },
        ServiceKind("pinned_message") { "\($0.who) pinned a message" },
        ServiceKind("chat_background_set") { "\($0.who) set a background" },
        ServiceKind("video_chat_scheduled") { "a video chat is planned for \($0.moment("start_date"))" },
        ServiceKind("video_chat_started") { "\($0.who) started a video chat" },
        ServiceKind("video_chat_ended") { "the video chat ended after \($0.length("duration"))" },
    ]

    private static let ofMoney: [ServiceKind] = [
        ServiceKind("successful_payment") { "\($0.who) paid \($0.amount())" },
        ServiceKind("refunded_payment") { "a payment of \($0.amount()) was given back" },
        ServiceKind("gift") { "\($0.who) sent a gift worth \($0.inside("gift").stars("star_count"))" },
        ServiceKind("unique_gift") { telling in
            let gift = telling.inside("gift")
            return "\(telling.who) sent the unique gift \(gift.string("base_name") ?? "") #\(gift.raw("number"))"
        },
        ServiceKind("gift_upgrade_sent") { "\($0.who) paid for the upgrade of a gift" },
        ServiceKind("direct_message_price_changed") { telling in
            guard telling.details?["are_direct_messages_enabled"]?.bool == true else {
                return "the channel takes no direct messages any more"
            }
            return "direct messages to the channel cost \(telling.stars("direct_message_star_count"))"
        },
        ServiceKind("paid_message_price_changed") { "messages cost \($0.stars("paid_message_star_count"))" },
        ServiceKind("giveaway_created") { _ in "a giveaway was announced" },
        ServiceKind("giveaway_completed") { "a giveaway ended with \($0.counted("winner_count", "winner"))" },
    ]

    private static let ofTopics: [ServiceKind] = [
        ServiceKind("forum_topic_created") { "\($0.who) opened the topic\($0.quoted("name"))" },
        ServiceKind("forum_topic_edited") { telling in
            telling.string("name") == nil
                ? "\(telling.who) changed the topic's icon"
                : "\(telling.who) renamed the topic to\(telling.quoted("name"))"
        },
        ServiceKind("forum_topic_closed") { "\($0.who) closed the topic" },
        ServiceKind("forum_topic_reopened") { "\($0.who) opened the topic again" },
        ServiceKind("general_forum_topic_hidden") { "\($0.who) hid the General topic" },
        ServiceKind("general_forum_topic_unhidden") { "\($0.who) showed the General topic again" },
    ]

    private static let ofPosts: [ServiceKind] = [
        ServiceKind("checklist_tasks_done") { telling in
            let done = telling.count("marked_as_done_task_ids")
            let undone = telling.count("marked_as_not_done_task_ids")
            let words = [(done, "done"), (undone, "not done")].filter { $0.0 > 0 }
                .map { "\(Telling.counted(Int64($0.0), "task")) as \($0.1)" }
            return "\(telling.who) marked \(words.isEmpty ? "tasks" : words.joined(separator: ", "))"
        },
        ServiceKind("checklist_tasks_added") { telling in
            "\(telling.who) added \(Telling.counted(Int64(telling.count("tasks")), "task")) to the checklist"
        },
        ServiceKind("poll_option_added") { "\($0.who) added the option\($0.quoted("option_text")) to the poll" },
        ServiceKind("poll_option_deleted") { "\($0.who) removed the option\($0.quoted("option_text")) from the poll" },
        ServiceKind("suggested_post_approved") {
            "the suggested post was approved for \($0.moment("send_date"))"
        },
        ServiceKind("suggested_post_approval_failed") { telling in
            "the suggested post could not be paid: it costs \(telling.inside("price").amount("amount"))"
        },
        ServiceKind("suggested_post_declined") { telling in
            "the suggested post was declined\(telling.string("comment").map { ": \($0)" } ?? "")"
        },
        ServiceKind("suggested_post_paid") { telling in
            let stars = telling.inside("star_amount")
            return stars.number("amount") == nil
                ? "the suggested post was paid with \(telling.amount("amount"))"
                : "the suggested post was paid with \(stars.stars("amount"))"
        },
        ServiceKind("suggested_post_refunded") { telling in
            telling.string("reason") == "post_deleted"
                ? "the suggested post's price was given back: the post was deleted too early"
                : "the suggested post's price was given back"
        },
    ]

    /// Kinds of update, other than messages, that are entries of a conversation.
    static let entries: [ServiceKind] = [
        ServiceKind("callback_query") { telling in
            if let game = telling.string("game_short_name") { return "\(telling.who) wants to play “\(game)”" }
            return "\(telling.who) pressed a button\(telling.text.map { ": \($0)" } ?? "")"
        },
        ServiceKind("my_chat_member") { telling in
            switch telling.extra?["membership"]?.string.flatMap(MembershipChange.init(rawValue:)) {
            case .blocked: "\(telling.who) blocked the bot"
            case .unblocked: "\(telling.who) takes the bot's messages again"
            case .joined:
                telling.wasMember
                    ? "\(telling.who) changed what the bot may do" : "\(telling.who) added the bot"
            case .left:
                telling.newStatus == "kicked" ? "\(telling.who) banned the bot" : "\(telling.who) removed the bot"
            case nil: "\(telling.who) changed the bot's membership"
            }
        },
        ServiceKind("chat_member") { telling in
            let member = telling.inside("new_chat_member")
            let name = member.person("user")
            let itself = telling.isAbout(member.details?["user"])
            switch (telling.wasMember, telling.isMember) {
            case (false, true): return itself ? "\(name) joined" : "\(telling.who) let \(name) in"
            case (true, false): return itself ? "\(name) left" : "\(telling.who) removed \(name)"
            case (true, true): return "\(telling.who) changed what \(name) may do"
            case (false, false): return "\(telling.who) changed the ban of \(name)"
            }
        },
        ServiceKind("chat_join_request") { "\($0.who) asks to join" },
        ServiceKind("chat_boost") { "\($0.who) boosts the chat until \($0.moment("expiration_date"))" },
        ServiceKind("removed_chat_boost") { "\($0.who) no longer boosts the chat" },
    ]

    static let byName: [String: ServiceKind] = Dictionary((fields + entries).map { ($0.name, $0) }) { first, _ in first
    }
}
