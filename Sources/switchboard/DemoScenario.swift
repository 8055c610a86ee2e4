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
    struct Side {
        let business: Business
        let bot: Bot
        let simulated: SimulatedBot
    }

    /// Who writes.
    struct Cast {
        let anna: Person
        let oleg: Person
        let mariam: Person
        let tanaka: Person

        init(_ telegram: SimulatedTelegram) {
            anna = telegram.addPerson(firstName: "Anna", lastName: "Schmidt", username: "anna_s", languageCode: "de")
            oleg = telegram.addPerson(firstName: "Олег", lastName: "Жуков", languageCode: "ru")
            mariam = telegram.addPerson(firstName: "مريم", languageCode: "ar")
            tanaka = telegram.addPerson(firstName: "田中", lastName: "さくら", languageCode: "ja")
        }
    }

    /// How many messages the burst has.
    static let burst = 40

    /// Plays everything, shows the histories, and checks them.
    ///
    /// - Throws: `Failure` if a check fails.
    func run(sealer: Sealer, address: ServerAddress, folder: String) async throws {
        printer.heading("Two businesses, a bot each:")
        let flora = try await register("Flora & Söhne", "flora", "flora_bot", sealer, address)
        let cafe = try await register("Кафе Весна", "vesna", "vesna_cafe_bot", sealer, address)

        printer.heading("Their customers write:")
        var seen = Seen()
        let cast = Cast(telegram)
        try telegram.say("Guten Tag! Haben Sie weiße Rosen?", from: cast.anna, to: flora.simulated.id)
        try telegram.say("Добрый день, столик на двоих в 19:00?", from: cast.oleg, to: cafe.simulated.id)
        try telegram.say("مرحبا، هل التوصيل متاح اليوم؟", from: cast.mariam, to: flora.simulated.id)
        try telegram.say("桜のケーキはありますか？🌸", from: cast.tanaka, to: cafe.simulated.id)
        // One person, two businesses: each has a conversation of its own, and none sees the other's.
        try telegram.say("Und einen Tisch für Samstag, bitte 👨‍👩‍👧", from: cast.anna, to: cafe.simulated.id)
        try await settle(&seen, [flora, cafe])

        try await playFaults(flora, cafe, cast, &seen)
        try await playContent(flora, cast, botAPI: address.botAPI, &seen)
        try await playPlaces(flora, cafe, cast, &seen)
        try await showHistories([flora, cafe])
        var checks = Checks(printer: printer)
        try await check(flora, cafe, &checks)
        try await playPipelines(flora, cafe, cast, &checks)
        try await playProgram(cafe, sealer, folder, &checks)
        if checks.failed > 0 { throw Failure(.failed, "\(checks.failed) check(s) of the demo failed") }
    }

    /// A repeated delivery, a burst, and a kind of update that nobody knows yet.
    private func playFaults(_ flora: Side, _ cafe: Side, _ cast: Cast, _ seen: inout Seen) async throws {
        printer.heading("One update is delivered twice, as after a lost answer:")
        if let again = try telegram.say("Am liebsten 20 Stück.", from: cast.anna, to: flora.simulated.id) {
            try await settle(&seen, [flora])
            try telegram.deliverAgain(again, to: flora.simulated.id)
            try await settle(&seen, [flora])
            printer.note("update \(again) came twice and is there once")
        }

        printer.heading("A burst of \(Self.burst) messages:")
        for number in 1...Self.burst { try telegram.say("\(number)", from: cast.oleg, to: cafe.simulated.id) }
        try await telegram.drained()
        let arrived = try await newMessages(of: cafe.business, &seen)
        printer.note(
            "\(arrived.count) arrived, in the order written: \(arrived.map { $0.text ?? "" } == (1...Self.burst).map(String.init))"
        )

        printer.heading("A kind of update from the future is kept raw and listed:")
        try telegram.post(
            update: "hologram",
            payload: ["from": ["id": .int(cast.anna.id)], "beam": 1],
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
    typealias Seen = [ConversationID: MessageID]

    /// Waits until all is delivered, and shows what has come of it.
    func settle(_ seen: inout Seen, _ sides: [Side]) async throws {
        try await telegram.drained()
        for side in sides {
            for message in try await newMessages(of: side.business, &seen) {
                printer.arrived(message, at: side.business)
            }
        }
    }

    func newMessages(of business: Business, _ seen: inout Seen) async throws -> [Message] {
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
                printer.history(slice.elements.reversed(), of: conversation, at: side.business)
            }
        }
    }
}
