import Gateway
import Simulator
import Storage
import Telegram

/// What customers do beside writing: files, edits, reactions, buttons, blocks, groups, business accounts.
extension DemoScenario {
    /// A photo, an album, an edit, a reaction, a pressed button.
    func playContent(_ flora: Side, _ cast: Cast, botAPI: String, _ seen: inout Seen) async throws {
        let (anna, bot) = (cast.anna, flora.simulated)
        printer.heading("A photo, an album, an edit, a reaction, a pressed button:")
        try telegram.send(Self.photo(1280, 720, caption: "So wie diese"), from: anna, to: bot.id)
        let album = [Self.photo(800, 600, caption: "Für diese Tische"), Self.photo(800, 600), Self.photo(600, 800)]
        try telegram.sendAlbum(album, from: anna, to: bot.id)
        try await settle(&seen, [flora])

        let written = telegram.messages(in: anna.id, of: bot.id)
        if let first = written.first, let last = written.last {
            try telegram.edit(first.messageID, to: "Guten Tag! Haben Sie rote Rosen?", by: anna, to: bot.id)
            printer.note("Anna has edited her first message")
            try telegram.react(["❤"], to: last.messageID, by: anna, bot: bot.id)
            printer.note("Anna has reacted to the last photo")
        }
        try await askByButtons(bot, anna, botAPI)
        if let question = telegram.messages(in: anna.id, of: bot.id).last {
            try telegram.press("order:20", on: question.messageID, by: anna, to: bot.id)
        }
        try await settle(&seen, [flora])
    }

    /// A message with buttons that another program of the shop sends with the bot's token: Telegram does not tell us of it.
    private func askByButtons(_ bot: SimulatedBot, _ person: Person, _ botAPI: String) async throws {
        let buttons: JSON = [
            "inline_keyboard": [[["text": "20 Stück", "callback_data": "order:20"]]]
        ]
        let question: JSON = ["chat_id": .int(person.id), "text": "Wie viele dürfen es sein?", "reply_markup": buttons]
        try await CommandContext.withTelegram(botAPI) { telegram in
            _ = try await telegram.call("sendMessage", token: bot.token, parameters: question)
        }
    }

    private static func photo(_ width: Int64, _ height: Int64, caption: String = "") -> SimulatedTelegram.Attachment {
        .init(
            .photo,
            bytes: Array(repeating: 0xD8, count: 120_000),
            caption: caption,
            details: ["width": .int(width), "height": .int(height)]
        )
    }

    /// Customers who block the bot, a group with topics, and a business account.
    func playPlaces(_ flora: Side, _ cafe: Side, _ cast: Cast, _ seen: inout Seen) async throws {
        printer.heading("Two customers block a bot, and one of them takes it back:")
        try telegram.block(flora.simulated.id, by: cast.mariam)
        try telegram.block(cafe.simulated.id, by: cast.tanaka)
        try await settle(&seen, [flora, cafe])
        try telegram.unblock(flora.simulated.id, by: cast.mariam)
        try await settle(&seen, [flora])

        printer.heading("A group with topics:")
        let group = telegram.addGroup(title: "Весна: команда", isForum: true)
        try telegram.setMembership(.administrator, ofBot: cafe.simulated.id, in: group, by: cast.oleg)
        let topic = try telegram.openTopic("Закупки", by: cast.oleg, in: group, to: cafe.simulated.id)
        try telegram.send(
            ["text": "Молоко кончается"],
            from: cast.oleg,
            in: group,
            context: .init(topic: topic),
            to: cafe.simulated.id
        )
        try await settle(&seen, [cafe])

        printer.heading("A business account that the bot is connected to:")
        let owner = telegram.addPerson(firstName: "Flora", lastName: "Maier", languageCode: "de")
        try telegram.allow(.business, ofBot: flora.simulated.id)
        let connection = try telegram.connect(flora.simulated.id, by: owner)
        try await settle(&seen, [flora])
        let customer = cast.tanaka
        try telegram.sendInBusiness(["text": "バラを二十本お願いします"], with: customer, through: connection)
        try telegram.sendInBusiness(["text": "Gern, bis wann?"], with: customer, through: connection, isFromOwner: true)
        try telegram.sendInBusiness(
            ["text": "Ups, falscher Chat"],
            with: customer,
            through: connection,
            isFromOwner: true
        )
        try await settle(&seen, [flora])
        if let slip = telegram.messages(in: customer.id, connection: connection, of: flora.simulated.id).last {
            try telegram.deleteInBusiness([slip.messageID], with: customer, through: connection)
            printer.note("the owner has deleted the last message")
        }
        try await settle(&seen, [flora])
    }
}
