import ArgumentParser
import Foundation
import Gateway
import Storage
import Telegram

/// The command `switchboard send`.
struct SendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send",
        abstract: "Send a message into a conversation.",
        discussion: """
            The message is written to the outbox; the running server sends it within a second, paced as Telegram asks, and `history` shows it at once. A
            text of more than 4096 characters goes in several messages. With TEXT - it is read from standard input: other users of this machine can
            see the arguments of a running command, so do that with what nobody else may read.

            With --idempotency-key the same command can be given again, say after an interruption: what was taken once is not sent twice. A key is
            remembered for seven days.

            With --wait the command ends when Telegram has the message: exit code 0 if it was sent, 4 if it was refused, 1 if that is not known or
            the time is over.

            Examples:
              switchboard send maier cnv_12 "Your flowers are ready."
              switchboard send maier cnv_12 --html "It is <b>ready</b>." --button "Yes=yes" --button "Map=https://example.com/map" --wait 10
              switchboard send maier cnv_12 "The new shop" --photo https://example.com/shop.jpg
              switchboard send maier cnv_12 - --idempotency-key order-4711 < answer.txt
            """
    )

    @Argument(help: "The business: its slug or id.") var business: String
    @Argument(help: "The conversation: its id.") var conversation: String
    @Argument(help: "The text, or the caption of a photo or document; - reads it from standard input.") var text:
        String?
    @Flag(help: "The text is Telegram's HTML: <b>, <i>, <a href>, <code>, <blockquote> and others.") var html = false
    @Option(help: "The message that is answered: its id, from `switchboard history`.") var replyTo: String?
    @Option(
        help: "A button below it, \"Label=value\": an address opens, anything else is sent to the bot. May be repeated."
    )
    var button: [String] = []
    @Option(help: "A photo: its https:// address, or a file_id of this bot.") var photo: String?
    @Option(help: "A document: its https:// address, or a file_id of this bot.") var document: String?
    @Flag(help: "Without a sound.") var silent = false
    @Option(help: "A key of yours by which a repetition is known.") var idempotencyKey: String?
    @Option(help: "Wait so many seconds until Telegram has it.") var wait: Int?
    @OptionGroup var options: CommonOptions
    @OptionGroup var output: OutputOptions

    /// No text is longer than what is read of it: more would be hundreds of messages.
    private static let mostBytes = 1 << 20

    mutating func validate() throws {
        if photo != nil, document != nil { throw ValidationError("give --photo or --document, not both") }
        if text == nil, photo == nil, document == nil { throw ValidationError("give a TEXT, --photo or --document") }
        if let wait, wait < 1 { throw ValidationError("--wait must be at least 1") }
    }

    mutating func run() async throws {
        guard let conversation = ConversationID(conversation) else {
            throw GatewayError.unknownConversation(conversation)
        }
        var request = SendRequest(business: BusinessID(rawValue: 0), conversation: conversation, content: try content())
        request.replyTo = try replyTo.map { reference in
            guard let id = MessageID(reference) else { throw GatewayError.messageNotSent(reference) }
            return id
        }
        request.options.silent = silent
        request.options.markup = try keyboard()
        request.idempotencyKey = idempotencyKey
        let (messages, isRepeat) = try await CommandContext.with(options) { [request, business, wait] context in
            var request = request
            request.business = try await context.store.business(named: business).id
            let queued = try await context.store.enqueue(request, at: .now())
            let messages = try await Self.messages(queued, request, context.store, seconds: wait)
            return (messages, queued.isRepeat)
        }
        if isRepeat { Output.complain("note: this was asked for before with the same key; nothing more is sent") }
        if output.json { for message in messages { Output.json(message.json) } }
        for message in messages where !output.json { Output.line("\(message.state) \(message.id)") }
        if wait != nil { try Self.judge(messages) }
    }

    private func content() throws -> SendRequest.Content {
        let text = try formatted()
        if let photo { return .media(OutgoingMedia(.photo, Self.file(photo), caption: text)) }
        if let document { return .media(OutgoingMedia(.document, Self.file(document), caption: text)) }
        return .text(text ?? FormattedText(""))
    }

    private static func file(_ reference: String) -> OutgoingFile {
        reference.contains("://") ? .url(reference) : .id(reference)
    }

    private func formatted() throws -> FormattedText? {
        guard var text else { return nil }
        if text == "-" { text = try Self.readInput() }
        guard html else { return FormattedText(text) }
        do throws(HTMLError) {
            return try FormattedText(html: text)
        } catch {
            throw Failure(.usage, "the HTML cannot be read: \(error.description)")
        }
    }

    private static func readInput() throws -> String {
        var bytes = Data()
        while bytes.count <= mostBytes, let more = try FileHandle.standardInput.read(upToCount: 1 << 16), !more.isEmpty
        {
            bytes += more
        }
        guard bytes.count <= mostBytes else { throw Failure(.usage, "the text has more than 1 MiB: shorten it") }
        guard let text = String(bytes: bytes, encoding: .utf8) else {
            throw Failure(.usage, "the text on standard input is not UTF-8: convert it first")
        }
        return text
    }

    private func keyboard() throws -> ReplyMarkup? {
        guard !button.isEmpty else { return nil }
        return .inline(
            InlineKeyboard(
                try button.map { button in
                    guard let sign = button.firstIndex(of: "=") else {
                        throw Failure(.usage, "--button must be \"Label=value\", such as \"Yes=yes\"")
                    }
                    let (label, value) = (String(button[..<sign]), String(button[button.index(after: sign)...]))
                    return [InlineKeyboard.Button(label, value.contains("://") ? .url(value) : .callback(value))]
                }
            )
        )
    }

    /// The messages as they are stored now, or once nothing of them is open any more.
    private static func messages(
        _ queued: QueuedCalls,
        _ request: SendRequest,
        _ store: SQLiteStore,
        seconds: Int?
    ) async throws -> [Message] {
        let end = ContinuousClock.now + .seconds(seconds ?? 0)
        while true {
            var messages: [Message] = []
            for id in queued.messages {
                messages.append(try await store.message(id, business: request.business, raw: false))
            }
            let isOpen = messages.contains { $0.state == "queued" || $0.state == "sending" }
            guard isOpen, ContinuousClock.now < end else { return messages }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    private static func judge(_ messages: [Message]) throws {
        if let failed = messages.first(where: { $0.state == "failed" }) {
            throw Failure(.refusedByTelegram, "\(failed.id) was not sent: \(failed.error ?? "no reason is known")")
        }
        if let unknown = messages.first(where: { $0.state == "unknown" }) {
            throw Failure(
                .failed,
                "nobody knows whether \(unknown.id) was sent (\(unknown.error ?? "no answer")): `switchboard dead list` shows it"
            )
        }
        guard messages.allSatisfy({ $0.state == "sent" }) else {
            throw Failure(.failed, "not sent yet: it waits in the outbox, and goes as soon as the server can send it")
        }
    }
}
