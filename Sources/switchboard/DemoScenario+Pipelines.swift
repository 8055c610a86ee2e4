import Gateway
import Handlers
import Simulator
import Storage
import Telegram

/// What pipelines do: a shop and a support desk, as their customers see them.
extension DemoScenario {
    /// The files in `deploy/pipelines`, compiled in.
    private static let shop = String(decoding: PackageResources.shop_yaml, as: UTF8.self)
    private static let support = String(decoding: PackageResources.support_yaml, as: UTF8.self)
    /// Where the support desk's file says that the staff's group belongs.
    private static let staffChatInFile = "-1001234567890"
    /// An answer takes milliseconds, or a second where the chat's pace asks for it.
    private static let patience = Duration.seconds(20)

    /// What a person, or a group, sees of a bot.
    struct View {
        let who: String
        let chat: Int64
        let side: Side
        /// How many messages were shown.
        var shown: Int
    }

    /// Gives both businesses their pipelines, plays with them, and checks what arrived.
    func playPipelines(_ flora: Side, _ cafe: Side, _ cast: Cast, _ checks: inout Checks) async throws {
        telegram.addWebFile(
            "https://example.com/flowers/bouquets.jpg",
            bytes: Array(repeating: 0xD8, count: 90_000),
            mime: "image/jpeg"
        )
        let group = telegram.addGroup(title: "Весна: поддержка")
        let ines = telegram.addPerson(firstName: "Ines", languageCode: "en")
        try telegram.setMembership(.member, ofBot: cafe.simulated.id, in: group, by: ines)
        try await telegram.drained()

        printer.heading("The businesses get their pipelines:")
        try await use(Self.shop, "shop.yaml", of: flora)
        guard Self.support.ranges(of: Self.staffChatInFile + "}").count == 1 else {
            throw Failure(.failed, "support.yaml has no single step with to: \(Self.staffChatInFile)")
        }
        let support = Self.support.replacing(Self.staffChatInFile, with: "\(group.id)")
        try await use(support, "support.yaml, with the staff's group in it", of: cafe)

        let bought = try await playShop(flora, cast.anna)
        let helped = try await playSupport(cafe, group, ines)
        printer.heading("Checked:")
        try await check(bought, flora, &checks)
        try await check(helped, cafe, &checks)
        try await checkRuns([flora, cafe], &checks)
    }

    func use(_ text: String, _ name: String, of side: Side) async throws {
        let pipeline = try PipelineFile().pipeline(text)
        _ = try await store.setPipeline(text, calling: pipeline.webhooks, of: side.business.id, at: .now())
        // What a running server does within a second of a command.
        try await registry.refresh(from: store)
        printer.note("\(side.business.slug) goes by \(name): \(pipeline.entries.count) steps")
    }

    // MARK: The shop

    /// What was seen of the shop.
    private struct Bought {
        var ada: Person
        var greeting: [ChatMessage]
        var german: [ChatMessage]
        var catalogue: [ChatMessage]
        var isShownAtOnce: Bool
        var order: [ChatMessage]
        var hours: [ChatMessage]
    }

    private func playShop(_ flora: Side, _ anna: Person) async throws -> Bought {
        printer.heading(
            "A shop: a greeting with buttons, its catalogue, an order by a link, its hours, and another language:"
        )
        let ada = telegram.addPerson(firstName: "Ada", languageCode: "en")
        var adas = view(of: ada, flora)
        var annas = view(of: anna, flora)
        try say("/start", ada, flora)
        let greeting = try await arrived(1, &adas)
        if let menu = greeting.last {
            printer.said("Ada", "[presses Our bouquets]")
            try telegram.press("menu:bouquets", on: menu.messageID, by: ada, to: flora.simulated.id)
        }
        let catalogue = try await arrived(1, &adas)
        let answers = try await eventually("the button's answer") {
            let answers = telegram.answers(of: flora.simulated.id).map { $0.parameters["text"] }
            return answers.contains("Here they are") ? answers : nil
        }
        printer.saw("Ada", "Here they are", buttons: [])
        // What Telegram sends for https://t.me/flora_bot?start=order-roses-20
        try say("/start order-roses-20", ada, flora)
        let order = try await arrived(1, &adas)
        try say("/hours", ada, flora)
        let hours = try await arrived(1, &adas)
        try say("/start", anna, flora)
        let german = try await arrived(1, &annas)
        return Bought(
            ada: ada,
            greeting: greeting,
            german: german,
            catalogue: catalogue,
            isShownAtOnce: answers.count { $0 == "Here they are" } == 1,
            order: order,
            hours: hours
        )
    }

