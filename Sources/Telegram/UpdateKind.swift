/// The kinds of update of Bot API 10.1, by the name of their key.
///
/// **Source:** Bot API, type `Update`. A kind that is not here is kept all the same, as unknown.
public enum UpdateKind: String, CaseIterable, Sendable {
    case message
    case editedMessage = "edited_message"
    case channelPost = "channel_post"
    case editedChannelPost = "edited_channel_post"
    case businessConnection = "business_connection"
    case businessMessage = "business_message"
    case editedBusinessMessage = "edited_business_message"
    case deletedBusinessMessages = "deleted_business_messages"
    case guestMessage = "guest_message"
    case messageReaction = "message_reaction"
    case messageReactionCount = "message_reaction_count"
    case inlineQuery = "inline_query"
    case chosenInlineResult = "chosen_inline_result"
    case callbackQuery = "callback_query"
    case shippingQuery = "shipping_query"
    case preCheckoutQuery = "pre_checkout_query"
    case purchasedPaidMedia = "purchased_paid_media"
    case poll
    case pollAnswer = "poll_answer"
    case myChatMember = "my_chat_member"
    case chatMember = "chat_member"
    case chatJoinRequest = "chat_join_request"
    case chatBoost = "chat_boost"
    case removedChatBoost = "removed_chat_boost"
    case managedBot = "managed_bot"

    /// Whether the payload is a `Message`.
    public var isMessage: Bool {
        switch self {
        case .message, .editedMessage, .channelPost, .editedChannelPost, .businessMessage, .editedBusinessMessage,
            .guestMessage:
            true
        default: false
        }
    }

    /// Every kind, as the explicit `allowed_updates` of our webhooks: the default leaves out three of them.
    ///
    /// **Source:** Bot API, `setWebhook`: without a list Telegram leaves out `chat_member`, `message_reaction` and
    /// `message_reaction_count`.
    public static let allowedUpdates: [String] = allCases.map(\.rawValue)
}
