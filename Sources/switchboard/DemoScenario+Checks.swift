import Gateway
import Simulator
import Storage
import Telegram

/// What must be stored after the demo.
extension DemoScenario {
    /// Checks what has come before there were pipelines.
    func check(_ flora: Side, _ cafe: Side, _ checks: inout Checks) async throws {
        printer.heading("Checked:")
        var seen = Seen()
        let floras = try await newMessages(of: flora.business, &seen)
        let cafes = try await newMessages(of: cafe.business, &seen)
        checks.expect(
            "flora has its 13 entries in 3 conversations, each once",
            floras.count == 13 && Self.conversations(floras) == 3
        )
        checks.expect(
            "vesna has its \(8 + Self.burst) entries in 5 conversations, each once",
            cafes.count == 8 + Self.burst && Self.conversations(cafes) == 5
        )
        checks.expect(
            "texts came through whole, in every script",
            cafes.contains { $0.text == "Und einen Tisch für Samstag, bitte 👨‍👩‍👧" }
                && floras.contains { $0.text == "مرحبا، هل التوصيل متاح اليوم؟" }
        )
        let numbers = cafes.compactMap { $0.text.flatMap { Int($0) } }
        checks.expect("the burst is in the order written", numbers == Array(1...Self.burst))
        let kept = try await store.keptUpdates(of: flora.business.id, page: Page()).elements
        checks.expect("the unknown kind is kept and listed, and nothing else", kept.map(\.kind) == ["hologram"])
        checkContent(floras, &checks)
        try await checkPlaces(flora, cafe, floras, &checks)
        let delivered = telegram.counts()
        checks.expect(
            "Telegram has nothing left to deliver, and nothing failed",
            delivered.pending == 0 && delivered.failed == 0
        )
    }

    private func checkContent(_ messages: [Message], _ checks: inout Checks) {
        checks.expect(
            "the photo has its caption and its file",
            messages.contains { $0.text == "So wie diese" && $0.attachments.map(\.kind) == ["photo"] }
        )
        let album = messages.filter { $0.albumID != nil }
        checks.expect(
            "the album has its three photos",
            album.count == 3 && Set(album.map(\.albumID)).count == 1 && album.allSatisfy { !$0.attachments.isEmpty }
        )
        checks.expect(
            "the edited message reads as it is now, and tells how it read before",
            messages.contains { message in
                message.text == "Guten Tag! Haben Sie rote Rosen?" && message.editedAt != nil
                    && message.versions.map(\.text) == ["Guten Tag! Haben Sie weiße Rosen?"]
            }
        )
        checks.expect(
            "the reaction is on its message, with its person",
            album.last?.reactions.map(\.reaction.value) == ["❤"]
                && album.last?.reactions.first?.actor?.name == "Anna Schmidt"
        )
        checks.expect(
            "the pressed button is in the conversation",
            messages.contains { Self.isService($0, "callback_query") && $0.text == "order:20" && $0.replyTo != nil }
        )
    }

    private func checkPlaces(
        _ flora: Side,
        _ cafe: Side,
        _ messages: [Message],
        _ checks: inout Checks
    ) async throws {
        let floras = try await store.conversations(of: flora.business.id, matching: .init(), page: Page()).elements
        let cafes = try await store.conversations(of: cafe.business.id, matching: .init(), page: Page()).elements
        checks.expect(
            "who blocked the bot is marked, who took it back is not, and both are in the history",
            cafes.filter(\.blocked).map(\.title) == ["田中 さくら"] && !floras.contains(where: \.blocked)
                && messages.count { Self.isService($0, "my_chat_member") } == 2
        )
        let topics = cafes.filter { $0.title == "Весна: команда" && $0.threadID != nil }
        checks.expect(
            "the group's topic is a conversation of its own",
            topics.count == 1 && topics.first?.lastMessage?.text == "Молоко кончается"
        )
        let business = floras.filter { $0.space.hasPrefix("business:") }
        let talk = messages.filter { message in business.contains { $0.id == message.conversationID } }
        checks.expect(
            "in the business account's chat owner and customer are told apart",
            business.count == 1 && talk.map(\.sender.role) == [.customer, .owner, .owner]
        )
        checks.expect(
            "the deleted message is marked, and its content stays",
            talk.map { $0.deletedAt != nil } == [false, false, true] && talk.last?.text == "Ups, falscher Chat"
        )
    }

    private static func isService(_ message: Message, _ name: String) -> Bool {
        message.json["service"] == .string(name)
    }

    private static func conversations(_ messages: [Message]) -> Int { Set(messages.map(\.conversationID)).count }

    /// Shows each check, and counts those that failed.
    struct Checks {
        let printer: DemoPrinter
        var failed = 0

        mutating func expect(_ what: String, _ isTrue: Bool) {
            printer.checked(what, isTrue)
            if !isTrue { failed += 1 }
        }
    }
}
