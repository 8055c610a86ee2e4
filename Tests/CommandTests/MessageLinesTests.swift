import Gateway
import Testing

@testable import switchboard

@Suite("A history for people")
struct MessageLinesTests {
    private static let noon = Timestamp(milliseconds: 1_795_435_200_000)

    private static func message(
        _ id: Int64,
        _ text: String?,
        kind: String = "text",
        from name: String = "Anna",
        role: Message.Sender.Role = .customer,
        extra: String? = nil,
        replyTo: Int64? = nil,
        _ change: (inout Message) -> Void = { _ in }
    ) -> Message {
        var message = Message(
            id: MessageID(rawValue: id),
            conversationID: ConversationID(rawValue: 1),
            direction: role == .bot ? .outgoing : .incoming,
            sender: .init(role: role, id: 501, name: name),
            kind: kind,
            text: text,
            extra: extra,
            telegramMessageID: id + 100,
            replyTo: replyTo,
            sentAt: noon,
            receivedAt: noon,
            state: role == .bot ? "sent" : "received"
        )
        change(&message)
        return message
    }

    private static func file(
        _ kind: String,
        name: String? = nil,
        size: Int64? = nil,
        _ details: String? = nil
    ) -> Gateway.Attachment {
        Gateway.Attachment(kind: kind, fileID: "f", fileUniqueID: "u", name: name, size: size, details: details)
    }

    /// Who and what, for each line.
    private static func lines(_ messages: [Message], isBusinessChat: Bool = false, raw: Bool = false) -> [String] {
        MessageLines(messages, isBusinessChat: isBusinessChat, raw: raw).rows.map { row in
            row[2].isEmpty ? row[3].text : "\(row[2].text): \(row[3].text)"
        }
    }

