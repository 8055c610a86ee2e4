import Gateway
import Simulator
import Storage
import Telegram

/// What happens in the demo, and what must be stored afterwards.
struct DemoScenario: Sendable {
    let telegram: SimulatedTelegram
    let store: SQLiteStore
    let registry: Registry
    let printer: DemoPrinter

    /// A business with its bot.
    private struct Side {
        let business: Business
        let bot: Bot
        let simulated: SimulatedBot
    }

    /// How many messages the burst has.
    private static let burst = 40

    /// Plays everything, shows the histories, and checks them.
    ///
    /// - Throws: `Failure` if a check fails.
    func run(sealer: Sealer, address: ServerAddress) async throws {
        printer.heading("Two businesses, a bot each:")
        let flora = try await register("Flora & Söhne", "flora", "flora_bot", sealer, address)
        let cafe = try await register("Кафе Весна", "vesna", "vesna_cafe_bot", sealer, address)

        printer.heading("Their customers write:")
        var seen = Seen()
        let anna = telegram.addPerson(firstName: "Anna", lastName: "Schmidt", username: "anna_s", languageCode: "de")
        let oleg = telegram.addPerson(firstName: "Олег", lastName: "Жуков", languageCode: "ru")
        let mariam = telegram.addPerson(firstName: "مريم", languageCode: "ar")
        let tanaka = telegram.addPerson(firstName: "田中", lastName: "さくら", languageCode: "ja")
        try telegram.say("Guten Tag! Haben Sie weiße Rosen?", from: anna, to: flora.simulated.id)
        try telegram.say("Добрый день, столик на двоих в 19:00?", from: oleg, to: cafe.simulated.id)
        try telegram.say("مرحبا، هل التوصيل متاح اليوم؟", from: mariam, to: flora.simulated.id)
        try telegram.say("桜のケーキはありますか？🌸", from: tanaka, to: cafe.simulated.id)
        // One person, two businesses: each has a conversation of its own, and none sees the other's.
        try telegram.say("Und einen Tisch für Samstag, bitte 👨‍👩‍👧", from: anna, to: cafe.simulated.id)
        try await settle(&seen, [flora, cafe])

        try await playFaults(flora, cafe, anna, oleg, &seen)
        try await showHistories([flora, cafe])
        try await check(flora, cafe)
    }

    /// A repeated delivery, a burst, and what this version keeps raw.
    private func playFaults(
        _ flora: Side,
        _ cafe: Side,
        _ anna: Person,
        _ oleg: Person,
        _ seen: inout Seen
    ) async throws {
        printer.heading("One update is delivered twice, as after a lost answer:")
        if let again = try telegram.say("Am liebsten 20 Stück.", from: anna, to: flora.simulated.id) {
            try await settle(&seen, [flora])
            try telegram.deliverAgain(again, to: flora.simulated.id)
            try await settle(&seen, [flora])
            printer.note("update \(again) came twice and is there once")
        }

        printer.heading("A burst of \(Self.burst) messages:")
        for number in 1...Self.burst { try telegram.say("\(number)", from: oleg, to: cafe.simulated.id) }
        try await telegram.drained()
        let arrived = try await newMessages(of: cafe.business, &seen)
        printer.note(
            "\(arrived.count) arrived, in the order written: \(arrived.map { $0.text ?? "" } == (1...Self.burst).map(String.init))"
        )

        printer.heading("A photo arrives; an edit and a kind of update from the future are kept raw and listed:")
        let photo: JSON = [
            "photo": [
                [
                    "file_id": "AgACAgIAAxkBAAM", "file_unique_id": "AQADdemo", "width": 90, "height": 67,
                    "file_size": 1204,
                ]
            ],
            "caption": "So wie diese",
        ]
        try telegram.send(photo, from: anna, to: flora.simulated.id)
        if let first = telegram.messages(in: anna.id, of: flora.simulated.id).first {
            try telegram.edit(first.messageID, to: "Guten Tag! Haben Sie rote Rosen?", by: anna, to: flora.simulated.id)
        }
        try telegram.post(
            update: "hologram",
            payload: ["from": ["id": .int(anna.id)], "beam": 1],
            to: flora.simulated.id
        )
        try await settle(&seen, [flora])
        for update in try await store.keptUpdates(of: flora.business.id, page: Page()).elements.reversed() {
            printer.note("\(flora.business.slug)  \(update.id)  \(update.kind): \(update.mark.words)")
        }
    }

