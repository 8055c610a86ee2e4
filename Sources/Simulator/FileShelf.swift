import DequeModule
import Telegram

/// A file at Telegram.
struct StoredFile: Sendable {
    /// What Telegram keeps it as; a file of one kind cannot be sent as another.
    let kind: MediaKind
    /// The same for every bot.
    let uniqueID: String
    let name: String
    let mime: String
    let bytes: [UInt8]
}

/// A kind of content that is a file.
enum MediaKind: String, CaseIterable, Sendable {
    case photo = "photo"
    case document = "document"
    case video = "video"
    case animation = "animation"
    case audio = "audio"
    case voice = "voice"
    case videoNote = "video_note"
    case sticker = "sticker"
    case livePhoto = "live_photo"

    /// The word that tdlib has for it in its errors.
    var word: String {
        switch self {
        case .photo: "Photo"
        case .document: "Document"
        case .video: "Video"
        case .animation: "Animation"
        case .audio: "Audio"
        case .voice: "VoiceNote"
        case .videoNote: "VideoNote"
        case .sticker: "Sticker"
        case .livePhoto: "LivePhoto"
        }
    }

    /// How the path of its download begins, and how it ends where the file has no name.
    var place: (folder: String, ending: String) {
        switch self {
        case .photo: ("photos", "jpg")
        case .document: ("documents", "bin")
        case .video, .livePhoto: ("videos", "mp4")
        case .animation: ("animations", "mp4")
        case .audio: ("music", "mp3")
        case .voice: ("voice", "oga")
        case .videoNote: ("video_notes", "mp4")
        case .sticker: ("stickers", "webp")
        }
    }

    /// Whether a message shows the file's name and MIME type.
    var showsName: Bool { self == .document || self == .video || self == .animation || self == .audio }

    /// Whether a caption may stand under it.
    var hasCaption: Bool { self != .sticker && self != .videoNote }
}

/// The files that were sent, the last ones of them.
///
/// **Source:** Bot API, type `File`: `file_id` is of one bot, `file_unique_id` the same for all and over time.
struct FileShelf: Sendable {
    /// So many files are kept; older ones are gone.
    static let maximumFiles = 1_000

    private var files: [String: StoredFile] = [:]
    private var order: Deque<String> = []
    private var links: [String: (uniqueID: String, until: Duration)] = [:]
    /// What stands at addresses of the web.
    var web: [String: (bytes: [UInt8], mime: String)] = [:]
    private var number = 0

    mutating func add(_ kind: MediaKind, name: String, mime: String, bytes: [UInt8]) -> StoredFile {
        number += 1
        let uniqueID = "AQAD" + Self.letters(UInt64(number), 11)
        let file = StoredFile(kind: kind, uniqueID: uniqueID, name: name, mime: mime, bytes: bytes)
        files[uniqueID] = file
        order.append(uniqueID)
        if order.count > Self.maximumFiles, let oldest = order.popFirst() { files[oldest] = nil }
        return file
    }

    /// What a bot calls the file.
    static func fileID(_ file: StoredFile, for botID: Int64) -> String {
        "AgACAgIAAxkB" + letters(UInt64(botID), 11) + file.uniqueID
    }

    /// The file that a bot calls so; nil if it is another bot's name, or of no file.
    func file(_ fileID: String, of botID: Int64) -> StoredFile? {
        let prefix = "AgACAgIAAxkB" + Self.letters(UInt64(botID), 11)
        guard fileID.hasPrefix(prefix) else { return nil }
        return files[String(fileID.dropFirst(prefix.count))]
    }

    /// Makes the file's path work for an hour.
    ///
    /// **Source:** Bot API, `getFile`: the link is valid for at least one hour.
    mutating func link(_ file: StoredFile, of botID: Int64, now: Duration) -> String {
        let (folder, ending) = file.kind.place
        let named = file.name.split(separator: ".", omittingEmptySubsequences: false)
        let suffix = named.count > 1 ? named.last.map(String.init) ?? ending : ending
        let path = "\(folder)/file_\(file.uniqueID.suffix(6)).\(suffix)"
        links["\(botID) \(path)"] = (file.uniqueID, now + .seconds(3600))
        if links.count > Self.maximumFiles { links = links.filter { $0.value.until > now } }
        return path
    }

    func download(_ path: String, of botID: Int64, now: Duration) -> StoredFile? {
        guard let link = links["\(botID) \(path)"], link.until > now else { return nil }
        return files[link.uniqueID]
    }

    private static func letters(_ number: UInt64, _ count: Int) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        var rest = number
        var text = ""
        for _ in 0..<count {
            text.append(alphabet[Int(rest & 63)])
            rest >>= 6
        }
        return String(text.reversed())
    }
}

extension Simulation {
    /// The members of a message that show a file.
    func content(_ file: StoredFile, details: JSON = [:], for botID: Int64) -> [JSON.Member] {
        var json: JSON = [
            "file_id": .string(FileShelf.fileID(file, for: botID)), "file_unique_id": .string(file.uniqueID),
            "file_size": .int(Int64(file.bytes.count)),
        ]
        if file.kind.showsName {
            if !file.name.isEmpty { json["file_name"] = .string(file.name) }
            if !file.mime.isEmpty { json["mime_type"] = .string(file.mime) }
        } else if file.kind == .voice || file.kind == .livePhoto, !file.mime.isEmpty {
            json["mime_type"] = .string(file.mime)
        }
        if case .object(let members) = Self.measures(file.kind) {
            for member in members { json[member.name] = member.value }
        }
        if case .object(let members) = details { for member in members { json[member.name] = member.value } }
        switch file.kind {
        case .photo: return [.init("photo", [json])]
        // Source: Bot API, `Message`, `animation`: for old clients the document is set too.
        case .animation: return [.init("animation", json), .init("document", json)]
        default: return [.init(file.kind.rawValue, json)]
        }
    }

    /// Required members that stand in the bytes of a real file, which are not looked into.
    private static func measures(_ kind: MediaKind) -> JSON {
        switch kind {
        case .photo: ["width": 800, "height": 600]
        case .video, .animation, .livePhoto: ["width": 640, "height": 480, "duration": 1]
        case .audio, .voice: ["duration": 1]
        case .videoNote: ["length": 240, "duration": 1]
        case .sticker:
            ["type": "regular", "width": 512, "height": 512, "is_animated": false, "is_video": false]
        case .document: [:]
        }
    }
}

extension SimulatedTelegram {
    /// Puts a file at an address of the web, so that a bot may send it by its URL.
    ///
    /// The simulation is offline: other addresses fail as if nothing were there.
    public func addWebFile(_ url: String, bytes: [UInt8], mime: String = "application/octet-stream") {
        change { state, _ in state.files.web[url] = (bytes, mime) }
    }
}
