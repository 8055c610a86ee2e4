import Telegram

/// The methods that send a message.
extension Simulation {
    /// A text longer than this many code points is refused.
    ///
    /// **Source:** Bot API, `sendMessage`, `text`.
    static let maximumTextLength = 4096
    /// A caption longer than this many code points is refused.
    ///
    /// **Source:** Bot API, `sendPhoto`, `caption`.
    static let maximumCaptionLength = 1024

    /// Nil if the method is not of this family.
    mutating func sendingMethod(
        _ method: String,
        _ botID: Int64,
        _ parameters: Parameters
    ) throws(Reply) -> Reply? {
        switch method {
        case "sendmessage": try sendMessage(botID, parameters)
        case "sendphoto": try sendFile(.photo, botID, parameters)
        case "senddocument": try sendFile(.document, botID, parameters)
        case "sendvideo": try sendFile(.video, botID, parameters)
        case "sendanimation": try sendFile(.animation, botID, parameters)
        case "sendaudio": try sendFile(.audio, botID, parameters)
        case "sendvoice": try sendFile(.voice, botID, parameters)
        case "sendvideonote": try sendFile(.videoNote, botID, parameters)
        case "sendsticker": try sendFile(.sticker, botID, parameters)
        case "sendlivephoto": try sendFile(.livePhoto, botID, parameters)
        case "sendmediagroup": try sendAlbum(botID, parameters)
        case "sendlocation": try send(try Self.location(parameters), botID, parameters)
        case "sendvenue": try send(try Self.venue(parameters), botID, parameters)
        case "sendcontact": try send(try Self.contact(parameters), botID, parameters)
        case "senddice": try sendDice(botID, parameters)
        case "sendpoll": try sendPoll(botID, parameters)
        case "forwardmessage": try forward(botID, parameters, isCopy: false)
        case "copymessage": try forward(botID, parameters, isCopy: true)
        case "forwardmessages": try forwardSeveral(botID, parameters, isCopy: false)
        case "copymessages": try forwardSeveral(botID, parameters, isCopy: true)
        case "sendchataction": try sendChatAction(botID, parameters)
        default: nil
        }
    }

    /// **Source:** telegram-bot-api `get_input_message_text`, `check_chat`: the text is read before the chat is looked for.
    private mutating func sendMessage(_ botID: Int64, _ parameters: Parameters) throws(Reply) -> Reply {
        let text = try Self.text(parameters)
        let keyboard = try keyboard(parameters)
        let place = try destination(botID, parameters)
        try Self.checkLength(text)
        return .success(
            try post(text.members(text: "text", entities: "entities"), keyboard: keyboard, to: place, from: botID)
        )
    }

    /// The text of a call that sends or edits one.
    static func text(_ parameters: Parameters) throws(Reply) -> FormattedText {
        let text = parameters["text"]
        guard !text.isEmpty else { throw .refusal(400, "Message text is empty") }
        return try FormattedText(text, mode: parameters["parse_mode"], entities: parameters["entities"])
    }

    static func checkLength(_ text: FormattedText) throws(Reply) {
        guard !text.text.isEmpty else { throw .refusal(400, "Text must be non-empty") }
        guard text.length <= maximumTextLength else { throw .refusal(400, "Message is too long") }
    }

    static func caption(_ parameters: Parameters) throws(Reply) -> FormattedText {
        try FormattedText(
            parameters["caption"],
            mode: parameters["parse_mode"],
            entities: parameters["caption_entities"]
        )
    }

    /// Sends content that needs no file.
    private mutating func send(
        _ content: [JSON.Member],
        _ botID: Int64,
        _ parameters: Parameters
    ) throws(Reply) -> Reply {
        let keyboard = try keyboard(parameters)
        let place = try destination(botID, parameters)
        return .success(try post(content, keyboard: keyboard, to: place, from: botID))
    }

    // MARK: Files

    private mutating func sendFile(
        _ kind: MediaKind,
        _ botID: Int64,
        _ parameters: Parameters
    ) throws(Reply) -> Reply {
        let caption = kind.hasCaption ? try Self.caption(parameters) : FormattedText(text: "", entities: [])
        let keyboard = try keyboard(parameters)
        guard !parameters[kind.rawValue].isEmpty || parameters.file(kind.rawValue) != nil else {
            let word = kind.rawValue.replacing("_", with: " ")
            throw .refusal(400, "There is no \(word) in the request")
        }
        let place = try destination(botID, parameters)
        guard caption.length <= Self.maximumCaptionLength else { throw .refusal(400, "Message caption is too long") }
        let file = try file(kind, parameters[kind.rawValue], part: kind.rawValue, of: botID, parameters)
        var content = self.content(file, for: botID)
        content += caption.members(text: "caption", entities: "caption_entities")
        if parameters.bool("has_spoiler") { content.append(.init("has_media_spoiler", true)) }
        return .success(try post(content, keyboard: keyboard, to: place, from: botID))
    }

