import HTTPTypes
import Simulator
import Synchronization
import Telegram
import Testing

extension SimulatorTests {
    @Suite("tries again")
    struct Retrying {
        // Facts 1.5, the table: 0, 2, 4, 8, 16, 32 s, then 60-64, then random 60..120.
        @Test func `the waits are those of Telegram`() async throws {
            try await withScene { _, _ in
                .init(status: .internalServerError)
            } _: { scene in
                try await scene.setWebhook()
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                var waits: [Duration] = []
                for failure in 2...12 {
                    // The first failure is followed by a try at once.
                    try await scene.telegram.wait { $0.failed == failure && $0.waiting == 1 }
                    waits.append(await scene.clock.untilNextWaking())
                    scene.clock.advance(by: waits.last ?? .zero)
                }
                #expect(waits.prefix(5) == [.seconds(2), .seconds(4), .seconds(8), .seconds(16), .seconds(32)])
                #expect((.seconds(60) ... .seconds(64)).contains(waits[5]))
                #expect(waits[6...].allSatisfy { (.seconds(60) ... .seconds(120)).contains($0) })
                #expect(Set(waits[6...]).count > 1)
                #expect(scene.telegram.counts().delivered == 0)
            }
        }

        // Facts 1.5: Retry-After is honoured on any non-2xx, whole seconds only, clamped 0..3600.
        @Test(arguments: [
            (503, "7", 7), (404, "7", 7), (302, "7", 7), (429, "99999", 3600),
            (500, "Wed, 21 Oct 2026 07:28:00 GMT", nil),
            (500, "0", nil), (500, "-5", nil),
        ])
        func `Retry-After is waited out`(status: Int, value: String, wait: Int?) async throws {
            try await withScene { _, number in
                number == 0 ? .init(status: .init(code: status), fields: [.retryAfter: value]) : .ok
            } _: { scene in
                try await scene.setWebhook()
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                if let wait {
                    try await scene.telegram.wait { $0.waiting == 1 }
                    #expect(await scene.clock.untilNextWaking() == .seconds(wait))
                    scene.clock.advance(by: .seconds(wait))
                }
                try await scene.telegram.drained()
                #expect(scene.telegram.counts().failed == 1)
                #expect(scene.telegram.counts().retried == 1)
                #expect(scene.telegram.counts().delivered == 1)
            }
        }

        // Facts 1.5: Retry-After replaces the delay and does not grow it, but counts as a failure.
        @Test func `Retry-After counts as a failure and does not grow the row`() async throws {
            try await withScene { _, number in
                number < 2
                    ? .init(status: .serviceUnavailable, fields: [.retryAfter: "5"])
                    : .init(status: .internalServerError)
            } _: { scene in
                try await scene.setWebhook()
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                for wait in [5, 5, 2, 4] {
                    try await scene.telegram.wait { $0.waiting == 1 }
                    #expect(await scene.clock.untilNextWaking() == .seconds(wait))
                    let failed = scene.telegram.counts().failed
                    scene.clock.advance(by: .seconds(wait))
                    try await scene.telegram.wait { $0.failed == failed + 1 }
                }
            }
        }

        // Facts 1.5: if now+delay > expiry the update is dropped for good: a callback_query lives 150 s (1.7).
        @Test func `an update that would be too old is dropped, and its queue goes on`() async throws {
            try await withScene { _, number in
                number == 0 ? .init(status: .serviceUnavailable, fields: [.retryAfter: "151"]) : .ok
            } _: { scene in
                let query: JSON = ["id": "1", "from": scene.anna.json, "data": "x"]
                let first = try scene.telegram.post(update: "callback_query", payload: query, to: scene.bot.id)
                let second = try scene.telegram.post(update: "callback_query", payload: query, to: scene.bot.id)
                try await scene.setWebhook()
                try await scene.telegram.drained()
                #expect(scene.receiver.received.map(\.updateID) == [first, second])
                #expect(scene.telegram.acknowledged(by: scene.bot.id) == [second])
                #expect(scene.telegram.counts().dropped == 1)
            }
        }

        // Facts 1.7: the lives of the kinds; what is over it is not sent any more.
        @Test(arguments: [
            ("inline_query", 30), ("callback_query", 150), ("chosen_inline_result", 600), ("poll", 86_400),
            ("message", 86_400),
        ])
        func `an update lives as long as its kind`(kind: String, life: Int) async throws {
            try await withScene { scene in
                func payload(date: Int64) -> JSON {
                    ["id": "1", "message_id": 1, "chat": scene.anna.json, "date": .int(date)]
                }
                let date = sceneStart + Int64(life)
                let first = try scene.telegram.post(update: kind, payload: payload(date: sceneStart), to: scene.bot.id)
                scene.clock.advance(by: .seconds(life))
                try await scene.setWebhook()
                try await scene.telegram.drained()
                _ = try await scene.call("deleteWebhook")
                try scene.telegram.post(update: kind, payload: payload(date: date), to: scene.bot.id)
                scene.clock.advance(by: .seconds(life + 1))
                try await scene.setWebhook()
                try await scene.telegram.drained()
                #expect(scene.telegram.acknowledged(by: scene.bot.id).map(Optional.some) == [first])
                #expect(scene.telegram.counts().dropped == 1)
            }
        }