    private func register(
        _ name: String,
        _ slug: String,
        _ username: String,
        _ sealer: Sealer,
        _ address: ServerAddress
    ) async throws -> Side {
        let simulated = try telegram.addBot(name: name, username: username)
        let business = try await store.addBusiness(name: name, slug: try Slug(slug), at: .now())
        let bot = try await BotCommand.register(simulated.token, of: business, store, sealer, address)
        // What a running server does within a second of a command.
        try await registry.refresh(from: store)
        printer.registered(business, bot)
        return Side(business: business, bot: bot, simulated: simulated)
    }

    // MARK: Showing what arrives

    /// The last message of each conversation that was shown.
    private typealias Seen = [ConversationID: MessageID]

    /// Waits until all is delivered, and shows what has come of it.
    private func settle(_ seen: inout Seen, _ sides: [Side]) async throws {
        try await telegram.drained()
        for side in sides {
            for message in try await newMessages(of: side.business, &seen) {
                printer.arrived(message, at: side.business)
            }
        }
    }

    private func newMessages(of business: Business, _ seen: inout Seen) async throws -> [Message] {
        var messages: [Message] = []
        let conversations = try await store.conversations(of: business.id, matching: .init(), page: Page(limit: 50))
        for conversation in conversations.elements {
            guard let last = conversation.lastMessage?.id else { continue }
            var position = seen[conversation.id]?.rawValue ?? 0
            while position < last.rawValue {
                let page = Page(.after(position), limit: Page.maximum)
                let slice = try await store.messages(of: conversation.id, business: business.id, page: page, raw: false)
                guard let newest = slice.elements.last else { break }
                messages += slice.elements
                position = newest.id.rawValue
                seen[conversation.id] = newest.id
            }
        }
        return messages.sorted { $0.id < $1.id }
    }

    /// Shows messages as they come, until it is cancelled.
    func showWhatComes() async throws {
        var seen = Seen()
        let businesses = try await store.businesses()
        for business in businesses { _ = try await newMessages(of: business, &seen) }
        while !Task.isCancelled {
            try await Task.sleep(for: .milliseconds(300))
            for business in try await store.businesses() {
                for message in try await newMessages(of: business, &seen) { printer.arrived(message, at: business) }
            }
        }
    }

    private func showHistories(_ sides: [Side]) async throws {
        printer.heading("The histories:")
        for side in sides {
            let conversations = try await store.conversations(of: side.business.id, matching: .init(), page: Page())
            for conversation in conversations.elements.reversed() {
                let page = Page(limit: 12)
                let slice = try await store.messages(
                    of: conversation.id,
                    business: side.business.id,
                    page: page,
                    raw: false
                )
                printer.history(slice.elements.reversed(), with: conversation.title, at: side.business)
            }
        }
    }

    // MARK: Checking

    private func check(_ flora: Side, _ cafe: Side) async throws {
        printer.heading("Checked:")
        var failed = 0
        func expect(_ what: String, _ isTrue: Bool) {
            printer.checked(what, isTrue)
            if !isTrue { failed += 1 }
        }
        var seen = Seen()
        let floras = try await newMessages(of: flora.business, &seen)
        let cafes = try await newMessages(of: cafe.business, &seen)
        expect(
            "flora has its 4 messages in 2 conversations, each once",
            floras.count == 4 && Self.conversations(floras) == 2
        )
        expect(
            "vesna has its \(3 + Self.burst) messages in 3 conversations, each once",
            cafes.count == 3 + Self.burst && Self.conversations(cafes) == 3
        )
        expect(
            "texts came through whole, in every script",
            cafes.contains { $0.text == "Und einen Tisch für Samstag, bitte 👨‍👩‍👧" }
        )
        let numbers = cafes.compactMap { $0.text.flatMap { Int($0) } }
        expect("the burst is in the order written", numbers == Array(1...Self.burst))
        let kept = try await store.keptUpdates(of: flora.business.id, page: Page()).elements
        expect(
            "the photo's caption is in the history; edit and unknown kind are kept",
            floras.contains { $0.kind == "photo" && $0.text == "So wie diese" }
                && Set(kept.map(\.kind)) == ["edited_message", "hologram"]
        )
        let delivered = telegram.counts()
        expect(
            "Telegram has nothing left to deliver, and nothing failed",
            delivered.pending == 0 && delivered.failed == 0
        )
        if failed > 0 { throw Failure(.failed, "\(failed) check(s) of the demo failed") }
    }

    private static func conversations(_ messages: [Message]) -> Int { Set(messages.map(\.conversationID)).count }
}
