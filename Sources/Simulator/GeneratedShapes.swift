/// The table that `GeneratedUpdates` draws from: the types that an update can hold, with their fields.
///
/// **Source:** Bot API 10.1, the types that can be reached from `Update`.
enum GeneratedShapes {
    /// What a field holds.
    indirect enum Shape: Sendable {
        case text, number, id, date, fraction, flag
        /// One of these words.
        case word([String])
        case list(Shape)
        /// An object of that type.
        case object(String)

        fileprivate init(_ spelling: Substring) {
            switch spelling {
            case "text": self = .text
            case "number": self = .number
            case "id": self = .id
            case "date": self = .date
            case "fraction": self = .fraction
            case "flag": self = .flag
            case _ where spelling.hasPrefix("["): self = .list(Shape(spelling.dropFirst()))
            case _ where spelling.hasPrefix("="):
                self = .word(spelling.dropFirst().split(separator: "|").map(String.init))
            default: self = .object(String(spelling))
            }
        }
    }

    /// One field of a type.
    struct Field: Sendable {
        let name: String
        let shape: Shape
        /// Whether Telegram always writes it.
        let isNeeded: Bool

        fileprivate init?(_ spelling: Substring) {
            let parts = spelling.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { return nil }
            name = String(parts[0])
            isNeeded = parts[1].hasSuffix("!")
            shape = Shape(isNeeded ? parts[1].dropLast() : parts[1])
        }
    }

    /// What a type is: its fields, or the types that it may be.
    enum Definition: Sendable {
        case fields([Field])
        case oneOf([String])
    }

    /// Pieces of hostile text: ends of strings, signs that turn the direction, halves of joined characters, markup, paths, terminal codes.
    static let pieces = [
        "a", " ", "\n", "\r\n", "\t", "\u{0}", "\u{7f}", "\u{1B}[2J", "\u{202E}", "\u{2066}", "\u{2028}", "\u{FEFF}",
        "\u{FFFF}",
        "\u{10FFFF}", "\u{301}", "\u{200D}", "👨‍👩‍👧", "🦊", "Привет", "مرحبا", "世界", "\"", "\\", "\\u0000", "/", "'", "';--",
        "<b>&amp;", "{{name}}", "%s%n", "../../etc", "{\"update_id\":1}", "/start x", "https://example.com/?a=1&b=2",
        "1e999", "null",
    ]

    /// What stands under each kind of update.
    static let payloads: [String: Shape] = Dictionary(
        fields(of: kindsTable).map { ($0.name, $0.shape) }
    ) { first, _ in first }

    /// What a message can hold or tell.
    static let contents = fields(of: contentsTable)

    /// All types, by their names.
    static let types: [String: Definition] = {
        var types: [String: Definition] = [:]
        // A line that begins with spaces goes on with the type before.
        for line in typesTable.replacing("\n  ", with: " ").split(separator: "\n") {
            let words = line.split(separator: " ")
            guard let name = words.first.map(String.init) else { continue }
            types[name] =
                words.dropFirst().first == "|"
                ? .oneOf(words.dropFirst(2).map(String.init)) : .fields(words.dropFirst().compactMap { Field($0) })
        }
        return types
    }()

    private static func fields(of table: String) -> [Field] {
        table.split(whereSeparator: \.isWhitespace).compactMap { Field($0) }
    }

    private static let kindsTable = """
        message:Message edited_message:Message channel_post:Message edited_channel_post:Message business_connection:BusinessConnection
        business_message:Message edited_business_message:Message deleted_business_messages:BusinessMessagesDeleted guest_message:Message
        message_reaction:MessageReactionUpdated message_reaction_count:MessageReactionCountUpdated inline_query:InlineQuery
        chosen_inline_result:ChosenInlineResult callback_query:CallbackQuery shipping_query:ShippingQuery
        pre_checkout_query:PreCheckoutQuery purchased_paid_media:PaidMediaPurchased poll:Poll poll_answer:PollAnswer
        my_chat_member:ChatMemberUpdated chat_member:ChatMemberUpdated chat_join_request:ChatJoinRequest chat_boost:ChatBoostUpdated
        removed_chat_boost:ChatBoostRemoved managed_bot:ManagedBotUpdated
        """

