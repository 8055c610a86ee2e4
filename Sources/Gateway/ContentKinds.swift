import Telegram

/// What a message can hold: one line for each kind.
///
/// To add a kind, add its line here: the projection, the words and the attachments go by it. Of several fields in one message the first of
/// the table is the message's kind. **Source:** Bot API, type `Message`.
struct ContentKind: Sendable {
    /// The name of the field, and of the kind.
    let name: String
    /// What the field must hold to count.
    let shape: JSONShape
    /// How its files are found.
    let files: FileShape
    /// The fields that Telegram sets beside it for old programs, with the same thing in them.
    let doubles: [String]
    /// What it is in words, without the message's text.
    let words: @Sendable (Telling) -> String

    private init(
        _ name: String,
        _ shape: JSONShape = .object,
        files: FileShape = .none,
        doubles: [String] = [],
        words: @escaping @Sendable (Telling) -> String
    ) {
        self.name = name
        self.shape = shape
        self.files = files
        self.doubles = doubles
        self.words = words
    }

    /// Whether the value stays in `extra`: not a text, which has its own place, nor a file, of which the attachment says all.
    var staysInExtra: Bool {
        switch files {
        case .file, .sizes: false
        case .none, .nested: name != "text"
        }
    }

    static let all: [ContentKind] = [
        ContentKind("text", .string) { _ in "a text" },
        ContentKind("rich_message", files: .nested) { _ in "a rich message" },
        ContentKind("live_photo", files: .file, doubles: ["photo"]) { _ in "a live photo" },
        ContentKind("photo", .array, files: .sizes) { _ in "a photo" },
        ContentKind("video", files: .file) { "a video\($0.ofLength)" },
        ContentKind("animation", files: .file, doubles: ["document"]) { _ in "an animation" },
        ContentKind("audio", files: .file) { "an audio file\($0.named)\($0.ofLength)" },
        ContentKind("document", files: .file) { "a file\($0.named)" },
        ContentKind("voice", files: .file) { "a voice message\($0.ofLength)" },
        ContentKind("video_note", files: .file) { "a video note\($0.ofLength)" },
        ContentKind("sticker", files: .file) { "a sticker\($0.emoji)" },
        ContentKind("paid_media", files: .nested) { "paid media for \($0.stars("star_count"))" },
        ContentKind("story") { "a story of \($0.chat("chat"))" },
        ContentKind("venue", doubles: ["location"]) { "a venue: \($0.string("title") ?? "")" },
        ContentKind("location") { "a location: \($0.raw("latitude")), \($0.raw("longitude"))" },
        ContentKind("contact") { "a contact: \($0.name ?? "")" },
        ContentKind("poll", files: .nested) { "a poll: \($0.string("question") ?? "")" },
        ContentKind("dice") { "\($0.string("emoji") ?? "a dice") shows \($0.raw("value"))" },
        ContentKind("game", files: .nested) { "a game: \($0.string("title") ?? "")" },
        ContentKind("checklist") { "a checklist: \($0.string("title") ?? "")" },
        ContentKind("invoice") { "an invoice over \($0.amount()): \($0.string("title") ?? "")" },
        ContentKind("giveaway") { "a giveaway for \($0.counted("winner_count", "winner"))" },
        ContentKind("giveaway_winners") { "the winners of a giveaway: \($0.people("winners"))" },
    ]

    static let byName: [String: ContentKind] = Dictionary(all.map { ($0.name, $0) }) { first, _ in first }
}

/// How the files in a field are found.
enum FileShape: Sendable {
    /// It holds none.
    case none
    /// It is one file.
    case file
    /// It is one picture in several sizes.
    case sizes
    /// It holds files somewhere inside: `AttachmentReader` knows where.
    case nested
}

/// What a field must hold to count: a field of another shape is taken for absent.
enum JSONShape: Sendable {
    case string, number, object, array
    /// `true`: Telegram leaves such a field out rather than write `false`.
    case flag

    func fits(_ value: JSONView) -> Bool {
        switch self {
        case .string: value.isString
        case .number: value.int64 != nil
        case .object: value.isObject
        case .array: value.isArray
        case .flag: value.bool == true
        }
    }
}
