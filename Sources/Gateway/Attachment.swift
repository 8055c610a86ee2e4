import Telegram

/// A file of a message, as Telegram describes it; the bytes stay with Telegram.
///
/// **Source:** Bot API, types `PhotoSize`, `Video`, `Animation`, `Audio`, `Document`, `Voice`, `VideoNote`, `Sticker`, `LivePhoto`.
public struct Attachment: Sendable, Hashable {
    /// `photo`, `video`, `animation`, `audio`, `document`, `voice`, `video_note`, `sticker` or `live_photo`.
    public var kind: String
    /// What this bot fetches it by; another bot has another.
    public var fileID: String
    /// What it is recognised by, for all bots; it cannot be fetched by this.
    public var fileUniqueID: String
    /// Its file name, where the sender's app told one.
    public var name: String?
    /// Its media type, told or derived from the kind.
    public var mime: String?
    /// Its size in bytes.
    public var size: Int64?
    /// Everything else that Telegram says of it, as a JSON object: width, height, duration, emoji, thumbnail, sizes, cover, qualities …; nil for nothing.
    public var details: String?
    /// Its place in the message, from 0.
    public var position: Int

    /// Makes an attachment.
    public init(
        kind: String,
        fileID: String,
        fileUniqueID: String,
        name: String? = nil,
        mime: String? = nil,
        size: Int64? = nil,
        details: String? = nil,
        position: Int = 0
    ) {
        self.kind = kind
        self.fileID = fileID
        self.fileUniqueID = fileUniqueID
        self.name = name
        self.mime = mime
        self.size = size
        self.details = details
        self.position = position
    }

    /// Reads an attachment from the shape that `json` writes; nil if it has no kind or no ids.
    public init?(_ shape: JSONView, position: Int) {
        guard let kind = shape["kind"]?.string, let fileID = shape["file_id"]?.string,
            let fileUniqueID = shape["file_unique_id"]?.string
        else { return nil }
        self.init(
            kind: kind,
            fileID: fileID,
            fileUniqueID: fileUniqueID,
            name: shape["name"]?.string,
            mime: shape["mime"]?.string,
            size: shape["size"]?.int64,
            details: shape["details"].flatMap { $0.isObject ? $0.rawText : nil },
            position: position
        )
    }

    /// The shape within a message of `/v1` and `--json`.
    public var json: JSON {
        [
            "kind": .string(kind), "file_id": .string(fileID), "file_unique_id": .string(fileUniqueID),
            "name": .optional(name), "mime": .optional(mime), "size": .optional(size),
            "details": details.map { Message.onOneLine($0.utf8) } ?? nil,
        ]
    }
}
