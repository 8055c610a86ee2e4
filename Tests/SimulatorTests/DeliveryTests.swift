import HTTPTypes
import NIOHTTP1
import Simulator
import Synchronization
import Telegram
import Testing

@Suite("The simulator", .timeLimit(.minutes(1)))
struct SimulatorTests {}

extension SimulatorTests {
    @Suite("delivers")
    struct Delivering {
        // Facts 1.1: POST to path and query, these headers and no others, JSON with a literal comma and newline after the number.
        @Test func `an update is posted byte for byte as Telegram does`() async throws {
            try await withScene { scene in
                try await scene.setWebhook()
                let id = try #require(try scene.telegram.say("/start hi", from: scene.anna, to: scene.bot.id))
                try await scene.telegram.drained()
                let request = try #require(scene.receiver.received.first)
                #expect(request.path == "/hook?x=1")
                #expect("http://\(request.host ?? "")/hook?x=1" == scene.hook)
                let person = "\"id\":\(scene.anna.id)"
                let names = "\"first_name\":\"Anna\",\"last_name\":\"Ek\",\"username\":\"anna\""
                #expect(
                    request.text == """
                        {"update_id":\(id),
                        "message":{"message_id":1,"from":{\(person),"is_bot":false,\(names),"language_code":"sv"},\
                        "chat":{\(person),\(names),"type":"private"},"date":\(sceneStart),"text":"/start hi",\
                        "entities":[{"offset":0,"length":6,"type":"bot_command"}]}}
                        """
                )
                var fields: [String: String] = [:]
                for field in request.fields { fields[field.name.canonicalName] = field.value }
                #expect(
                    fields == [
                        "x-telegram-bot-api-secret-token": "s3cret", "content-type": "application/json",
                        "content-length": "\(request.body.count)", "connection": "keep-alive",
                        "accept-encoding": "gzip, deflate",
                    ]
                )
            }
        }

        // Facts 1.1: every non-ASCII character is \uXXXX with surrogate pairs; "/" is not escaped.
        @Test func `the wire is pure ASCII`() async throws {
            try await withScene { scene in
                try await scene.setWebhook()
                try scene.telegram.say("é/😀", from: scene.anna, to: scene.bot.id)
                try await scene.telegram.drained()
                let request = try #require(scene.receiver.received.first)
                #expect(request.body.allSatisfy { $0 < 0x80 })
                #expect(request.text.contains(#""text":"\u00e9/\ud83d\ude00""#))
            }
        }

        // Facts 1.1: the secret's header only if it is not empty.
        @Test func `no secret, no header`() async throws {
            try await withScene { scene in
                try await scene.setWebhook(secret: "")
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                try await scene.telegram.drained()
                let name = try #require(HTTPField.Name("X-Telegram-Bot-Api-Secret-Token"))
                #expect(scene.receiver.received.map { $0.fields[name] } == [nil])
            }
        }

        // Facts 1.6: within one queue strictly serial, different queues in parallel.
        @Test func `a queue is delivered one at a time, and queues beside each other`() async throws {
            let gate = Gate()
            try await withScene { _, _ in
                await gate.pass()
                return .ok
            } _: { scene in
                try await scene.setWebhook()
                let people = [scene.anna] + ["Bo", "Cy"].map { scene.telegram.addPerson(firstName: $0) }
                for text in ["one", "two"] {
                    for person in people { try scene.telegram.say(text, from: person, to: scene.bot.id) }
                }
                // All three queues are in flight at once, or this never comes.
                await scene.receiver.received(atLeast: 3)
                #expect(Set(scene.receiver.received.map(\.chatID)) == Set(people.map(\.id)))
                #expect(scene.telegram.counts().inFlight == 3)
                #expect(scene.telegram.counts().pending == 6)
                gate.open()
                try await scene.telegram.drained()
                for person in people {
                    let ids = scene.receiver.received.filter { $0.chatID == person.id }.map(\.updateID)
                    #expect(ids.count == 2)
                    #expect(ids == ids.sorted())
                }
            }
        }

        // Facts 1.6: at most max_connections in flight; only 2 x max_connections updates are loaded at once.
        @Test(arguments: [(1, 0), (2, 1)])
        func `a chat that fails stalls the others once it fills the window`(
            maxConnections: Int,
            delivered: Int
        ) async throws {
            let bad = Mutex<Int64>(0)
            try await withScene { received, _ in
                received.chatID == bad.withLock { $0 } ? .init(status: .internalServerError) : .ok
            } _: { scene in
                bad.withLock { $0 = scene.anna.id }
                let bo = scene.telegram.addPerson(firstName: "Bo")
                for text in ["one", "two"] { try scene.telegram.say(text, from: scene.anna, to: scene.bot.id) }
                try scene.telegram.say("three", from: bo, to: scene.bot.id)
                try await scene.setWebhook(maxConnections: maxConnections)
                try await scene.telegram.wait { $0.waiting == 1 && $0.inFlight == 0 }
                #expect(scene.telegram.counts().delivered == delivered)
                #expect(scene.telegram.counts().pending == 3 - delivered)
            }
        }

        // Facts 1.5: after the first failure the next try is at once; WebhookActor takes ready queues by the time they became ready.
        @Test func `a first retry goes behind the queues that were ready before`() async throws {
            try await withScene { _, number in
                number == 0 ? .init(status: .internalServerError) : .ok
            } _: { scene in
                let bo = scene.telegram.addPerson(firstName: "Bo")
                let first = try scene.telegram.say("one", from: scene.anna, to: scene.bot.id)
                let second = try scene.telegram.say("two", from: bo, to: scene.bot.id)
                try await scene.setWebhook(maxConnections: 1)
                try await scene.telegram.drained()
                #expect(scene.receiver.received.map(\.updateID) == [first, second, first])
            }
        }

        // MessageEntity.cpp, match_bot_commands; facts 7: places are UTF-16 units.
        @Test(arguments: [
            ("/start", [[0, 6]]), ("😀 /a@shop_bot x", [[3, 11]]), ("a/b /c/d </e> //f", []), ("/a@b", []), ("/é", []),
            ("go /one, /two_2!", [[3, 4], [9, 6]]), ("/\(String(repeating: "x", count: 65))", []),
        ])
        func `commands are marked`(text: String, places: [[Int64]]) async throws {
            try await withScene { scene in
                try scene.telegram.say(text, from: scene.anna, to: scene.bot.id)
                let message = try #require(scene.telegram.messages(in: scene.anna.id, of: scene.bot.id).first)
                let entities =
                    try JSONDocument(message.json.encoded()).root["entities"]?.elements.map { Array($0) } ?? []
                #expect(entities.map { [$0["offset"]?.int64 ?? -1, $0["length"]?.int64 ?? -1] } == places)
                #expect(entities.allSatisfy { $0["type"]?.string == "bot_command" })
            }
        }

        // Facts 1.10: random first number in 2,000,001..1,000,000,000, then +1; the filter makes no gaps.
        @Test func `numbers rise by one, and a kind that is not wanted takes none`() async throws {
            try await withScene { scene in
                let first = try #require(try scene.telegram.say("one", from: scene.anna, to: scene.bot.id))
                #expect((2_000_001...1_000_000_000).contains(first))
                let reaction: JSON = ["chat": ["id": .int(scene.anna.id)], "date": .int(sceneStart)]
                #expect(try scene.telegram.post(update: "message_reaction", payload: reaction, to: scene.bot.id) == nil)
                #expect(try scene.telegram.post(update: "brand_new", payload: ["a": 1], to: scene.bot.id) == first + 1)
                #expect(try scene.telegram.say("two", from: scene.anna, to: scene.bot.id) == first + 2)
            }
        }

        // Facts 1.6: duplicates arise from lost responses; the update is the same.
        @Test func `a duplicate is the same update again`() async throws {
            try await withScene { scene in
                try await scene.setWebhook()
                try scene.telegram.setFaults(.init(duplicateProbability: 1), ofBot: scene.bot.id)
                let first = try #require(try scene.telegram.say("one", from: scene.anna, to: scene.bot.id))
                try scene.telegram.say("two", from: scene.anna, to: scene.bot.id)
                try await scene.telegram.drained()
                #expect(scene.receiver.received.map(\.updateID) == [first, first, first + 1, first + 1])
                #expect(scene.receiver.received[0].body == scene.receiver.received[1].body)
                #expect(scene.telegram.acknowledged(by: scene.bot.id) == [first, first, first + 1, first + 1])
                try scene.telegram.setFaults(.init(), ofBot: scene.bot.id)
                try scene.telegram.deliverAgain(first, to: scene.bot.id)
                try await scene.telegram.drained()
                #expect(scene.receiver.received.last?.body == scene.receiver.received[0].body)
                #expect(scene.telegram.counts().repeated == 3)
                #expect(throws: SimulatorError.unknownUpdate(1)) {
                    try scene.telegram.deliverAgain(1, to: scene.bot.id)
                }
            }
        }

        // Facts 1.6: a delivery whose answer was lost is made again.
        @Test func `a connection cut before the answer is a failure that was received`() async throws {
            try await withScene { scene in
                try scene.telegram.setFaults(.init(cutProbability: 1), ofBot: scene.bot.id)
                try await scene.setWebhook()
                let id = try #require(try scene.telegram.say("one", from: scene.anna, to: scene.bot.id))
                try await scene.telegram.wait { $0.waiting == 1 }
                #expect(scene.telegram.counts().failed == 2)
                await scene.receiver.received(atLeast: 2)
                try scene.telegram.setFaults(.init(), ofBot: scene.bot.id)
                scene.clock.advance(by: await scene.clock.untilNextWaking())
                try await scene.telegram.drained()
                #expect(scene.receiver.received.map(\.updateID) == [id, id, id])
                #expect(scene.telegram.acknowledged(by: scene.bot.id) == [id])
            }
        }

        // Facts 1.6: the queue ids of the kinds.
        @Test func `a callback does not wait behind the messages of its chat`() async throws {
            let gate = Gate()
            try await withScene { received, _ in
                if received.text.contains("\"message\":{\"message_id\":1") { await gate.pass() }
                return .ok
            } _: { scene in
                try await scene.setWebhook()
                try scene.telegram.say("one", from: scene.anna, to: scene.bot.id)
                let sent = try await scene.api.call(
                    "sendMessage",
                    token: scene.bot.token,
                    parameters: ["chat_id": .int(scene.anna.id), "text": "Which?"]
                )
                let messageID = try #require(sent.result["message_id"]?.int64)
                let press = try scene.telegram.press("yes", on: messageID, by: scene.anna, to: scene.bot.id)
                try await scene.telegram.wait { $0.delivered == 1 }
                #expect(scene.telegram.acknowledged(by: scene.bot.id) == [press])
                gate.open()
                try await scene.telegram.drained()
            }
        }

        // Facts 1.6: delivery is at least once; what was in flight when the server stopped comes again.
        @Test func `what was not acknowledged is delivered by the next server`() async throws {
            let gate = Gate()
            try await withScene { _, number in
                if number == 0 { await gate.pass() }
                return .ok
            } _: { scene in
                let telegram = SimulatedTelegram()
                let bot = try telegram.addBot(name: "Shop", username: "other_bot")
                let id = try telegram.say("hi", from: telegram.addPerson(firstName: "Bo"), to: bot.id)
                try await SimulatorServer(telegram).whileRunning { port in
                    let api = BotAPI(client: scene.client, base: "http://127.0.0.1:\(port)")
                    _ = try await api.call("setWebhook", token: bot.token, parameters: ["url": .string(scene.hook)])
                    await scene.receiver.received(atLeast: 1)
                }
                #expect(telegram.acknowledged(by: bot.id) == [])
                try await SimulatorServer(telegram).whileRunning { _ in try await telegram.drained() }
                #expect(telegram.acknowledged(by: bot.id).map(Optional.some) == [id])
                #expect(scene.receiver.received.map(\.updateID) == [id, id])
                gate.open()
            }
        }

        @Test func `a port that is taken is told to who waits for it`() async throws {
            try await withScene { scene in
                let port = try #require(scene.base.split(separator: ":").last.flatMap { Int($0) })
                let other = SimulatorServer(SimulatedTelegram(), port: port)
                await #expect(throws: (any Error).self) { try await other.whileRunning { _ in } }
            }
        }

        @Test func `a server stops at once, though connections are open`() async throws {
            try await withScene { scene in
                let other = SimulatorServer(SimulatedTelegram())
                let stopping = try await other.whileRunning { port in
                    let there = Scene(
                        telegram: scene.telegram,
                        receiver: scene.receiver,
                        clock: scene.clock,
                        bot: scene.bot,
                        anna: scene.anna,
                        client: scene.client,
                        base: "http://127.0.0.1:\(port)",
                        hook: scene.hook
                    )
                    let answer = try await there.ask("/simulator/bots")
                    #expect(answer.status == 200)
                    return ContinuousClock.now
                }
                #expect(ContinuousClock.now - stopping < .seconds(3))
                await #expect(throws: SimulatorError.notRunning) { try await other.boundPort() }
            }
        }
    }
}
