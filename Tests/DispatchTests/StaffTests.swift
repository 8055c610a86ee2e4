import GRDB
import Simulator
import Telegram
import TestClock
import Testing

@testable import Gateway
@testable import Storage

extension DispatchTests {
    @Suite("The staff's chat, and business accounts")
    struct StaffTests {
        private static func pipeline(_ staff: GroupChat) -> String {
            """
            owner_takes_over: 1h
            steps:
              - when: {people: true}
                forward: {to: \(staff.id)}
                stop: true
              - when: {text: {equals: human}}
                forward: {to: \(staff.id)}
              - when: {text: {equals: human}}
                hand_off: true
                stop: true
              - reply: "auto {{message.text}}"
            """
        }

        /// A group of the staff that the bot is in.
        private static func staff(_ scene: PipelineScene) async throws -> (group: GroupChat, ines: Person) {
            let group = scene.telegram.addGroup(title: "Team")
            let ines = scene.telegram.addPerson(firstName: "Ines")
            try scene.telegram.setMembership(.member, ofBot: scene.shop.simulated.id, in: group, by: ines)
            try await scene.telegram.drained()
            return (group, ines)
        }

        private static func shown(_ scene: PipelineScene, _ group: GroupChat) -> [ChatMessage] {
            scene.telegram.messages(in: group.id, of: scene.shop.simulated.id).filter(\.isFromBot)
        }

        @Test func `the staff sees what was handed to it, answers in its chat, and gives back`() async throws {
            try await PipelineScene.with { scene in
                let (group, ines) = try await Self.staff(scene)
                let bot = scene.shop.simulated.id
                try await scene.use(Self.pipeline(group))
                for text in ["a", "human", "are you there?"] { try scene.say(text) }
                try await scene.settle()
                #expect(scene.seen() == ["auto a"])
                let shown = Self.shown(scene, group)
                #expect(shown.map(\.text) == ["human", "are you there?"])

                let last = try #require(shown.last).messageID
                try scene.telegram.send(
                    ["text": "Yes, I am", "entities": [["type": "bold", "offset": 0, "length": 3]]],
                    from: ines,
                    in: group,
                    context: .init(replyTo: last),
                    to: bot
                )
                try await scene.settle()
                #expect(scene.seen() == ["auto a", "Yes, I am"])
                let sent = try #require(scene.telegram.messages(in: scene.shop.anna.id, of: bot).last)
                #expect(sent.json["entities"] == [["type": "bold", "offset": 0, "length": 3]])
                let history = try await scene.store.messages(
                    of: try await scene.conversation().id,
                    business: scene.shop.business.id,
                    page: Page(),
                    raw: false
                )
                let answer = try #require(history.elements.first)
                #expect(answer.sender.role == .agent && answer.sender.name == "Ines" && answer.state == "sent")

                try scene.telegram.sayInGroup("lunch?", from: ines, in: group, to: bot)
                try scene.telegram.send(
                    ["text": "/release"],
                    from: ines,
                    in: group,
                    context: .init(replyTo: last),
                    to: bot
                )
                try await scene.settle()
                #expect(try await scene.conversation().handledBy == "pipeline")
                try scene.say("b")
                try await scene.settle()
                #expect(scene.seen() == ["auto a", "Yes, I am", "auto b"])
                #expect(Self.shown(scene, group).count == 2, "what the staff says among itself is answered by nobody")
            }
        }

