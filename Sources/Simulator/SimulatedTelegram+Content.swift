import Telegram

/// The kinds of content that customers send most, in short forms.
///
/// All others go through `send(_:from:in:context:to:)` with the members of the `Message`.
extension SimulatedTelegram {
    /// A file that a person sends.
    public struct Attachment: Hashable, Sendable {
        /// What it is sent as; `Message` names its member so.
        public enum Kind: String, Sendable {
            case photo, document, video, animation, audio, voice, sticker
            case videoNote = "video_note"
            case livePhoto = "live_photo"
        }

        /// What it is sent as.
        public var kind: Kind
        /// What a download gives.
        public var bytes: [UInt8]
        /// The file's name; shown of documents, videos, animations and audio.
        public var name: String
        /// The MIME type; shown of the same and of voice.
        public var mime: String
        /// What stands under it.
        public var caption: String
        /// Further members of the file's object, such as `["emoji": "🌹"]` of a sticker.
        public var details: JSON

        /// Makes an attachment.
        public init(
            _ kind: Kind,
            bytes: [UInt8],
            name: String = "",
            mime: String = "",
            caption: String = "",
            details: JSON = [:]
        ) {
            self.kind = kind
            self.bytes = bytes
            self.name = name
            self.mime = mime
            self.caption = caption
            self.details = details
        }
    }

    /// Lets a person send a file, which the bot can download.
    @discardableResult
    public func send(
        _ attachment: Attachment,
        from person: Person,
        in group: GroupChat? = nil,
        context: MessageContext = .init(),
        to botID: Int64
    ) throws(SimulatorError) -> Int64? {
        let content = members(of: attachment, for: botID)
        return try write(content, from: person, group: group, context, to: botID)
    }

    /// Lets a person send several files as one album; each is an update of its own.
    @discardableResult
    public func sendAlbum(
        _ attachments: [Attachment],
        from person: Person,
        in group: GroupChat? = nil,
        to botID: Int64
    ) throws(SimulatorError) -> [Int64] {
        let album = change { state, _ in String(UInt64.random(in: 1 << 60...1 << 62, using: &state.random)) }
        var updates: [Int64] = []
        for attachment in attachments {
            let context = MessageContext(albumID: album)
            if let id = try send(attachment, from: person, in: group, context: context, to: botID) {
                updates.append(id)
            }
        }
        return updates
    }

    /// Lets a person send a place.
    @discardableResult
    public func sendLocation(
        latitude: Double,
        longitude: Double,
        from person: Person,
        in group: GroupChat? = nil,
        to botID: Int64
    ) throws(SimulatorError) -> Int64? {
        let place: JSON = ["location": ["latitude": .double(latitude), "longitude": .double(longitude)]]
        return try send(place, from: person, in: group, to: botID)
    }

    /// Lets a person send a contact.
    @discardableResult
    public func sendContact(
        phoneNumber: String,
        firstName: String,
        from person: Person,
        in group: GroupChat? = nil,
        to botID: Int64
    ) throws(SimulatorError) -> Int64? {
        let contact: JSON = ["phone_number": .string(phoneNumber), "first_name": .string(firstName)]
        return try send(["contact": contact], from: person, in: group, to: botID)
    }

    /// The members of a `Message` that carry a file, for `sendInBusiness` and `postInChannel`.
    public func content(_ attachment: Attachment, for botID: Int64) -> JSON {
        .object(members(of: attachment, for: botID))
    }

    private func members(of attachment: Attachment, for botID: Int64) -> [JSON.Member] {
        change { state, _ in
            let kind = MediaKind(rawValue: attachment.kind.rawValue) ?? .document
            let file = state.files.add(
                kind,
                name: attachment.name,
                mime: attachment.mime,
                bytes: attachment.bytes
            )
            return state.content(file, details: attachment.details, for: botID)
                + FormattedText.written(attachment.caption).members(text: "caption", entities: "caption_entities")
        }
    }
}