    private func check(_ bought: Bought, _ flora: Side, _ checks: inout Checks) async throws {
        let buttons = bought.greeting.flatMap(DemoPrinter.buttons)
        checks.expect(
            "/start is answered with the menu's buttons, and in the customer's language",
            bought.greeting.first?.text?.hasPrefix("Hello Ada, welcome to Flora & Söhne!") == true
                && buttons == ["Our bouquets", "Delivery", "Our website"]
                && bought.german.first?.text?.hasPrefix("Guten Tag, Anna, willkommen bei Flora & Söhne!") == true
        )
        checks.expect(
            "a pressed button is answered at once, and brings the catalogue's photo",
            bought.isShownAtOnce && bought.catalogue.map(\.text) == ["Fresh every day, from 19 €."]
                && bought.catalogue.allSatisfy { $0.json["photo"] != nil }
        )
        let conversation = try await conversation(with: bought.ada, flora)
        let notes = try await store.notes(on: conversation.id, of: flora.business.id)
        checks.expect(
            "an order by a link is confirmed, and stands in the conversation",
            bought.order.first?.text?.hasPrefix("Thank you, Ada! We have noted order-roses-20.") == true
                && conversation.labels == ["order"] && notes.attributes.values.contains("order-roses-20")
        )
        let runs = try await store.pipelineRuns(of: flora.business.id, in: conversation.id, page: Page())
        let asked = runs.elements.first { run in run.steps.contains { $0.name.hasPrefix("hours") } }
        let isOpen = asked.map { DemoHours.areOpen(at: $0.decidedAt) }
        checks.expect(
            "the hours are told as they are at the time",
            bought.hours.first?.text?.hasPrefix("We are here until") == isOpen
                && bought.hours.first?.text?.hasPrefix("We are here from") == isOpen.map { !$0 }
        )
    }

    // MARK: The support desk

    /// What was seen of the support desk.
    private struct Helped {
        var sam: Person
        var seen: [String?]
        var shown: [String?]
        var afterHandOff: Conversation
        var afterRelease: Conversation
    }

    private func playSupport(_ cafe: Side, _ group: GroupChat, _ ines: Person) async throws -> Helped {
        printer.heading(
            "A support desk: a question is labelled, handed to people, answered by the staff, and given back:"
        )
        let sam = telegram.addPerson(firstName: "Sam", languageCode: "en")
        var sams = view(of: sam, cafe)
        var staff = View(who: "the staff", chat: group.id, side: cafe, shown: 0)
        var shown: [ChatMessage] = []
        try say("My order #4711 is late", sam, cafe)
        shown += try await arrived(1, &staff)
        _ = try await arrived(1, &sams)
        try say("human", sam, cafe)
        _ = try await arrived(1, &sams)
        shown += try await arrived(1, &staff)
        try say("Are you there?", sam, cafe)
        shown += try await arrived(1, &staff)
        let handedOver = try await conversation(with: sam, cafe)
        printer.note(
            "\(handedOver.id) is with \(handedOver.handledBy); labels: \(handedOver.labels.joined(separator: ", "))"
        )

        guard let question = shown.last else { throw Failure(.failed, "the staff has seen nothing") }
        let answers = MessageContext(replyTo: question.messageID)
        try say("It comes this afternoon, I have asked the driver.", ines, in: group, answers, cafe)
        _ = try await arrived(1, &sams)
        try say("/release", ines, in: group, answers, cafe)
        let released = try await eventually("the release of \(handedOver.id)") {
            let now = try await store.conversation(handedOver.id, business: cafe.business.id)
            return now.handledBy == "pipeline" ? now : nil
        }
        printer.note("\(released.id) is with the \(released.handledBy) again")
        try say("And where is my order now?", sam, cafe)
        shown += try await arrived(1, &staff)
        _ = try await arrived(1, &sams)
        return Helped(
            sam: sam,
            seen: telegram.messages(in: sam.id, of: cafe.simulated.id).filter(\.isFromBot).map(\.text),
            shown: shown.map(\.text),
            afterHandOff: handedOver,
            afterRelease: released
        )
    }

