import HTTPTypes
import NIOHTTP1
import Simulator
import Telegram
import Testing

extension SimulatorTests {
    @Suite("misbehaves when told")
    struct Misbehaving {
        private static func send(_ scene: Scene) async -> BotAPIError? {
            do throws(BotAPIError) {
                _ = try await scene.api.call(
                    "sendMessage",
                    token: scene.bot.token,
                    parameters: ["chat_id": .int(scene.anna.id), "text": "x"]
                )
                return nil
            } catch {
                return error
            }
        }

        private static func isLost(_ error: BotAPIError?) -> Bool {
            if case .noAnswer = error { return true }
            return false
        }

        // Facts 2.2: after a timeout a send may have happened: the answer alone is lost, or the call too.
        @Test func `an answer is lost before or after the message was taken`() async throws {
            try await withScene { scene async throws in
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                func sent() -> Int { scene.telegram.messages(in: scene.anna.id, of: scene.bot.id).count - 1 }
                scene.telegram.failCalls(.cutBefore, method: "SENDMESSAGE", ofBot: scene.bot.id)
                #expect(Self.isLost(await Self.send(scene)))
                #expect(sent() == 0)
                scene.telegram.failCalls(.cutAfter, method: "sendMessage")
                #expect(Self.isLost(await Self.send(scene)))
                #expect(sent() == 1)
                for off in [50, -20] {
                    scene.telegram.failCalls(.lyingLength(off: off))
                    let error = await Self.send(scene)
                    #expect(error != nil, "\(off)")
                }
                #expect(sent() == 3)
                #expect(await Self.send(scene) == nil)
                #expect(sent() == 4)
                #expect(scene.telegram.sentCount(by: scene.bot.id) == 4)
            }
        }

        // Facts 2.1: the hosted front end may answer with HTML; 2.2: 500 restart, 429.
        @Test func `a call is answered by something else`() async throws {
            try await withScene { scene async throws in
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                let message: JSON = ["chat_id": .int(scene.anna.id), "text": "x"]
                func sent() -> Int { scene.telegram.messages(in: scene.anna.id, of: scene.bot.id).count - 1 }
                scene.telegram.failCalls(.frontEnd(status: 502, isCarriedOut: false))
                scene.telegram.failCalls(.frontEnd(status: 504, isCarriedOut: true), method: "sendMessage")
                let page = try await scene.call("sendMessage", message)
                #expect(page.status == 502)
                #expect(page.headers["Content-Type"] == ["text/html"])
                #expect(page.text.contains("<h1>502 Bad Gateway</h1>"))
                #expect(sent() == 0)
                #expect(try await scene.call("getMe").status == 200)
                #expect(try await scene.call("sendMessage", message).status == 504)
                #expect(sent() == 1)
                scene.telegram.failCalls(
                    .refusal(status: 429, description: "Too Many Requests: retry after 7", retryAfterSeconds: 7),
                    times: 2
                )
                for _ in 1...2 {
                    let flood = try await scene.call("sendMessage", message)
                    #expect(flood.headers["Retry-After"] == ["7"])
                    #expect(flood.text.contains(#""parameters":{"retry_after":7}"#))
                }
                #expect(try await scene.call("sendMessage", message).status == 200)
                scene.telegram.failCalls(.cutBefore, times: 100)
                scene.telegram.clearCallFaults()
                #expect(try await scene.call("sendMessage", message).status == 200)
            }
        }

        // Facts 1.2: the 60 s of a delivery begin when it is written; here it only begins late.
        @Test func `a delivery is late`() async throws {
            try await withScene { scene async throws in
                try await scene.setWebhook()
                let late = DeliveryFaults(delayProbability: 1, delay: .seconds(90))
                try scene.telegram.setFaults(late, ofBot: scene.bot.id)
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                #expect(await scene.clock.untilNextWaking() == .seconds(90))
                #expect(scene.receiver.received.isEmpty)
                scene.clock.advance(by: .seconds(90))
                try await scene.telegram.drained()
                #expect(scene.telegram.counts().delivered == 1)
                #expect(scene.telegram.counts().failed == 0)
            }
        }