    private static let contentsTable = """
        text:text rich_message:RichMessage animation:Animation audio:Audio document:Document live_photo:LivePhoto paid_media:PaidMediaInfo
        photo:[PhotoSize sticker:Sticker story:Story video:Video video_note:VideoNote voice:Voice checklist:Checklist contact:Contact
        dice:Dice game:Game poll:Poll venue:Venue location:Location new_chat_members:[User left_chat_member:User
        chat_owner_left:ChatOwnerLeft chat_owner_changed:ChatOwnerChanged new_chat_title:text new_chat_photo:[PhotoSize
        delete_chat_photo:flag group_chat_created:flag supergroup_chat_created:flag channel_chat_created:flag
        message_auto_delete_timer_changed:MessageAutoDeleteTimerChanged migrate_to_chat_id:id migrate_from_chat_id:id
        pinned_message:MaybeInaccessibleMessage invoice:Invoice successful_payment:SuccessfulPayment refunded_payment:RefundedPayment
        users_shared:UsersShared chat_shared:ChatShared gift:GiftInfo unique_gift:UniqueGiftInfo gift_upgrade_sent:GiftInfo
        connected_website:text write_access_allowed:WriteAccessAllowed passport_data:PassportData
        proximity_alert_triggered:ProximityAlertTriggered boost_added:ChatBoostAdded chat_background_set:ChatBackground
        checklist_tasks_done:ChecklistTasksDone checklist_tasks_added:ChecklistTasksAdded
        direct_message_price_changed:DirectMessagePriceChanged forum_topic_created:ForumTopicCreated forum_topic_edited:ForumTopicEdited
        forum_topic_closed:ForumTopicClosed forum_topic_reopened:ForumTopicReopened general_forum_topic_hidden:GeneralForumTopicHidden
        general_forum_topic_unhidden:GeneralForumTopicUnhidden giveaway_created:GiveawayCreated giveaway:Giveaway
        giveaway_winners:GiveawayWinners giveaway_completed:GiveawayCompleted managed_bot_created:ManagedBotCreated
        paid_message_price_changed:PaidMessagePriceChanged poll_option_added:PollOptionAdded poll_option_deleted:PollOptionDeleted
        suggested_post_approved:SuggestedPostApproved suggested_post_approval_failed:SuggestedPostApprovalFailed
        suggested_post_declined:SuggestedPostDeclined suggested_post_paid:SuggestedPostPaid suggested_post_refunded:SuggestedPostRefunded
        video_chat_scheduled:VideoChatScheduled video_chat_started:VideoChatStarted video_chat_ended:VideoChatEnded
        video_chat_participants_invited:VideoChatParticipantsInvited web_app_data:WebAppData
        """

