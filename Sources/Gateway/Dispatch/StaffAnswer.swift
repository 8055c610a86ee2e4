import Telegram

/// What a member of the staff answers to a message that was forwarded: it goes to the customer.
struct StaffAnswer: Sendable {
    private let message: IncomingMessage
    private let stored: MessageID?
    private let target: ConversationID
    private let isEdit: Bool
    private let bot: PipelineContext.Recipient
    private let job: PipelineJob
    private let run: PipelineRun

    /// Gives the conversation back to the pipeline, in place of an answer.
    private static let release = "release"

    init(
        _ message: IncomingMessage,
        to target: ConversationID,
        in facts: JobFacts,
        _ job: PipelineJob,
        at now: Timestamp
    ) {
        self.message = message
        stored = facts.message
        self.target = target
        isEdit = if case .edit = facts.record.entry { true } else { false }
        bot = facts.bot
        self.job = job
        run = PipelineRun(
            update: job.id,
            conversation: facts.conversation.id,
            decidedAt: now,
            tookMilliseconds: max(0, now.milliseconds - job.receivedAt.milliseconds),
            result: .staffAnswer,
            pipeline: facts.pipeline
        )
    }

    var outcome: JobOutcome {
        var run = run
        if isEdit {
            run.notes = ["an edit of an answer is not passed on"]
            return JobOutcome(run)
        }
        if let command = BotCommandText(message.text ?? ""), command.name == Self.release,
            command.bot.map({ $0 == bot.username.lowercased() }) ?? true
        {
            run.notes = ["given back to the pipeline"]
            var outcome = JobOutcome(run)
            outcome.release = target
            return outcome
        }
        guard let content else {
            run.notes = ["what is of kind \(message.kind) cannot be passed on"]
            var outcome = JobOutcome(run)
            outcome.sendings = [reply("This kind of message cannot be passed on: write a text, or send a file.")]
            return outcome
        }
        var outcome = JobOutcome(run)
        let author = Message.Sender(role: .agent, id: message.sender.id, name: message.sender.name)
        let request = SendRequest(business: job.business, conversation: target, content: content, author: author)
        outcome.sendings = [
            .init(request, passingOn: stored, isAutomatic: false) { why in
                reply("This did not reach the customer: \(why)").request
            }
        ]
        return outcome
    }

    /// What is told in the chat of the staff.
    private func reply(_ text: String) -> JobOutcome.Sending {
        var options = SendOptions()
        options.replyTo = message.messageID
        let request = SendRequest(
            business: job.business,
            conversation: run.conversation ?? job.conversation,
            content: .text(FormattedText(text)),
            options: options
        )
        return .init(request, isAutomatic: false)
    }

    /// The same once more, without who wrote it; nil for what has no such form.
    private var content: SendRequest.Content? {
        let text = message.text.map { FormattedText($0, entities: entities) }
        guard let file = message.attachments.first else {
            guard message.kind == "text", let text else { return nil }
            return .text(text)
        }
        guard let kind = OutgoingMedia.Kind(rawValue: file.kind) else { return nil }
        return .media(OutgoingMedia(kind, .id(file.fileID), caption: text))
    }

    private var entities: [MessageEntity] {
        guard let extra = message.extra, let details = try? JSONDocument(Array(extra.utf8)).root,
            let entities = details["entities"]?.elements
        else { return [] }
        return entities.compactMap { MessageEntity($0) }
    }
}