        @Test func `a file goes to the customer, and what cannot go is said in the staff's chat`() async throws {
            try await PipelineScene.with { scene in
                let (group, ines) = try await Self.staff(scene)
                let bot = scene.shop.simulated.id
                try await scene.use(Self.pipeline(group))
                try scene.say("human")
                try await scene.settle()
                let context = MessageContext(replyTo: try #require(Self.shown(scene, group).last).messageID)
                try scene.telegram.send(
                    .init(.photo, bytes: [0xFF, 0xD8, 0xFF], caption: "our shop"),
                    from: ines,
                    in: group,
                    context: context,
                    to: bot
                )
                let venue: JSON = ["location": ["latitude": 1, "longitude": 2]]
                try scene.telegram.send(venue, from: ines, in: group, context: context, to: bot)
                try await scene.settle()
                let seen = try #require(scene.telegram.messages(in: scene.shop.anna.id, of: bot).last)
                #expect(seen.isFromBot && seen.json["photo"] != nil && seen.json["caption"] == "our shop")
                let last = try #require(Self.shown(scene, group).last?.text)
                #expect(last.contains("cannot be passed on"))
                try scene.telegram.block(bot, by: scene.shop.anna)
                try await scene.settle()
                try scene.telegram.send(["text": "still there?"], from: ines, in: group, context: context, to: bot)
                try await scene.settle()
                let runs = try await scene.runs()
                #expect(runs.prefix(3).allSatisfy { $0.result == .staffAnswer })
            }
        }

        @Test func `an answer that dies on its way is told where the staff wrote it, once`() async throws {
            try await PipelineScene.with { scene in
                let (group, ines) = try await Self.staff(scene)
                let bot = scene.shop.simulated.id
                try await scene.use(Self.pipeline(group))
                try scene.say("human")
                try await scene.settle()
                let shown = try #require(Self.shown(scene, group).last).messageID
                // The customer has gone, and the server does not know it yet.
                scene.telegram.deactivate(scene.shop.anna)
                let long = String(repeating: "word ", count: 1000)
                try scene.telegram.send(
                    ["text": .string(long)],
                    from: ines,
                    in: group,
                    context: .init(replyTo: shown),
                    to: bot
                )
                try await scene.settle()
                #expect(try await scene.count("dead_letter") == 2, "the two pieces of the answer")
                let told = Self.shown(scene, group).dropFirst()
                #expect(told.count == 1)
                #expect(told.first?.text?.hasPrefix("This did not reach the customer: ") == true, "\(told)")
                // An answer to that is one to nobody.
                try scene.telegram.send(
                    ["text": "pity"],
                    from: ines,
                    in: group,
                    context: .init(replyTo: try #require(told.first).messageID),
                    to: bot
                )
                try await scene.settle()
                #expect(Self.shown(scene, group).count == 2)
            }
        }

        @Test func `when the owner of a business account writes, people have taken over for a while`() async throws {
            try await PipelineScene.with { scene in
                let (group, _) = try await Self.staff(scene)
                let bot = scene.shop.simulated
                try scene.telegram.allow(.business, ofBot: bot.id)
                let owner = scene.telegram.addPerson(firstName: "Olga")
                let anna = scene.shop.anna
                try await scene.use(Self.pipeline(group))
                let connection = try scene.telegram.connect(bot.id, by: owner)
                try await scene.telegram.drained()
                try scene.telegram.sendInBusiness(["text": "one"], with: anna, through: connection)
                try await scene.settle()
                let texts = {
                    scene.telegram.messages(in: anna.id, connection: connection, of: bot.id).compactMap(\.text)
                }
                #expect(texts() == ["one", "auto one"])
                try scene.telegram.sendInBusiness(
                    ["text": "me again", "is_from_offline": true],
                    with: anna,
                    through: connection,
                    isFromOwner: true
                )
                try scene.telegram.sendInBusiness(["text": "two"], with: anna, through: connection)
                try await scene.settle()
                #expect(texts().last == "auto two", "an away message is nobody who has taken over")
                try scene.telegram.sendInBusiness(
                    ["text": "I am here"],
                    with: anna,
                    through: connection,
                    isFromOwner: true
                )
                try await scene.settle()
                try scene.telegram.sendInBusiness(["text": "three"], with: anna, through: connection)
                try await scene.settle()
                #expect(texts().last == "three")
                // Telegram sends no message of a business account on: the staff gets the text.
                #expect(Self.shown(scene, group).last?.text == "Anna Schmidt: three")
                scene.clock.advance(by: .seconds(3600))
                try scene.telegram.sendInBusiness(["text": "four"], with: anna, through: connection)
                try await scene.settle()
                #expect(texts().last == "auto four")
            }
        }

        @Test func `a message of an account that is not known yet waits until it is`() async throws {
            try await PipelineScene.with { scene in
                let bot = scene.shop.simulated
                try scene.telegram.allow(.business, ofBot: bot.id)
                let owner = scene.telegram.addPerson(firstName: "Olga")
                try await scene.use("steps:\n  - reply: auto\n")
                let connection = try scene.telegram.connect(bot.id, by: owner)
                try await scene.telegram.drained()
                let forget = "UPDATE business_connection SET state = 'wanted', owner_id = NULL"
                try await scene.store.pool.write { try $0.execute(sql: forget) }
                try scene.telegram.sendInBusiness(["text": "one"], with: scene.shop.anna, through: connection)
                try await scene.telegram.drained()
                await scene.clock.untilSomebodySleeps()
                #expect(try await scene.runs().isEmpty)
                let learn = "UPDATE business_connection SET state = 'known', owner_id = \(owner.id)"
                try await scene.store.pool.write { try $0.execute(sql: learn) }
                scene.clock.advance(by: .seconds(1))
                try await scene.settle()
                #expect(try await scene.runs().first?.answers == 1)
            }
        }
    }
}