    /// `Type field:shape field:shape! …`: `!` marks what is always there, `[` a list, `=` words; `Type | A B` is one of the types.
    private static let typesTable = """
        Message message_id:id! message_thread_id:id direct_messages_topic:DirectMessagesTopic from:User sender_chat:Chat
          sender_boost_count:number sender_business_bot:User sender_tag:text date:date! guest_query_id:text business_connection_id:text
          chat:Chat! forward_origin:MessageOrigin is_topic_message:flag is_automatic_forward:flag reply_to_message:Message
          external_reply:ExternalReplyInfo quote:TextQuote reply_to_story:Story reply_to_checklist_task_id:number
          reply_to_poll_option_id:text via_bot:User guest_bot_caller_user:User guest_bot_caller_chat:Chat edit_date:date
          has_protected_content:flag is_from_offline:flag is_paid_post:flag media_group_id:text author_signature:text paid_star_count:number
          entities:[MessageEntity link_preview_options:LinkPreviewOptions suggested_post_info:SuggestedPostInfo effect_id:text caption:text
          caption_entities:[MessageEntity show_caption_above_media:flag has_media_spoiler:flag reply_markup:InlineKeyboardMarkup
        BusinessConnection id:text! user:User! user_chat_id:id! date:date! rights:BusinessBotRights is_enabled:flag!
        BusinessMessagesDeleted business_connection_id:text! chat:Chat! message_ids:[number!
        MessageReactionUpdated chat:Chat! message_id:id! user:User actor_chat:Chat date:date! old_reaction:[ReactionType!
          new_reaction:[ReactionType!
        MessageReactionCountUpdated chat:Chat! message_id:id! date:date! reactions:[ReactionCount!
        InlineQuery id:text! from:User! query:text! offset:text! chat_type:text location:Location
        ChosenInlineResult result_id:text! from:User! location:Location inline_message_id:text query:text!
        CallbackQuery id:text! from:User! message:MaybeInaccessibleMessage inline_message_id:text chat_instance:text! data:text
          game_short_name:text
        ShippingQuery id:text! from:User! invoice_payload:text! shipping_address:ShippingAddress!
        PreCheckoutQuery id:text! from:User! currency:text! total_amount:number! invoice_payload:text! shipping_option_id:text
          order_info:OrderInfo
        PaidMediaPurchased from:User! paid_media_payload:text!
        Poll id:text! question:text! question_entities:[MessageEntity options:[PollOption! total_voter_count:number! is_closed:flag!
          is_anonymous:flag! type:=regular|quiz! allows_multiple_answers:flag! allows_revoting:flag! members_only:flag! country_codes:[text
          correct_option_ids:[number explanation:text explanation_entities:[MessageEntity explanation_media:PollMedia open_period:number
          close_date:date description:text description_entities:[MessageEntity media:PollMedia
        PollAnswer poll_id:text! voter_chat:Chat user:User option_ids:[number! option_persistent_ids:[text!
        ChatMemberUpdated chat:Chat! from:User! date:date! old_chat_member:ChatMember! new_chat_member:ChatMember!
          invite_link:ChatInviteLink via_join_request:flag via_chat_folder_invite_link:flag
        ChatJoinRequest chat:Chat! from:User! user_chat_id:id! date:date! bio:text invite_link:ChatInviteLink query_id:text
        ChatBoostUpdated chat:Chat! boost:ChatBoost!
        ChatBoostRemoved chat:Chat! boost_id:text! remove_date:date! source:ChatBoostSource!
        ManagedBotUpdated user:User! bot:User!
        DirectMessagesTopic topic_id:id! user:User
        User id:id! is_bot:flag! first_name:text! last_name:text username:text language_code:text is_premium:flag
          added_to_attachment_menu:flag can_join_groups:flag can_read_all_group_messages:flag supports_guest_queries:flag
          supports_inline_queries:flag can_connect_to_business:flag has_main_web_app:flag has_topics_enabled:flag
          allows_users_to_create_topics:flag can_manage_bots:flag supports_join_request_queries:flag
        Chat id:id! type:=private|group|supergroup|channel! title:text username:text first_name:text last_name:text is_forum:flag
          is_direct_messages:flag
        MessageOrigin | MessageOriginUser MessageOriginHiddenUser MessageOriginChat MessageOriginChannel
        ExternalReplyInfo origin:MessageOrigin! chat:Chat message_id:id link_preview_options:LinkPreviewOptions animation:Animation
          audio:Audio document:Document live_photo:LivePhoto paid_media:PaidMediaInfo photo:[PhotoSize sticker:Sticker story:Story
          video:Video video_note:VideoNote voice:Voice has_media_spoiler:flag checklist:Checklist contact:Contact dice:Dice game:Game
          giveaway:Giveaway giveaway_winners:GiveawayWinners invoice:Invoice location:Location poll:Poll venue:Venue
        TextQuote text:text! entities:[MessageEntity position:number! is_manual:flag
        Story chat:Chat! id:id!
        MessageEntity
          type:=mention|hashtag|cashtag|bot_command|url|email|phone_number|bold|italic|underline|strikethrough|spoiler|blockquote|expandable_blockquote|code|pre|text_link|text_mention|custom_emoji|date_time!
          offset:number! length:number! url:text user:User language:text custom_emoji_id:text unix_time:number date_time_format:text
        LinkPreviewOptions is_disabled:flag url:text prefer_small_media:flag prefer_large_media:flag show_above_text:flag
        SuggestedPostInfo state:text! price:SuggestedPostPrice send_date:date
        RichMessage blocks:[RichBlock! is_rtl:flag
        Animation file_id:text! file_unique_id:text! width:number! height:number! duration:number! thumbnail:PhotoSize file_name:text
          mime_type:text file_size:number
        Audio file_id:text! file_unique_id:text! duration:number! performer:text title:text file_name:text mime_type:text file_size:number
          thumbnail:PhotoSize
        Document file_id:text! file_unique_id:text! thumbnail:PhotoSize file_name:text mime_type:text file_size:number
        LivePhoto photo:[PhotoSize file_id:text! file_unique_id:text! width:number! height:number! duration:number! mime_type:text
          file_size:number
        PaidMediaInfo star_count:number! paid_media:[PaidMedia!
        PhotoSize file_id:text! file_unique_id:text! width:number! height:number! file_size:number
        Sticker file_id:text! file_unique_id:text! type:=regular|mask|custom_emoji! width:number! height:number! is_animated:flag!
          is_video:flag! thumbnail:PhotoSize emoji:text set_name:text premium_animation:File mask_position:MaskPosition custom_emoji_id:text
          needs_repainting:flag file_size:number
        Video file_id:text! file_unique_id:text! width:number! height:number! duration:number! thumbnail:PhotoSize cover:[PhotoSize
          start_timestamp:number qualities:[VideoQuality file_name:text mime_type:text file_size:number
        VideoNote file_id:text! file_unique_id:text! length:number! duration:number! thumbnail:PhotoSize file_size:number
        Voice file_id:text! file_unique_id:text! duration:number! mime_type:text file_size:number
        Checklist title:text! title_entities:[MessageEntity tasks:[ChecklistTask! others_can_add_tasks:flag
          others_can_mark_tasks_as_done:flag
        Contact phone_number:text! first_name:text! last_name:text user_id:id vcard:text
        Dice emoji:text! value:number!
        Game title:text! description:text! photo:[PhotoSize! text:text text_entities:[MessageEntity animation:Animation
        Venue location:Location! title:text! address:text! foursquare_id:text foursquare_type:text google_place_id:text
          google_place_type:text
        Location latitude:fraction! longitude:fraction! horizontal_accuracy:fraction live_period:number heading:number
          proximity_alert_radius:number
        ChatOwnerLeft new_owner:User
        ChatOwnerChanged new_owner:User!
        MessageAutoDeleteTimerChanged message_auto_delete_time:number!
        MaybeInaccessibleMessage | Message InaccessibleMessage
        Invoice title:text! description:text! start_parameter:text! currency:text! total_amount:number!
        SuccessfulPayment currency:text! total_amount:number! invoice_payload:text! subscription_expiration_date:date is_recurring:flag
          is_first_recurring:flag shipping_option_id:text order_info:OrderInfo telegram_payment_charge_id:text!
          provider_payment_charge_id:text!
        RefundedPayment currency:=XTR! total_amount:number! invoice_payload:text! telegram_payment_charge_id:text!
          provider_payment_charge_id:text
        UsersShared request_id:number! users:[SharedUser!
        ChatShared request_id:number! chat_id:id! title:text username:text photo:[PhotoSize
        GiftInfo gift:Gift! owned_gift_id:text convert_star_count:number prepaid_upgrade_star_count:number is_upgrade_separate:flag
          can_be_upgraded:flag text:text entities:[MessageEntity is_private:flag unique_gift_number:number
        UniqueGiftInfo gift:UniqueGift! origin:text! last_resale_currency:text last_resale_amount:number owned_gift_id:text
          transfer_star_count:number next_transfer_date:date
        WriteAccessAllowed from_request:flag web_app_name:text from_attachment_menu:flag
        PassportData data:[EncryptedPassportElement! credentials:EncryptedCredentials!
        ProximityAlertTriggered traveler:User! watcher:User! distance:number!
        ChatBoostAdded boost_count:number!
        ChatBackground type:BackgroundType!
        ChecklistTasksDone checklist_message:Message marked_as_done_task_ids:[number marked_as_not_done_task_ids:[number
        ChecklistTasksAdded checklist_message:Message tasks:[ChecklistTask!
        DirectMessagePriceChanged are_direct_messages_enabled:flag! direct_message_star_count:number
        ForumTopicCreated name:text! icon_color:number! icon_custom_emoji_id:text is_name_implicit:flag
        ForumTopicEdited name:text icon_custom_emoji_id:text
        ForumTopicClosed
        ForumTopicReopened
        GeneralForumTopicHidden
        GeneralForumTopicUnhidden
        GiveawayCreated prize_star_count:number
        Giveaway chats:[Chat! winners_selection_date:date! winner_count:number! only_new_members:flag has_public_winners:flag
          prize_description:text country_codes:[text prize_star_count:number premium_subscription_month_count:number
        GiveawayWinners chat:Chat! giveaway_message_id:id! winners_selection_date:date! winner_count:number! winners:[User!
          additional_chat_count:number prize_star_count:number premium_subscription_month_count:number unclaimed_prize_count:number
          only_new_members:flag was_refunded:flag prize_description:text
        GiveawayCompleted winner_count:number! unclaimed_prize_count:number giveaway_message:Message is_star_giveaway:flag
        ManagedBotCreated bot:User!
        PaidMessagePriceChanged paid_message_star_count:number!
        PollOptionAdded poll_message:MaybeInaccessibleMessage option_persistent_id:text! option_text:text!
          option_text_entities:[MessageEntity
        PollOptionDeleted poll_message:MaybeInaccessibleMessage option_persistent_id:text! option_text:text!
          option_text_entities:[MessageEntity
        SuggestedPostApproved suggested_post_message:Message price:SuggestedPostPrice send_date:date!
        SuggestedPostApprovalFailed suggested_post_message:Message price:SuggestedPostPrice!
        SuggestedPostDeclined suggested_post_message:Message comment:text
        SuggestedPostPaid suggested_post_message:Message currency:text! amount:number star_amount:StarAmount
        SuggestedPostRefunded suggested_post_message:Message reason:text!
        VideoChatScheduled start_date:date!
        VideoChatStarted
        VideoChatEnded duration:number!
        VideoChatParticipantsInvited users:[User!
        WebAppData data:text! button_text:text!
        InlineKeyboardMarkup inline_keyboard:[[InlineKeyboardButton!
        BusinessBotRights can_reply:flag can_read_messages:flag can_delete_sent_messages:flag can_delete_all_messages:flag
          can_edit_name:flag can_edit_bio:flag can_edit_profile_photo:flag can_edit_username:flag can_change_gift_settings:flag
          can_view_gifts_and_stars:flag can_convert_gifts_to_stars:flag can_transfer_and_upgrade_gifts:flag can_transfer_stars:flag
          can_manage_stories:flag
        ReactionType | ReactionTypeEmoji ReactionTypeCustomEmoji ReactionTypePaid
        ReactionCount type:ReactionType! total_count:number!
        ShippingAddress country_code:text! state:text! city:text! street_line1:text! street_line2:text! post_code:text!
        OrderInfo name:text phone_number:text email:text shipping_address:ShippingAddress
        PollOption persistent_id:text! text:text! text_entities:[MessageEntity media:PollMedia voter_count:number! added_by_user:User
          added_by_chat:Chat addition_date:date
        PollMedia animation:Animation audio:Audio document:Document link:Link live_photo:LivePhoto location:Location photo:[PhotoSize
          sticker:Sticker venue:Venue video:Video
        ChatMember | ChatMemberOwner ChatMemberAdministrator ChatMemberMember ChatMemberRestricted ChatMemberLeft ChatMemberBanned
        ChatInviteLink invite_link:text! creator:User! creates_join_request:flag! is_primary:flag! is_revoked:flag! name:text
          expire_date:date member_limit:number pending_join_request_count:number subscription_period:number subscription_price:number
        ChatBoost boost_id:text! add_date:date! expiration_date:date! source:ChatBoostSource!
        ChatBoostSource | ChatBoostSourcePremium ChatBoostSourceGiftCode ChatBoostSourceGiveaway
        MessageOriginUser type:=user! date:date! sender_user:User!
        MessageOriginHiddenUser type:=hidden_user! date:date! sender_user_name:text!
        MessageOriginChat type:=chat! date:date! sender_chat:Chat! author_signature:text
        MessageOriginChannel type:=channel! date:date! chat:Chat! message_id:id! author_signature:text
        SuggestedPostPrice currency:text! amount:number!
        RichBlock | RichBlockParagraph RichBlockSectionHeading RichBlockPreformatted RichBlockFooter RichBlockDivider
          RichBlockMathematicalExpression RichBlockAnchor RichBlockList RichBlockBlockQuotation RichBlockPullQuotation RichBlockCollage
          RichBlockSlideshow RichBlockTable RichBlockDetails RichBlockMap RichBlockAnimation RichBlockAudio RichBlockPhoto RichBlockVideo
          RichBlockVoiceNote RichBlockThinking
        PaidMedia | PaidMediaLivePhoto PaidMediaPhoto PaidMediaPreview PaidMediaVideo
        File file_id:text! file_unique_id:text! file_size:number file_path:text
        MaskPosition point:text! x_shift:fraction! y_shift:fraction! scale:fraction!
        VideoQuality file_id:text! file_unique_id:text! width:number! height:number! codec:text! file_size:number
        ChecklistTask id:id! text:text! text_entities:[MessageEntity completed_by_user:User completed_by_chat:Chat completion_date:date
        InaccessibleMessage chat:Chat! message_id:id! date:date!
        SharedUser user_id:id! first_name:text last_name:text username:text photo:[PhotoSize
        Gift id:text! sticker:Sticker! star_count:number! upgrade_star_count:number is_premium:flag has_colors:flag total_count:number
          remaining_count:number personal_total_count:number personal_remaining_count:number background:GiftBackground
          unique_gift_variant_count:number publisher_chat:Chat
        UniqueGift gift_id:text! base_name:text! name:text! number:number! model:UniqueGiftModel! symbol:UniqueGiftSymbol!
          backdrop:UniqueGiftBackdrop! is_premium:flag is_burned:flag is_from_blockchain:flag colors:UniqueGiftColors publisher_chat:Chat
        EncryptedPassportElement
          type:=personal_details|passport|driver_license|identity_card|internal_passport|address|utility_bill|bank_statement|rental_agreement|passport_registration|temporary_registration|phone_number|email!
          data:text phone_number:text email:text files:[PassportFile front_side:PassportFile reverse_side:PassportFile selfie:PassportFile
          translation:[PassportFile hash:text!
        EncryptedCredentials data:text! hash:text! secret:text!
        BackgroundType | BackgroundTypeFill BackgroundTypeWallpaper BackgroundTypePattern BackgroundTypeChatTheme
        StarAmount amount:number! nanostar_amount:number
        InlineKeyboardButton text:text! icon_custom_emoji_id:text style:text url:text callback_data:text web_app:WebAppInfo
          login_url:LoginUrl switch_inline_query:text switch_inline_query_current_chat:text
          switch_inline_query_chosen_chat:SwitchInlineQueryChosenChat copy_text:CopyTextButton callback_game:CallbackGame pay:flag
        ReactionTypeEmoji type:=emoji! emoji:text!
        ReactionTypeCustomEmoji type:=custom_emoji! custom_emoji_id:text!
        ReactionTypePaid type:=paid!
        Link url:text!
        ChatMemberOwner status:=creator! user:User! is_anonymous:flag! custom_title:text
        ChatMemberAdministrator status:=administrator! user:User! can_be_edited:flag! is_anonymous:flag! can_manage_chat:flag!
          can_delete_messages:flag! can_manage_video_chats:flag! can_restrict_members:flag! can_promote_members:flag! can_change_info:flag!
          can_invite_users:flag! can_post_stories:flag! can_edit_stories:flag! can_delete_stories:flag! can_post_messages:flag
          can_edit_messages:flag can_pin_messages:flag can_manage_topics:flag can_manage_direct_messages:flag can_manage_tags:flag
          custom_title:text
        ChatMemberMember status:=member! tag:text user:User! until_date:date
        ChatMemberRestricted status:=restricted! tag:text user:User! is_member:flag! can_send_messages:flag! can_send_audios:flag!
          can_send_documents:flag! can_send_photos:flag! can_send_videos:flag! can_send_video_notes:flag! can_send_voice_notes:flag!
          can_send_polls:flag! can_send_other_messages:flag! can_add_web_page_previews:flag! can_react_to_messages:flag! can_edit_tag:flag!
          can_change_info:flag! can_invite_users:flag! can_pin_messages:flag! can_manage_topics:flag! until_date:date!
        ChatMemberLeft status:=left! user:User!
        ChatMemberBanned status:=kicked! user:User! until_date:date!
        ChatBoostSourcePremium source:=premium! user:User!
        ChatBoostSourceGiftCode source:=gift_code! user:User!
        ChatBoostSourceGiveaway source:=giveaway! giveaway_message_id:id! user:User prize_star_count:number is_unclaimed:flag
        RichBlockParagraph type:=paragraph! text:text!
        RichBlockSectionHeading type:=heading! text:text! size:number!
        RichBlockPreformatted type:=pre! text:text! language:text
        RichBlockFooter type:=footer! text:text!
        RichBlockDivider type:=divider!
        RichBlockMathematicalExpression type:=mathematical_expression! expression:text!
        RichBlockAnchor type:=anchor! name:text!
        RichBlockList type:=list! items:[RichBlockListItem!
        RichBlockBlockQuotation type:=blockquote! blocks:[RichBlock! credit:text
        RichBlockPullQuotation type:=pullquote! text:text! credit:text
        RichBlockCollage type:=collage! blocks:[RichBlock! caption:RichBlockCaption
        RichBlockSlideshow type:=slideshow! blocks:[RichBlock! caption:RichBlockCaption
        RichBlockTable type:=table! cells:[[RichBlockTableCell! is_bordered:flag is_striped:flag caption:text
        RichBlockDetails type:=details! summary:text! blocks:[RichBlock! is_open:flag
        RichBlockMap type:=map! location:Location! zoom:number! width:number! height:number! caption:RichBlockCaption
        RichBlockAnimation type:=animation! animation:Animation! has_spoiler:flag caption:RichBlockCaption
        RichBlockAudio type:=audio! audio:Audio! caption:RichBlockCaption
        RichBlockPhoto type:=photo! photo:[PhotoSize! has_spoiler:flag caption:RichBlockCaption
        RichBlockVideo type:=video! video:Video! has_spoiler:flag caption:RichBlockCaption
        RichBlockVoiceNote type:=voice_note! voice_note:Voice! caption:RichBlockCaption
        RichBlockThinking type:=thinking! text:text!
        PaidMediaLivePhoto type:=live_photo! live_photo:LivePhoto!
        PaidMediaPhoto type:=photo! photo:[PhotoSize!
        PaidMediaPreview type:=preview! width:number height:number duration:number
        PaidMediaVideo type:=video! video:Video!
        GiftBackground center_color:number! edge_color:number! text_color:number!
        UniqueGiftModel name:text! sticker:Sticker! rarity_per_mille:number! rarity:text
        UniqueGiftSymbol name:text! sticker:Sticker! rarity_per_mille:number!
        UniqueGiftBackdrop name:text! colors:UniqueGiftBackdropColors! rarity_per_mille:number!
        UniqueGiftColors model_custom_emoji_id:text! symbol_custom_emoji_id:text! light_theme_main_color:number!
          light_theme_other_colors:[number! dark_theme_main_color:number! dark_theme_other_colors:[number!
        PassportFile file_id:text! file_unique_id:text! file_size:number! file_date:date!
        BackgroundTypeFill type:=fill! fill:BackgroundFill! dark_theme_dimming:number!
        BackgroundTypeWallpaper type:=wallpaper! document:Document! dark_theme_dimming:number! is_blurred:flag is_moving:flag
        BackgroundTypePattern type:=pattern! document:Document! fill:BackgroundFill! intensity:number! is_inverted:flag is_moving:flag
        BackgroundTypeChatTheme type:=chat_theme! theme_name:text!
        WebAppInfo url:text!
        LoginUrl url:text! forward_text:text bot_username:text request_write_access:flag
        SwitchInlineQueryChosenChat query:text allow_user_chats:flag allow_bot_chats:flag allow_group_chats:flag allow_channel_chats:flag
        CopyTextButton text:text!
        CallbackGame
        RichBlockListItem label:text! blocks:[RichBlock! has_checkbox:flag is_checked:flag value:number type:=a|i
        RichBlockCaption text:text! credit:text
        RichBlockTableCell text:text is_header:flag colspan:number rowspan:number align:text! valign:text!
        UniqueGiftBackdropColors center_color:number! edge_color:number! symbol_color:number! text_color:number!
        BackgroundFill | BackgroundFillSolid BackgroundFillGradient BackgroundFillFreeformGradient
        BackgroundFillSolid type:=solid! color:number!
        BackgroundFillGradient type:=gradient! top_color:number! bottom_color:number! rotation_angle:number!
        BackgroundFillFreeformGradient type:=freeform_gradient! colors:[number!
        """
}