    /// The file that a value means: an upload, one that Telegram has, or one of the web.
    ///
    /// **Source:** telegram-bot-api `get_input_file`; tdlib `FileManager`, `process_send_message_fail_error` for the texts.
    mutating func file(
        _ kind: MediaKind,
        _ value: String,
        part: String,
        of botID: Int64,
        _ parameters: Parameters
    ) throws(Reply) -> StoredFile {
        let attached = value.hasPrefix("attach://") ? String(value.dropFirst(9)) : nil
        if value.isEmpty || attached != nil {
            guard let upload = parameters.file(attached ?? part) else {
                throw .refusal(400, "There is no \(kind.rawValue.replacing("_", with: " ")) in the request")
            }
            guard !upload.bytes.isEmpty else { throw .refusal(400, "File must be non-empty") }
            let limit = kind == .photo ? 10 << 20 : 50 << 20
            guard upload.bytes.count <= limit else {
                let what = kind == .photo ? " for a photo" : ""
                throw .refusal(400, "File of size \(upload.bytes.count) bytes is too big\(what)")
            }
            return files.add(kind, name: upload.name, mime: upload.contentType, bytes: upload.bytes)
        }
        if value.hasPrefix("http://") || value.hasPrefix("https://") {
            guard let page = files.web[value] else { throw .refusal(400, "Failed to get HTTP URL content") }
            let limit = kind == .photo ? 5 << 20 : 20 << 20
            guard page.bytes.count <= limit else { throw .refusal(400, "Failed to get HTTP URL content") }
            let name = value.split(separator: "/").last.map(String.init) ?? ""
            return files.add(kind, name: name, mime: page.mime, bytes: page.bytes)
        }
        guard let known = files.file(value, of: botID) else {
            throw .refusal(400, "Wrong file identifier/HTTP URL specified")
        }
        guard known.kind == kind else {
            throw .refusal(400, "Can't use file of type \(known.kind.word) as \(kind.word)")
        }
        return known
    }

    // MARK: Albums

    private static let albumKinds: [String: MediaKind] = [
        "photo": .photo, "video": .video, "document": .document, "audio": .audio, "live_photo": .livePhoto,
    ]

    /// **Source:** telegram-bot-api `get_input_message_contents`; tdlib `MessagesManager`: 2 to 10, documents and audio not mixed.
    private mutating func sendAlbum(_ botID: Int64, _ parameters: Parameters) throws(Reply) -> Reply {
        guard !parameters["media"].isEmpty, let list = parameters.json("media") else {
            throw .refusal(400, "Can't parse media JSON object")
        }
        guard let elements = list.elements.map(Array.init) else {
            throw .refusal(400, "Expected an Array of InputMedia")
        }
        var wanted: [(kind: MediaKind, media: String, caption: FormattedText)] = []
        for element in elements { wanted.append(try Self.media(element)) }
        let place = try destination(botID, parameters)
        guard (1...10).contains(wanted.count) else {
            throw .refusal(
                400,
                wanted.isEmpty ? "There are no messages to send" : "Too many messages to send as an album"
            )
        }
        let kinds = Set(wanted.map(\.kind))
        guard kinds.count == 1 || kinds.isSubset(of: [.photo, .video, .livePhoto]) else {
            let odd = kinds.contains(.document) ? "Document" : "Audio"
            throw .refusal(400, "\(odd) can't be mixed with other media types")
        }
        try checkReachable(place, from: botID)
        var contents: [[JSON.Member]] = []
        for (number, item) in wanted.enumerated() {
            guard item.caption.length <= Self.maximumCaptionLength else {
                throw .refusal(400, "Message caption is too long")
            }
            do throws(Reply) {
                let file = try file(item.kind, item.media, part: "", of: botID, parameters)
                contents.append(
                    content(file, for: botID) + item.caption.members(text: "caption", entities: "caption_entities")
                )
            } catch {
                let why = error.description?.replacing("Bad Request: ", with: "", maxReplacements: 1) ?? ""
                throw .refusal(400, "Failed to send message #\(number + 1) with the error message \"\(why)\"")
            }
        }
        try checkFlood(place.key, of: botID, messages: contents.count)
        let album = String(UInt64.random(in: 1 << 60...1 << 62, using: &random))
        var sent: [JSON] = []
        for content in contents {
            let extra = contents.count > 1 ? [JSON.Member("media_group_id", .string(album))] : []
            sent.append(write(content, keyboard: nil, to: place, from: botID, extra: extra))
        }
        return .success(.array(sent))
    }

    static func media(
        _ element: JSONView
    ) throws(Reply) -> (kind: MediaKind, media: String, caption: FormattedText) {
        func mistake(_ text: String) -> Reply { .refusal(400, "Can't parse InputMedia: \(text)") }
        guard element.isObject else { throw mistake("expected an Object") }
        let type: String
        let media: String
        let caption: (text: String, mode: String)
        do throws(FieldMistake) {
            type = try element.requiredText("type").lowercased()
            media = try element.optionalText("media") ?? ""
            caption = (try element.optionalText("caption") ?? "", try element.optionalText("parse_mode") ?? "")
        } catch {
            throw mistake(error.text)
        }
        guard let kind = albumKinds[type] else {
            let isKnown = ["animation", "paid", "sticker", "location", "venue"].contains(type)
            throw mistake("type \"\(type)\" " + (isKnown ? "can't be used in sendMediaGroup" : "is unsupported"))
        }
        guard !media.isEmpty else { throw mistake("media not found") }
        let entities = element["caption_entities"]?.rawText ?? ""
        return (kind, media, try FormattedText(caption.text, mode: caption.mode, entities: entities))
    }
}
