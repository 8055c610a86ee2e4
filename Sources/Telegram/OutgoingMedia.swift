/// A file for Telegram to send.
///
/// Never a path: a Bot API server of one's own would take `file://` for a file of its disk.
public enum OutgoingFile: Hashable, Sendable {
    /// A file that Telegram has; ids are good for the bot that was given them only.
    case id(String)
    /// An address that Telegram fetches: at most 5 MB for photos, 20 MB for others.
    case url(String)
    /// A file of the sender's own, by a name that whoever makes the call opens: it is uploaded with the call.
    case own(name: String)

    /// In the place of a file that is to be uploaded, an object with this member stands in the parameters.
    public static let ownMember = "own_file"

    var json: JSON {
        switch self {
        case .id(let id): .string(id)
        case .url(let url): .string(url)
        case .own(let name): [Self.ownMember: .string(name)]
        }
    }

    func validate(_ field: String) throws(InvalidCall) {
        switch self {
        case .id(let id):
            let isID = id.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0 & 0xDF) || $0 == 0x5F || $0 == 0x2D
            }
            guard isID, (1...512).contains(id.utf8.count) else {
                throw InvalidCall(field, "no file_id", "give the file_id that this bot was sent")
            }
        case .url(let url):
            guard WebAddress(url, schemes: ["http", "https"]).isUsable else {
                throw InvalidCall(field, "no address", "begin it with https:// or http://")
            }
        case .own(let name):
            guard (1...512).contains(name.utf8.count) else {
                throw InvalidCall(field, "no name of a file", "give the name of a file in the business's files folder")
            }
        }
    }
}

/// A file with what is shown beside it.
public struct OutgoingMedia: Hashable, Sendable {
    /// How the file is shown.
    public enum Kind: String, CaseIterable, Sendable {
        case photo
        case video
        case animation
        case audio
        case document
        case voice
        case videoNote = "video_note"
        case sticker

        /// The method that sends one.
        public var method: String {
            switch self {
            case .photo: "sendPhoto"
            case .video: "sendVideo"
            case .animation: "sendAnimation"
            case .audio: "sendAudio"
            case .document: "sendDocument"
            case .voice: "sendVoice"
            case .videoNote: "sendVideoNote"
            case .sticker: "sendSticker"
            }
        }

        var takesCaption: Bool { self != .videoNote && self != .sticker }

        /// Whether it can be covered, and its caption stand above it.
        var isPicture: Bool { self == .photo || self == .video || self == .animation }
    }

    /// How the file is shown.
    public var kind: Kind
    /// The file.
    public var file: OutgoingFile
    /// The text below it.
    public var caption: FormattedText?
    /// Shows the caption above.
    public var captionAbove: Bool
    /// Covers the picture until it is touched.
    public var spoiler: Bool

    /// Makes a medium.
    public init(
        _ kind: Kind,
        _ file: OutgoingFile,
        caption: FormattedText? = nil,
        captionAbove: Bool = false,
        spoiler: Bool = false
    ) {
        self.kind = kind
        self.file = file
        self.caption = caption
        self.captionAbove = captionAbove
        self.spoiler = spoiler
    }

    /// Caption and looks, as parameters of a call or members of an album's item.
    fileprivate var looks: [JSON.Member] {
        var members = BotCall.captionMembers(caption)
        if captionAbove { members.append(.init("show_caption_above_media", true)) }
        if spoiler { members.append(.init("has_spoiler", true)) }
        return members
    }

    var members: [JSON.Member] { [.init(kind.rawValue, file.json)] + looks }

    /// As an item of an album.
    var item: JSON { .object([.init("type", .string(kind.rawValue)), .init("media", file.json)] + looks) }

    func validate(_ place: String = "", file field: String? = nil) throws(InvalidCall) {
        let field = field ?? kind.rawValue
        try file.validate(place + field)
        if case .url = file, kind == .videoNote {
            throw InvalidCall(place + field, "video notes are not taken by address", "give a file_id")
        }
        guard let caption else { return try validateLooks(place) }
        guard kind.takesCaption else {
            throw InvalidCall("\(place)caption", "not taken with a \(kind.rawValue)", "send the text as a message")
        }
        try caption.validate("\(place)caption", atMost: MessageLimits.caption, mayBeEmpty: true)
        try validateLooks(place)
    }

    private func validateLooks(_ place: String) throws(InvalidCall) {
        guard spoiler || captionAbove, !kind.isPicture else { return }
        throw InvalidCall(
            place + (spoiler ? "has_spoiler" : "show_caption_above_media"),
            "not taken with a \(kind.rawValue)",
            "leave it out"
        )
    }

    /// Checks what an album may hold.
    static func validate(album items: [OutgoingMedia]) throws(InvalidCall) {
        guard MessageLimits.album.contains(items.count) else {
            let mend = items.count < 2 ? "send it on its own" : "send another album"
            throw InvalidCall("media", "\(items.count) items, an album has 2 to 10", mend)
        }
        for (index, item) in items.enumerated() {
            let place = "media[\(index)]."
            switch item.kind {
            case .photo, .video, .audio, .document: break
            default: throw InvalidCall("\(place)type", "no \(item.kind.rawValue) in an album", "send it on its own")
            }
            let pictures = item.kind.isPicture && items[0].kind.isPicture
            guard pictures || item.kind == items[0].kind else {
                throw InvalidCall(
                    "\(place)type",
                    "\(item.kind.rawValue) beside \(items[0].kind.rawValue)",
                    "put photos and videos in one album, audio and documents each in their own"
                )
            }
            try item.validate(place, file: "media")
        }
    }
}