    private func check(_ helped: Helped, _ cafe: Side, _ checks: inout Checks) async throws {
        let written = ["My order #4711 is late", "human", "Are you there?", "And where is my order now?"]
        checks.expect(
            "a question is labelled, and all that is written is shown to the staff",
            helped.afterHandOff.labels == ["order"] && helped.shown == written
        )
        checks.expect(
            "people had it in between, and gave it back",
            helped.afterHandOff.handledBy == "people" && helped.afterRelease.handledBy == "pipeline"
        )
        checks.expect(
            "while people have it nothing is answered automatically, and the staff's answer arrives; then the pipeline answers again",
            helped.seen == [
                "Thank you! We have got your message and will answer within a day.",
                "Somebody will be with you shortly. Write /bot to talk to the bot again.",
                "It comes this afternoon, I have asked the driver.",
                "Order 4711 has left our house. If it is not there tomorrow, write: human",
            ]
        )
        let page = Page(limit: 20)
        let history = try await store.messages(
            of: helped.afterRelease.id,
            business: cafe.business.id,
            page: page,
            raw: false
        )
        checks.expect(
            "the history tells who answered: the staff, or the bot",
            history.elements.filter { $0.sender.role == .agent }.map(\.sender.name) == ["Ines"]
                && history.elements.count { $0.direction == .outgoing } == 4
        )
    }

    private func checkRuns(_ sides: [Side], _ checks: inout Checks) async throws {
        var runs: [PipelineRun] = []
        var dead = 0
        for side in sides {
            runs += try await store.pipelineRuns(of: side.business.id, in: nil, page: Page(limit: 100)).elements
            dead += try await store.deadLetters(of: side.business.id, page: Page()).elements.count
        }
        let failed = runs.count { run in run.result == .failed || run.steps.contains { $0.result == "failed" } }
        checks.expect(
            "no step failed, no answer was refused, and what was done with each message is kept",
            failed == 0 && dead == 0 && runs.count { $0.result == .ran } == 9
                && runs.count { $0.result == .staffAnswer } == 2
        )
    }

    // MARK: Writing and seeing

    func say(_ text: String, _ person: Person, _ side: Side) throws {
        printer.said(person.firstName, text)
        try telegram.say(text, from: person, to: side.simulated.id)
    }

    /// A member of the staff answers in the group, as a reply.
    private func say(
        _ text: String,
        _ person: Person,
        in group: GroupChat,
        _ context: MessageContext,
        _ side: Side
    ) throws {
        printer.said(person.firstName, text)
        try telegram.send(["text": .string(text)], from: person, in: group, context: context, to: side.simulated.id)
    }

    func view(of person: Person, _ side: Side) -> View {
        let old = telegram.messages(in: person.id, of: side.simulated.id).count(where: \.isFromBot)
        return View(who: person.firstName, chat: person.id, side: side, shown: old)
    }

    /// Waits until so many more messages of the bot have arrived there, and shows them.
    func arrived(_ count: Int, _ view: inout View) async throws -> [ChatMessage] {
        let (chat, bot, shown) = (view.chat, view.side.simulated.id, view.shown)
        let new = try await eventually("an answer to \(view.who)") {
            let all = telegram.messages(in: chat, of: bot).filter(\.isFromBot)
            return all.count >= shown + count ? Array(all.dropFirst(shown)) : nil
        }
        view.shown += new.count
        for message in new { printer.saw(view.who, message.text ?? "", buttons: DemoPrinter.buttons(message)) }
        return new
    }

    func conversation(with person: Person, _ side: Side) async throws -> Conversation {
        let all = try await store.conversations(of: side.business.id, matching: .init(), page: Page(limit: 50)).elements
        guard let found = all.first(where: { $0.chatID == person.id && $0.space == "direct" }) else {
            throw Failure(.failed, "\(person.firstName) has no conversation with \(side.business.slug)")
        }
        return found
    }

    /// Looks again and again until there is something.
    func eventually<Value>(_ what: String, _ look: () async throws -> Value?) async throws -> Value {
        let deadline = ContinuousClock.now + Self.patience
        while true {
            if let value = try await look() { return value }
            guard ContinuousClock.now < deadline else {
                throw Failure(.failed, "\(what) did not come within \(Self.patience)")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}
