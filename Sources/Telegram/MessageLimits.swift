/// What Telegram takes at most.
///
/// **Source:** Bot API, the fields' descriptions, where nothing else is said.
public enum MessageLimits {
    /// Code points of a text.
    public static let text = 4096
    /// Code points of a caption.
    public static let caption = 1024
    /// Messages of an album; fewer than two are none.
    public static let album = 2...10
    /// Bytes of a button's callback data.
    public static let callbackData = 1...64
    /// Code points of the text that a button copies.
    public static let copiedText = 1...256
    /// Buttons of an inline keyboard.
    ///
    /// **Source:** not in the Bot API; python-telegram-bot's constants.
    public static let inlineButtons = 100
    /// Buttons in a row of an inline keyboard.
    ///
    /// **Source:** as of `inlineButtons`.
    public static let inlineButtonsInRow = 8
    /// Code points of the placeholder in an empty input field.
    public static let placeholder = 1...64
    /// Code points of the answer to a callback query.
    public static let callbackAnswer = 200
    /// Messages deleted by one call.
    public static let deletions = 1...100
    /// Metres of a location's accuracy.
    public static let accuracy = 0.0...1500.0
    /// Entities of one text that are used; Telegram leaves out the others.
    ///
    /// **Source:** python-telegram-bot's constants.
    public static let entities = 100
    /// The greatest id of a user or chat, either sign.
    public static let chatID: Int64 = 1 << 52
}