    @Test func `files are told with what they are, their name and their size, and the caption whole`() {
        let caption = String(repeating: "long caption ", count: 20)
        let messages = [
            Self.message(1, caption, kind: "photo") {
                $0.attachments = [Self.file("photo", size: 120_400, "{\"width\":1280,\"height\":720}")]
            },
            Self.message(2, nil, kind: "document") {
                $0.attachments = [Self.file("document", name: "price.pdf", size: 1_234_567)]
            },
            Self.message(3, nil, kind: "voice") { $0.attachments = [Self.file("voice", "{\"duration\":65}")] },
            Self.message(4, nil, kind: "sticker") {
                $0.attachments = [Self.file("sticker", size: 900, "{\"emoji\":\"🌹\",\"width\":512,\"height\":512}")]
            },
            Self.message(5, nil, kind: "location", extra: "{\"location\":{\"latitude\":52.5,\"longitude\":13.4}}"),
            Self.message(6, "for you", kind: "hologram"),
        ]
        #expect(
            Self.lines(messages) == [
                "Anna: [photo 1280×720, 120 KB] \(caption)", "Anna: [document price.pdf, 1.2 MB]", "Anna: [voice 1:05]",
                "Anna: [sticker 🌹 900 bytes]", "Anna: [a location: 52.5, 13.4]",
                "Anna: [something that this version does not know] for you",
            ]
        )
    }

    @Test(
        arguments: [
            (0, "0 bytes"), (999, "999 bytes"), (1000, "1 KB"), (1250, "1.3 KB"), (9949, "9.9 KB"), (9960, "10 KB"),
            (120_400, "120 KB"), (999_499, "999 KB"), (999_600, "1 MB"), (1_234_567, "1.2 MB"), (20_000_000, "20 MB"),
            (4_000_000_000, "4 GB"),
        ] as [(Int64, String)]
    )
    func `a size is told in round numbers`(size: Int64, words: String) {
        #expect(MessageContent.bytes(size) == words)
    }

    @Test func `an edit shows how the message reads, and beneath it how it read before`() {
        let edited = Self.message(1, "now") {
            $0.editedAt = Timestamp(milliseconds: Self.noon.milliseconds + 300_000)
            $0.versions = [
                MessageVersion(kind: "text", text: "first", extra: nil, attachments: [], editedAt: nil),
                MessageVersion(
                    kind: "photo",
                    text: "second",
                    extra: nil,
                    attachments: [Self.file("photo")],
                    editedAt: Self.noon
                ),
            ]
        }
        let clock = Output.time(Timestamp(milliseconds: Self.noon.milliseconds + 300_000)).dropFirst(11).prefix(5)
        #expect(
            Self.lines([edited]) == [
                "Anna: now (edited \(clock))", "before: first", "before: [photo] second",
            ]
        )
    }

    @Test func `a deletion strikes the message and keeps its content; on another day its date is told`() {
        let later = Timestamp(milliseconds: Self.noon.milliseconds + 2 * 86_400_000)
        let deleted = Self.message(1, "gone") { $0.deletedAt = later }
        #expect(Self.lines([deleted]) == ["Anna: ~~gone~~ (deleted \(Output.time(later)))"])
    }

    @Test func `an answer quotes what it answers if that is on the page, else names its number`() {
        let messages = [
            Self.message(1, "a text that is longer than what is quoted of it"),
            Self.message(2, "yes", replyTo: 101),
            Self.message(3, "no", replyTo: 7),
            Self.message(4, "this part", extra: "{\"quote\":{\"text\":\"longer\"}}", replyTo: 101),
            Self.message(5, "there", extra: "{\"external_reply\":{}}"),
            Self.message(
                6,
                "x",
                extra:
                    "{\"forward_origin\":{\"type\":\"user\",\"sender_user\":{\"first_name\":\"Bo\",\"last_name\":\"Li\"}}}"
            ),
        ]
        #expect(
            Self.lines(messages).dropFirst() == [
                "Anna: ↪ “a text that is longer t…” yes", "Anna: ↪ #7 no", "Anna: ↪ “longer” this part",
                "Anna: ↪ a message of another chat: there", "Anna: forwarded from Bo Li: x",
            ]
        )
    }

    @Test func `where a number is there twice, the answer is to the message before it`() {
        let messages = [
            Self.message(1, "in the group") { $0.telegramMessageID = 5 }, Self.message(2, "first", replyTo: 5),
            Self.message(3, "in the supergroup") { $0.telegramMessageID = 5 }, Self.message(4, "second", replyTo: 5),
        ]
        let lines = Self.lines(messages)
        #expect(lines[1] == "Anna: ↪ “in the group” first" && lines[3] == "Anna: ↪ “in the supergroup” second")
    }

    @Test func `a message that is not sent says so, and why`() {
        let states = [("queued", nil), ("failed", "the chat was not found"), ("sent", nil)] as [(String, String?)]
        let messages = states.map { state, error in
            Self.message(1, "hi", from: "Flora", role: .bot) { ($0.state, $0.error) = (state, error) }
        }
        #expect(
            Self.lines(messages) == [
                "Flora (bot): hi (queued)", "Flora (bot): hi (failed: the chat was not found)", "Flora (bot): hi",
            ]
        )
    }

    @Test func `an album is joined down its side`() {
        let messages = (1...5).map { id in
            Self.message(id, nil, kind: "photo") {
                $0.albumID = id == 4 ? nil : id == 5 ? "b" : "a"
                $0.attachments = [Self.file("photo")]
            }
        }
        #expect(
            Self.lines(messages) == [
                "Anna: ┌ [photo]", "Anna: ├ [photo]", "Anna: └ [photo]", "Anna: [photo]", "Anna: ╶ [photo]",
            ]
        )
    }

    @Test func `reactions are told by their people, or by their number where they are anonymous`() {
        func reaction(_ kind: String, _ value: String, _ name: String?, _ count: Int64 = 1) -> MessageReaction {
            MessageReaction(
                actor: name.map { .init(role: .customer, id: 5, name: $0) },
                reaction: Reaction(kind: kind, value: value, count: count),
                at: Self.noon
            )
        }
        let message = Self.message(1, "x") {
            $0.reactions = [
                reaction("emoji", "👍", nil, 3), reaction("emoji", "❤", "Anna"),
                reaction("custom_emoji", "5368324170671202286", "Bo"), reaction("paid", "", nil, 2),
                reaction("sparkle", "", "Bo"),
            ]
        }
        #expect(
            Self.lines([message]).last == "reactions: 👍×3, ❤ Anna, custom emoji Bo, ⭐×2, sparkle Bo"
        )
    }

    @Test func `a poll shows how it stands and who voted what`() {
        let message = Self.message(1, nil, kind: "poll", extra: "{\"poll\":{\"question\":\"Which?\"}}") {
            $0.poll = MessagePoll(
                state:
                    "{\"is_closed\":true,\"options\":[{\"text\":\"Roses\",\"voter_count\":2},{\"text\":\"Tulips\",\"voter_count\":0}]}",
                votes: [
                    .init(voterID: 1, voterName: "Anna", options: [0]),
                    .init(voterID: 2, voterName: "Bo", options: [0]),
                ]
            )
        }
        #expect(
            Self.lines([message]) == ["Anna: [a poll: Which?]", "votes (closed): Roses 2 (Anna, Bo), Tulips 0"]
        )
    }

    @Test func `what happened stands alone, for it names who did it`() {
        let pressed = Self.message(
            2,
            "order:20",
            kind: "service",
            extra: "{\"service\":\"callback_query\",\"callback_query\":{}}",
            replyTo: 101
        )
        #expect(
            Self.lines([Self.message(1, "20 or 30?", from: "Flora", role: .bot), pressed]) == [
                "Flora (bot): 20 or 30?", "↪ “20 or 30?” Anna pressed a button: order:20",
            ]
        )
    }

    @Test func `in a business chat everybody's role is told`() {
        let messages = [
            Self.message(1, "hello"), Self.message(2, "yes?", from: "Maier", role: .owner),
            Self.message(3, "hm", from: "X", role: .unknown),
        ]
        #expect(
            Self.lines(messages, isBusinessChat: true) == [
                "Anna (customer): hello", "Maier (owner): yes?", "X (unknown): hm",
            ]
        )
        #expect(Self.lines([messages[0], messages[2]]) == ["Anna: hello", "X: hm"])
    }

    @Test func `a raw body that is gone is told where it was asked for`() {
        let (kept, gone) = (Self.message(1, "a") { $0.raw = Array("{}".utf8) }, Self.message(2, "b"))
        let sent = Self.message(3, "c", from: "Flora", role: .bot)
        #expect(
            Self.lines([kept, gone, sent], raw: true) == [
                "Anna: a", "raw: {}", "Anna: b", "raw: the raw body was pruned", "Flora (bot): c",
            ]
        )
        #expect(Self.lines([gone]) == ["Anna: b"])
    }

    @Test func `nobody's words reorder what stands around them, cut through or not, nor move the cursor`() {
        var table = TerminalTable(columns: MessageLines.columns)
        let message = Self.message(1, "عربى \u{202E}مع\u{1B}[2J", from: "مريم") {
            $0.editedAt = Self.noon
            $0.reactions = [
                .init(
                    actor: .init(role: .customer, id: 1, name: "مريم"),
                    reaction: .init(kind: "emoji", value: "❤"),
                    at: Self.noon
                )
            ]
        }
        for row in MessageLines([message]).rows { table.add(row) }
        let isolated = "\u{2068}عربى مع␛[2J\u{2069} (edited"
        #expect(table.rendered(width: nil).contains(isolated))
        for width in [nil, 80, 52, 44] {
            for line in table.rendered(width: width).split(separator: "\n") {
                var depth = 0
                for scalar in line.unicodeScalars {
                    if scalar == "\u{2068}" { depth += 1 }
                    if scalar == "\u{2069}" { depth -= 1 }
                    #expect(depth >= 0)
                    #expect(scalar.value != 0x1B && scalar.value != 0x202E)
                }
                #expect(depth == 0, "\(line.debugDescription)")
                if let width { #expect(TerminalText.width(line) <= max(width, 40)) }
            }
        }
    }

    @Test func `the list of conversations tells topics, business chats and who has blocked the bot`() {
        let conversation = Conversation(
            id: ConversationID(rawValue: 4),
            botID: BotID(rawValue: 5),
            space: "business:abc",
            chatID: 501,
            threadID: 40,
            kind: "private",
            title: "Anna\u{1B}[2J",
            customerID: nil,
            status: "open",
            handledBy: "pipeline",
            blocked: true,
            lastMessageAt: Self.noon,
            lastMessage: Self.message(1, "look", kind: "photo") { $0.attachments = [Self.file("photo", size: 5)] }
        )
        var (row, labelled) = (ConversationsCommand.row(conversation).map(\.text), conversation)
        #expect(
            row == [
                "cnv_4", "bot_5", "Anna␛[2J #40", "private, business", "open, blocked", "", Output.time(Self.noon),
                "[photo 5 bytes] look",
            ]
        )
        (labelled.labels, labelled.assignee, labelled.handledBy) = (["order", "vi\u{1B}p"], "Ines", "people")
        row = ConversationsCommand.row(labelled).map(\.text)
        #expect(row[4...5] == ["open, people have it, Ines, blocked", "order, vi␛p"])
        #expect(
            ConversationsCommand.heading(conversation).text
                == "Anna␛[2J (cnv_4, private, business chat, topic 40, has blocked the bot)"
        )
    }
}