        // Facts 1.7: messages older than a day are never queued.
        @Test func `a message over a day old is not queued`() async throws {
            try await withScene { scene in
                let old: JSON = ["message_id": 1, "chat": scene.anna.json, "date": .int(sceneStart - 86_401)]
                let id = try scene.telegram.post(update: "message", payload: old, to: scene.bot.id)
                #expect(id == nil)
            }
        }

        // Facts 1.3: redirects are not followed; 1.8: the text of the error.
        @Test func `a redirect is a failure and is not followed`() async throws {
            try await withScene { _, number in
                number == 0 ? .init(status: .found, fields: [.location: "/elsewhere"]) : .ok
            } _: { scene in
                try await scene.setWebhook()
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                try await scene.telegram.drained()
                #expect(scene.receiver.received.map(\.path) == ["/hook?x=1", "/hook?x=1"])
                let info = try await scene.webhookInfo()
                #expect(info["last_error_message"]?.string == "Wrong response from the webhook: 302 Found")
            }
        }

        // Facts 1.8: last_error_* is not cleared by later successes, only by a real setWebhook.
        @Test func `the last error stays after a success`() async throws {
            try await withScene { _, number in
                number == 0 ? .init(status: .internalServerError) : .ok
            } _: { scene in
                try await scene.setWebhook()
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                try await scene.telegram.drained()
                let info = try await scene.webhookInfo()
                #expect(
                    info["last_error_message"]?.string == "Wrong response from the webhook: 500 Internal Server Error"
                )
                #expect(info["last_error_date"]?.int64 == sceneStart)
                scene.clock.advance(by: .seconds(1))
                try await scene.setWebhook(maxConnections: 3)
                #expect(try await scene.webhookInfo()["last_error_message"] == nil)
            }
        }

        // Facts 1.2, 1.8: a 60 s timer over the whole exchange, "Read timeout expired".
        @Test func `an answer that does not come within a minute is a failure`() async throws {
            let gate = Gate()
            try await withScene { _, number in
                if number == 0 { await gate.pass() }
                return .ok
            } _: { scene in
                try await scene.setWebhook()
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                await scene.receiver.received(atLeast: 1)
                #expect(await scene.clock.untilNextWaking() == .seconds(60))
                scene.clock.advance(by: .seconds(60))
                try await scene.telegram.drained()
                #expect(scene.telegram.counts().failed == 1)
                #expect(try await scene.webhookInfo()["last_error_message"]?.string == "Read timeout expired")
                gate.open()
            }
        }

        // Facts 1.8: OS texts, "Connection refused".
        @Test func `an endpoint that nobody listens on is told in the words of the system`() async throws {
            try await withScene { scene in
                let answer = try await scene.call("setWebhook", ["url": "http://localhost:1/"])
                #expect(answer.text.contains("Webhook was set"))
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                try await scene.telegram.wait { $0.waiting == 1 }
                let info = try await scene.webhookInfo()
                #expect(info["last_error_message"]?.string == "Connection refused")
                #expect(info["pending_update_count"]?.int64 == 1)
            }
        }

        // Facts 1.5: a 410 that comes more than 23 h after the first deletes the webhook; any other answer starts anew.
        @Test(arguments: [false, true])
        func `a day of 410 takes the webhook away`(interrupted: Bool) async throws {
            try await withScene { _, number in
                let status: HTTPResponse.Status = interrupted && number == 3 ? .internalServerError : .gone
                return .init(status: status, fields: [.retryAfter: "3600"])
            } _: { scene in
                try await scene.setWebhook()
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                for hour in 1...24 {
                    try await scene.telegram.wait { $0.failed == hour && $0.waiting == 1 }
                    scene.clock.advance(by: .seconds(3600))
                }
                if interrupted {
                    try await scene.telegram.wait { $0.dropped == 1 }
                    #expect(try await scene.webhookInfo()["url"]?.string == scene.hook)
                } else {
                    try await scene.telegram.wait { $0.inFlight == 0 && $0.waiting == 0 }
                    #expect(try await scene.webhookInfo()["url"]?.string == "")
                    #expect(scene.telegram.counts().pending == 1)
                }
            }
        }
    }
}

extension Person {
    /// Something with the person's id, as user or chat.
    var json: JSON { ["id": .int(id), "first_name": .string(firstName), "type": "private"] }
}