        // Facts 1.4: a method in the body of a 2xx answer is carried out; get… and setWebhook are not; broken JSON is a success.
        @Test(arguments: [
            (200, #"{"method":"SENDmessage","chat_id":CHAT,"text":"by the way"}"#, 1),
            (200, #"{"method":"sendMessage","chat_id":CHAT,"text":"cut","#, 1),
            (200, #"{"method":"deleteWebhook"}"#, 0), (200, "nonsense", 0), (200, "{}", 0),
            (500, #"{"method":"sendMessage","chat_id":CHAT,"text":"x"}"#, 0),
        ])
        func `a method in the answer to an update is carried out`(
            status: Int,
            body: String,
            sent: Int
        ) async throws {
            try await withScene { _, number in
                number > 0
                    ? .ok
                    : .init(
                        status: .init(code: status),
                        fields: [.contentType: "application/json"],
                        body: body.replacing("CHAT", with: "500000001")
                    )
            } _: { scene async throws in
                #expect(scene.anna.id == 500_000_001)
                try await scene.setWebhook()
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                try await scene.telegram.drained()
                let messages = scene.telegram.messages(in: scene.anna.id, of: scene.bot.id)
                #expect(messages.filter(\.isFromBot).count == sent)
                #expect(try await scene.webhookInfo()["url"]?.string == scene.hook)
            }
        }

        @Test func `all of it can be played with curl`() async throws {
            try await withScene { scene async throws in
                func post(_ path: String, _ body: JSON) async throws -> JSONView {
                    let answer = try await scene.ask("/simulator/" + path, method: .POST, body: body.text)
                    #expect(answer.status == 200, "\(path): \(answer.text)")
                    return try JSONDocument(Array(answer.text.utf8)).root
                }
                let bot: JSON = .int(scene.bot.id)
                let person: JSON = .int(scene.anna.id)
                let group = JSON.int(try await post("groups", ["title": "G", "kind": "group"])["id"]?.int64 ?? 0)
                _ = try await post(
                    "send",
                    ["bot": bot, "person": person, "content": ["dice": ["emoji": "🎲", "value": 3]]]
                )
                _ = try await post("say", ["bot": bot, "person": person, "chat": group, "text": "hi"])
                _ = try await post(
                    "edit",
                    ["bot": bot, "person": person, "chat": group, "message_id": 2, "content": ["text": "ho"]]
                )
                _ = try await post(
                    "membership",
                    ["bot": bot, "person": person, "chat": group, "status": "administrator"]
                )
                let moved = try await post("migrate", ["chat": group, "person": person])
                #expect(moved["id"]?.int64 ?? 0 < -1_000_000_000_000)
                _ = try await post("updates", ["bot": bot, "kind": "hologram", "payload": ["beam": 1]])
                let other = try await post(
                    "bots",
                    ["name": "O", "username": "o_bot", "abilities": ["can_connect_to_business", "can_manage_bots"]]
                )
                let id = JSON.int(other["id"]?.int64 ?? 0)
                let olga = JSON.int(try await post("people", ["first_name": "Olga"])["id"]?.int64 ?? 0)
                let connection = JSON.string(
                    try await post("business", ["bot": id, "person": olga])["id"]?.string ?? ""
                )
                _ = try await post("business/send", ["id": connection, "person": person, "content": ["text": "hi"]])
                _ = try await post(
                    "business/edit",
                    ["id": connection, "person": person, "message_id": 1, "content": ["text": "ho"]]
                )
                _ = try await post("business/delete", ["id": connection, "person": person, "message_ids": [1]])
                _ = try await post("business/change", ["id": connection, "is_enabled": false])
                _ = try await post("managed-bots", ["name": "C", "username": "c_bot", "person": olga, "bot": id])
                _ = try await post("block", ["bot": bot, "person": person])
                _ = try await post("unblock", ["bot": bot, "person": person])
                _ = try await post("faults/deliveries", ["bot": bot, "duplicate": .double(0.5)])
                _ = try await post("flood-limits", ["is_on": true])
                _ = try await post(
                    "faults/calls",
                    ["fault": "refusal", "status": 500, "description": "Internal Server Error: restart"]
                )
                #expect(try await scene.call("getMe").status == 500)
                _ = try await post("faults/calls", ["fault": "cut_before", "times": 5])
                _ = try await post("faults/clear", [:])
                let updates = try await scene.updates()
                #expect(updates.contains { $0["hologram"] != nil })
                #expect(updates.contains { $0["edited_message"]?["text"]?.string == "ho" })
                let unknown = try await scene.ask("/simulator/nothing", method: .POST, body: "{}")
                #expect(unknown.status == 404)
                #expect(unknown.text.contains("there is no POST /simulator/nothing"))
                let mistaken = try await scene.ask("/simulator/faults/calls", method: .POST, body: #"{"fault":"x"}"#)
                #expect(mistaken.status == 400)
            }
        }
    }
}
