extension MessageFixture {
    private static func service(
        _ name: String,
        _ value: String,
        _ words: String,
        files: [String] = []
    ) -> MessageFixture {
        .init(name: name, members: "\"\(name)\":\(value)", words: words, files: files, extra: [name])
    }

    private static let ben = #"{"id":502,"is_bot":false,"first_name":"Ben"}"#
    private static let anna = #"{"id":501,"is_bot":false,"first_name":"Anna","last_name":"Ivanova"}"#
    private static let gift =
        #"{"id":"g1","sticker":{"file_id":"gs","file_unique_id":"ugs","type":"regular","width":1,"height":1,"is_animated":false,"is_video":false},"star_count":25}"#
    private static let pinned =
        #"{"message_id":3,"chat":{"id":501,"type":"private","first_name":"Anna"},"date":0}"#

    /// Every kind of service message.
    static let services: [MessageFixture] = ofMembers + ofChats + ofMoney + ofPosts

    private static let ofMembers: [MessageFixture] = [
        service(
            "new_chat_members",
            "[\(ben),{\"id\":503,\"is_bot\":true,\"first_name\":\"Bot\"}]",
            "Anna Ivanova added Ben, Bot"
        ),
        service("left_chat_member", ben, "Anna Ivanova removed Ben"),
        service("chat_owner_left", "{\"new_owner\":\(ben)}", "the owner left the group; the next is Ben"),
        service("chat_owner_changed", "{\"new_owner\":\(ben)}", "the group belongs to Ben now"),
        service("boost_added", #"{"boost_count":1}"#, "Anna Ivanova boosted the group 1 time"),
        service(
            "video_chat_participants_invited",
            "{\"users\":[\(ben)]}",
            "Anna Ivanova invited Ben to the video chat"
        ),
        service(
            "users_shared",
            #"{"request_id":1,"users":[{"user_id":502,"first_name":"Ben"},{"user_id":503}]}"#,
            "Anna Ivanova shared Ben, somebody"
        ),
        service(
            "chat_shared",
            #"{"request_id":1,"chat_id":-5,"title":"Team"}"#,
            "Anna Ivanova shared a chat “Team”"
        ),
        service(
            "proximity_alert_triggered",
            "{\"traveler\":\(anna),\"watcher\":\(ben),\"distance\":50}",
            "Anna Ivanova is 50 m away from Ben"
        ),
        service("write_access_allowed", #"{"from_request":true}"#, "Anna Ivanova allowed the bot to write"),
        service("connected_website", #""example.com""#, "Anna Ivanova logged in at example.com"),
        service("passport_data", #"{"data":[],"credentials":{}}"#, "Anna Ivanova sent Telegram Passport data"),
        service(
            "web_app_data",
            #"{"data":"x","button_text":"Order"}"#,
            "Anna Ivanova sent data by the button “Order”"
        ),
        service(
            "managed_bot_created",
            #"{"bot":{"id":77,"is_bot":true,"first_name":"Helper"}}"#,
            "Anna Ivanova made the bot Helper"
        ),
    ]

    private static let ofChats: [MessageFixture] = [
        service("new_chat_title", #""Rose\n garden""#, "Anna Ivanova renamed the group to “Rose garden”"),
        service(
            "new_chat_photo",
            #"[{"file_id":"a","file_unique_id":"ua","width":160,"height":160}]"#,
            "Anna Ivanova changed the group's photo",
            files: ["photo"]
        ),
        service("delete_chat_photo", "true", "Anna Ivanova removed the group's photo"),
        service("group_chat_created", "true", "Anna Ivanova made the group"),
        service("supergroup_chat_created", "true", "the supergroup was made"),
        service("channel_chat_created", "true", "the channel was made"),
        service(
            "message_auto_delete_timer_changed",
            #"{"message_auto_delete_time":604800}"#,
            "messages delete themselves after 7 days"
        ),
        service("migrate_to_chat_id", "-1009007199254", "the group became a supergroup"),
        service("migrate_from_chat_id", "-4503599627370495", "the supergroup goes on from a group"),
        service("pinned_message", pinned, "Anna Ivanova pinned a message"),
        service(
            "chat_background_set",
            #"{"type":{"type":"chat_theme","theme_name":"🌷"}}"#,
            "Anna Ivanova set a background"
        ),
        service(
            "video_chat_scheduled",
            #"{"start_date":1795435200}"#,
            "a video chat is planned for 2026-11-23T12:00:00.000Z"
        ),
        service("video_chat_started", "{}", "Anna Ivanova started a video chat"),
        service("video_chat_ended", #"{"duration":300}"#, "the video chat ended after 5 minutes"),
        service("forum_topic_created", #"{"name":"Orders","icon_color":1}"#, "Anna Ivanova opened the topic “Orders”"),
        service("forum_topic_edited", #"{"name":"Returns"}"#, "Anna Ivanova renamed the topic to “Returns”"),
        service("forum_topic_closed", "{}", "Anna Ivanova closed the topic"),
        service("forum_topic_reopened", "{}", "Anna Ivanova opened the topic again"),
        service("general_forum_topic_hidden", "{}", "Anna Ivanova hid the General topic"),
        service("general_forum_topic_unhidden", "{}", "Anna Ivanova showed the General topic again"),
    ]

    private static let ofMoney: [MessageFixture] = [
        service(
            "successful_payment",
            #"{"currency":"XTR","total_amount":50,"invoice_payload":"p","telegram_payment_charge_id":"t","provider_payment_charge_id":"q"}"#,
            "Anna Ivanova paid 50 Stars"
        ),
        service(
            "refunded_payment",
            #"{"currency":"XTR","total_amount":1,"invoice_payload":"p","telegram_payment_charge_id":"t"}"#,
            "a payment of 1 Star was given back"
        ),
        service("gift", "{\"gift\":\(gift)}", "Anna Ivanova sent a gift worth 25 Stars"),
        service(
            "unique_gift",
            #"{"gift":{"gift_id":"g","base_name":"Plush Fox","name":"PlushFox-12","number":12},"origin":"transfer"}"#,
            "Anna Ivanova sent the unique gift Plush Fox #12"
        ),
        service("gift_upgrade_sent", "{\"gift\":\(gift)}", "Anna Ivanova paid for the upgrade of a gift"),
        service(
            "direct_message_price_changed",
            #"{"are_direct_messages_enabled":true,"direct_message_star_count":10}"#,
            "direct messages to the channel cost 10 Stars"
        ),
        service("paid_message_price_changed", #"{"paid_message_star_count":0}"#, "messages cost 0 Stars"),
        service("giveaway_created", "{}", "a giveaway was announced"),
        service("giveaway_completed", #"{"winner_count":3}"#, "a giveaway ended with 3 winners"),
    ]

    private static let ofPosts: [MessageFixture] = [
        service(
            "checklist_tasks_done",
            #"{"marked_as_done_task_ids":[1,2],"marked_as_not_done_task_ids":[3]}"#,
            "Anna Ivanova marked 2 tasks as done, 1 task as not done"
        ),
        service(
            "checklist_tasks_added",
            #"{"tasks":[{"id":4,"text":"tea"}]}"#,
            "Anna Ivanova added 1 task to the checklist"
        ),
        service(
            "poll_option_added",
            #"{"option_persistent_id":"o","option_text":"later"}"#,
            "Anna Ivanova added the option “later” to the poll"
        ),
        service(
            "poll_option_deleted",
            #"{"option_persistent_id":"o","option_text":"later"}"#,
            "Anna Ivanova removed the option “later” from the poll"
        ),
        service(
            "suggested_post_approved",
            #"{"send_date":1795435200}"#,
            "the suggested post was approved for 2026-11-23T12:00:00.000Z"
        ),
        service(
            "suggested_post_approval_failed",
            #"{"price":{"currency":"TON","amount":10000000}}"#,
            "the suggested post could not be paid: it costs 10000000 nanotoncoins"
        ),
        service(
            "suggested_post_declined",
            #"{"comment":"not now"}"#,
            "the suggested post was declined: not now"
        ),
        service(
            "suggested_post_paid",
            #"{"currency":"XTR","star_amount":{"amount":20}}"#,
            "the suggested post was paid with 20 Stars"
        ),
        service(
            "suggested_post_refunded",
            #"{"reason":"post_deleted"}"#,
            "the suggested post's price was given back: the post was deleted too early"
        ),
    ]

    /// The service fields of Bot API 10.1.
    static let serviceFields: Set<String> = [
        "new_chat_members", "left_chat_member", "chat_owner_left", "chat_owner_changed", "new_chat_title",
        "new_chat_photo", "delete_chat_photo", "group_chat_created", "supergroup_chat_created", "channel_chat_created",
        "message_auto_delete_timer_changed", "migrate_to_chat_id", "migrate_from_chat_id", "pinned_message",
        "successful_payment", "refunded_payment", "users_shared", "chat_shared", "gift", "unique_gift",
        "gift_upgrade_sent", "connected_website", "write_access_allowed", "passport_data", "proximity_alert_triggered",
        "boost_added", "chat_background_set", "checklist_tasks_done", "checklist_tasks_added",
        "direct_message_price_changed", "forum_topic_created", "forum_topic_edited", "forum_topic_closed",
        "forum_topic_reopened", "general_forum_topic_hidden", "general_forum_topic_unhidden", "giveaway_created",
        "giveaway_completed", "managed_bot_created", "paid_message_price_changed", "poll_option_added",
        "poll_option_deleted", "suggested_post_approved", "suggested_post_approval_failed", "suggested_post_declined",
        "suggested_post_paid", "suggested_post_refunded", "video_chat_scheduled", "video_chat_started",
        "video_chat_ended", "video_chat_participants_invited", "web_app_data",
    ]

    /// The fields of Bot API 10.1 that say how a message came about, and where.
    static let envelopeFields: Set<String> = [
        "message_id", "message_thread_id", "direct_messages_topic", "from", "sender_chat", "sender_boost_count",
        "sender_business_bot", "sender_tag", "date", "guest_query_id", "business_connection_id", "chat",
        "forward_origin", "is_topic_message", "is_automatic_forward", "reply_to_message", "external_reply", "quote",
        "reply_to_story", "reply_to_checklist_task_id", "reply_to_poll_option_id", "via_bot", "guest_bot_caller_user",
        "guest_bot_caller_chat", "edit_date", "has_protected_content", "is_from_offline", "is_paid_post",
        "media_group_id", "author_signature", "paid_star_count", "entities", "link_preview_options",
        "suggested_post_info", "effect_id", "caption", "caption_entities", "show_caption_above_media",
        "has_media_spoiler", "reply_markup",
    ]
}
