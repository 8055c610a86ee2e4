import Telegram

/// A pipeline as the dispatcher keeps it.
struct LoadedPipeline: Sendable {
    /// The version.
    let number: Int64
    /// What it is, or what is wrong with it.
    let pipeline: Result<Pipeline, PipelineProblems>
}

extension SendRequest {
    /// A pipeline's reply in a conversation.
    init(business: BusinessID, conversation: ConversationID, reply: PipelineReply) {
        let content: Content =
            switch reply.content {
            case .text(let text, let preview): .text(text, linkPreview: preview)
            case .media(let kind, .telegram(let file), let caption):
                .media(OutgoingMedia(kind, file, caption: caption))
            case .media(let kind, .own(let name), let caption):
                .media(OutgoingMedia(kind, .own(name: name), caption: caption))
            }
        self.init(business: business, conversation: conversation, content: content, options: reply.options)
    }
}

extension IntakeRecord {
    /// The message that it brings, new or edited.
    public var message: IncomingMessage? {
        switch entry {
        case .message(let message), .edit(let message): message
        default: nil
        }
    }
}

extension IntakeRecord {
    /// Whether it brings a message, and not a new version of one.
    var isNewMessage: Bool {
        if case .message = entry { return true }
        return false
    }

    /// The payment that it asks to agree to.
    var checkout: CustomerEvent.Checkout? {
        if case .customerEvent(let event) = entry { return event.checkout }
        return nil
    }

    /// Who wrote, pressed or pays.
    public var actor: Message.Sender? {
        if case .customerEvent(let event) = entry { return event.actor }
        return message?.sender
    }

    /// The same as a person.
    public var profile: CustomerProfile? {
        if case .customerEvent(let event) = entry { return event.customer }
        return message?.customer
    }
}

extension IncomingMessage {
    /// Whether Telegram sent it by itself, as an away message or a greeting, or at a time set before: then nobody is there.
    ///
    /// **Source:** Bot API, `Message.is_from_offline`.
    var isFromOffline: Bool {
        guard let extra, extra.contains("is_from_offline") else { return false }
        return (try? JSONDocument(Array(extra.utf8)).root)?["is_from_offline"]?.bool ?? false
    }
}

extension JobFacts {
    /// Whether people have it no longer, though the row says so.
    func isReleased(at now: Timestamp) -> Bool {
        guard conversation.isHandledByPeople, let releaseAt else { return false }
        return releaseAt <= now
    }

    /// Telegram's id of the query that is to be answered; nil if it is none, or answered already, or too old.
    public func openQuery(_ job: PipelineJob, at now: Timestamp) -> String? {
        guard job.kind == .callback, !isAnswered,
            now.milliseconds - job.receivedAt.milliseconds < JobDecider.queryLifetime
        else { return nil }
        return record.message?.queryID
    }

    /// What the steps look at; without the first contact.
    func context(_ incoming: PipelineContext.Incoming, at now: Timestamp) -> PipelineContext {
        var place = conversation
        if isReleased(at: now) { place.isHandledByPeople = false }
        place.assignee = notes.assignee
        return PipelineContext(
            message: incoming,
            customer: .init(
                telegramID: record.actor?.id ?? 0,
                name: record.actor?.name ?? "",
                username: record.profile?.username,
                language: record.profile?.language
            ),
            conversation: place,
            businessName: businessName,
            bot: bot,
            labels: notes.labels,
            attributes: notes.attributes,
            now: now
        )
    }
}

extension IncomingMessage {
    /// Telegram's id of the query, where a button was pressed.
    public var queryID: String? {
        guard kind == "service", let extra,
            let details = try? JSONDocument(Array(extra.utf8)).root,
            details["service"]?.string == "callback_query"
        else { return nil }
        return details["callback_query"]?["id"]?.string
    }
}
