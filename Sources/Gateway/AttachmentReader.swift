import Telegram

/// Finds the files of a message.
///
/// **Source:** Bot API, types `PhotoSize`, `Video`, `Animation`, `Audio`, `Document`, `Voice`, `VideoNote`, `Sticker`, `LivePhoto`,
/// `PaidMedia`, `Game`, `PollMedia`, `RichBlock`.
struct AttachmentReader {
    /// The files found, in their order.
    private(set) var attachments: [Attachment] = []

    /// More than any message of Telegram can have; what goes beyond is left out.
    static let maximumCount = 256
    /// Blocks of a rich message nest no deeper at Telegram's.
    ///
    /// **Source:** tdlib, `OptionManager`: depth 16.
    private static let maximumDepth = 16

    /// The members that an attachment has places of its own for, and the old name of the thumbnail.
    private static let ownMembers: Set<String> = [
        "file_id", "file_unique_id", "file_name", "mime_type", "file_size", "thumb",
    ]

    /// The fields of an object that may hold a file, in whichever object.
    private static let fields = [
        "photo", "live_photo", "video", "animation", "audio", "document", "voice", "voice_note", "video_note",
        "sticker",
    ]

    private static let fieldNames = JSONNames(fields)

    /// The files in a field of a message.
    static func attachments(in value: JSONView, named name: String, _ shape: FileShape) -> [Attachment] {
        var reader = Self()
        switch shape {
        case .none: return []
        case .file: reader.addFile(name, value)
        case .sizes: reader.addSizes(value)
        case .nested: reader.addNested(value)
        }
        return reader.attachments
    }

    private mutating func addFile(_ kind: String, _ file: JSONView) {
        add(kind, file, ExtraWriter.members(of: file, without: Self.ownMembers), sizes: nil)
    }

    /// Adds the largest of the sizes, with all of them among its details.
    private mutating func addSizes(_ sizes: JSONView) {
        guard let elements = sizes.elements else { return }
        var largest: JSONView?
        var most = -1.0
        for size in elements where size["file_id"]?.isString == true {
            let area = Double(size["width"]?.int64 ?? 0) * Double(size["height"]?.int64 ?? 0)
            if area >= most { (largest, most) = (size, area) }
        }
        guard let largest else { return }
        add("photo", largest, ExtraWriter.members(of: largest, without: Self.ownMembers), sizes: sizes)
    }

    private mutating func add(
        _ kind: String,
        _ file: JSONView,
        _ details: [(name: JSONView, value: JSONView)],
        sizes: JSONView?
    ) {
        guard attachments.count < Self.maximumCount, let id = file["file_id"]?.string else { return }
        var writer = ExtraWriter()
        for detail in details { writer.add(rawName: detail.name, detail.value) }
        if let sizes { writer.add("sizes", sizes) }
        attachments.append(
            Attachment(
                kind: kind,
                fileID: Projection.whole(id),
                fileUniqueID: Projection.whole(file["file_unique_id"]?.string ?? ""),
                name: file["file_name"]?.string.map(Projection.whole),
                mime: file["mime_type"]?.string.map(Projection.whole) ?? Self.mime(kind, file),
                size: file["file_size"]?.int64.flatMap { $0 < 0 ? nil : $0 },
                details: writer.finish(),
                position: attachments.count
            )
        )
    }

    /// Telegram tells no media type of these, for there is only one, or one for each sort of sticker.
    private static func mime(_ kind: String, _ file: JSONView) -> String? {
        switch kind {
        case "photo": "image/jpeg"
        case "video_note": "video/mp4"
        case "sticker" where file["is_animated"]?.bool == true: "application/x-tgsticker"
        case "sticker" where file["is_video"]?.bool == true: "video/webm"
        case "sticker": "image/webp"
        default: nil
        }
    }

    /// Adds the files that stand directly in an object.
    private mutating func addFields(of holder: JSONView) {
        var found: [(field: Int, value: JSONView)] = []
        holder.forEachMember(of: Self.fieldNames) { field, _, value in
            if let field { found.append((field, value)) }
        }
        for (field, value) in found {
            let name = Self.fields[field]
            if value.isArray { addSizes(value) } else { addFile(name == "voice_note" ? "voice" : name, value) }
        }
    }

    /// Adds the files of a game, of paid media, of a poll, or of a rich message: the names of their fields differ.
    private mutating func addNested(_ value: JSONView) {
        addFields(of: value)
        for item in Self.elements(value["paid_media"]) { addFields(of: item) }
        if let media = value["media"] { addFields(of: media) }
        if let media = value["explanation_media"] { addFields(of: media) }
        for option in Self.elements(value["options"]) {
            if let media = option["media"] { addFields(of: media) }
        }
        addBlocks(of: value, depth: 1)
    }

    private mutating func addBlocks(of holder: JSONView, depth: Int) {
        guard depth <= Self.maximumDepth else { return }
        for block in Self.elements(holder["blocks"]) {
            addFields(of: block)
            addBlocks(of: block, depth: depth + 1)
            for item in Self.elements(block["items"]) { addBlocks(of: item, depth: depth + 1) }
        }
    }

    private static func elements(_ list: JSONView?) -> [JSONView] { list?.elements.map(Array.init) ?? [] }
}
