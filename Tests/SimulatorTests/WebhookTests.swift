import NIOHTTP1
import Simulator
import Telegram
import Testing

extension SimulatorTests {
    @Suite("keeps webhooks")
    struct Webhooks {
        private static func text(_ status: String) -> String {
            #"{"ok":true,"result":true,"description":"\#(status)"}"#
        }

        // Facts 1.8: the four texts of success.
        @Test func `what was done is said`() async throws {
            try await withScene { scene in
                let hook: JSON = ["url": .string(scene.hook)]
                let deleted = try await scene.call("deleteWebhook")
                #expect(deleted.text == Self.text("Webhook is already deleted"))
                #expect(try await scene.call("setWebhook", hook).text == Self.text("Webhook was set"))
                scene.clock.advance(by: .seconds(1))
                #expect(try await scene.call("setWebhook", hook).text == Self.text("Webhook is already set"))
                #expect(try await scene.call("setWebhook").text == Self.text("Webhook was deleted"))
                #expect(try await scene.call("setWebhook", ["url": ""]).text == Self.text("Webhook is already deleted"))
            }
        }

        // Facts 1.8: the texts of refusal; 1.2: ports, https and addresses.
        @Test(arguments: [
            ("ftp://example.com/", "", "invalid webhook URL specified"),
            ("https:///x", "", "invalid webhook URL specified"),
            ("https://example.com:99999/", "", "invalid webhook URL specified"),
            ("https://example.com/", String(repeating: "a", count: 257), "secret token is too long"),
            ("https://example.com/", "a b", "secret token contains unallowed characters"),
            ("https://example.com:8080/", "", "bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443"),
            ("http://example.com/", "", "bad webhook: An HTTPS URL must be provided for webhook"),
            ("https://[2001:db8::1]/", "", "bad webhook: IPv6-only addresses are not allowed"),
            ("https://192.168.1.5/", "", "bad webhook: IP address 192.168.1.5 is reserved"),
            ("https://172.31.0.1/", "", "bad webhook: IP address 172.31.0.1 is reserved"),
            ("http://128.0.0.1/", "", "bad webhook: An HTTPS URL must be provided for webhook"),
        ])
        func `a webhook that Telegram would not take is refused, and the old one is gone`(
            url: String,
            secret: String,
            why: String
        ) async throws {
            try await withScene { scene in
                try await scene.setWebhook()
                scene.clock.advance(by: .seconds(1))
                let answer = try await scene.call("setWebhook", ["url": .string(url), "secret_token": .string(secret)])
                #expect(answer.text == #"{"ok":false,"error_code":400,"description":"Bad Request: \#(why)"}"#)
                #expect(answer.status == 400)
                #expect(try await scene.webhookInfo()["url"]?.string == "")
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                #expect(scene.telegram.counts().inFlight == 0)
                #expect(scene.telegram.counts().pending == 1)
            }
        }

        // Facts 1.2: a URL without scheme is https; 1.8: 257 bytes are too many, 256 are not.
        @Test(arguments: [
            "example.com/hook", "https://example.com:8443/x", "http://localhost:12345/", "http://127.9.9.9:1/",
            "http://[::1]:8080/", "https://172.32.0.1/",
        ])
        func `a webhook that Telegram takes is set`(url: String) async throws {
            try await withScene { scene in
                let secret = String(repeating: "a", count: 256)
                let answer = try await scene.call("setWebhook", ["url": .string(url), "secret_token": .string(secret)])
                #expect(answer.text == Self.text("Webhook was set"))
                #expect(try await scene.webhookInfo()["url"]?.string == url)
            }
        }

        // Facts 1.8: max one setWebhook with a url per bot per second, else 429 retry_after 1; 2.1: and the header.
        @Test func `a second webhook within a second is too many`() async throws {
            try await withScene { scene in
                try await scene.setWebhook()
                scene.clock.advance(by: .milliseconds(999))
                let answer = try await scene.call("setWebhook", ["url": "https://example.com/"])
                #expect(answer.status == 429)
                #expect(answer.headers["Retry-After"] == ["1"])
                let text = "Too Many Requests: retry after 1"
                #expect(
                    answer.text
                        == #"{"ok":false,"error_code":429,"description":"\#(text)","parameters":{"retry_after":1}}"#
                )
                #expect(try await scene.webhookInfo()["url"]?.string == scene.hook)
                scene.clock.advance(by: .milliseconds(1))
                #expect(try await scene.call("setWebhook", ["url": "https://example.com/"]).status == 200)
            }
        }

        // Facts 1.8: clamped, never an error: 1..100, default 40, a non-number is 1.
        @Test(arguments: [("", 40), ("0", 1), ("x", 1), ("7", 7), ("7up", 7), ("500", 100)])
        func `max_connections is clamped`(given: String, kept: Int64) async throws {
            try await withScene { scene in
                _ = try await scene.call("setWebhook", ["url": .string(scene.hook), "max_connections": .string(given)])
                #expect(try await scene.webhookInfo()["max_connections"]?.int64 == kept)
            }
        }

        // Facts 1.8: allowed_updates: absent keeps, [] or unknown names only are the default, names in any case.
        @Test func `allowed_updates is kept, narrowed and reset`() async throws {
            try await withScene { scene in
                func set(_ allowed: JSON?) async throws -> [String]? {
                    var parameters: JSON = ["url": .string(scene.hook)]
                    parameters["allowed_updates"] = allowed
                    scene.clock.advance(by: .seconds(1))
                    _ = try await scene.call("setWebhook", parameters)
                    return try await scene.webhookInfo()["allowed_updates"]?.elements.map { $0.compactMap(\.string) }
                }
                #expect(try await set(nil) == nil)
                #expect(try await set(["POLL", "message", "nonsense"]) == ["message", "poll"])
                #expect(try await set(nil) == ["message", "poll"])
                #expect(try await set("no JSON") == ["message", "poll"])
                let edit = try scene.telegram.post(
                    update: "edited_message",
                    payload: ["message_id": 1, "chat": scene.anna.json, "date": .int(sceneStart)],
                    to: scene.bot.id
                )
                #expect(edit == nil)
                #expect(try await set(["nonsense"]) == nil)
                #expect(try await set(["message_reaction"]) == ["message_reaction"])
                #expect(try await set([]) == nil)
            }
        }

        // Facts 1.8: drop_pending_updates empties the queue; deleteWebhook without it keeps it.
        @Test func `what waits is dropped only on demand`() async throws {
            try await withScene { scene in
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                _ = try await scene.call("deleteWebhook")
                #expect(try await scene.webhookInfo()["pending_update_count"]?.int64 == 1)
                _ = try await scene.call("deleteWebhook", ["drop_pending_updates": true])
                #expect(try await scene.webhookInfo()["pending_update_count"]?.int64 == 0)
                #expect(scene.telegram.counts().pending == 0)
            }
        }

        // Facts 1.6: duplicates arise from setWebhook swaps while in flight.
        @Test func `what is in flight when the webhook changes is delivered again`() async throws {
            let gate = Gate()
            try await withScene { _, number in
                if number == 0 { await gate.pass() }
                return .ok
            } _: { scene in
                try await scene.setWebhook()
                let id = try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                await scene.receiver.received(atLeast: 1)
                scene.clock.advance(by: .seconds(1))
                try await scene.setWebhook(secret: "another")
                try await scene.telegram.drained()
                #expect(scene.receiver.received.map(\.updateID) == [id, id])
                gate.open()
                try await scene.telegram.wait { $0.stale == 1 || $0.delivered == 2 }
                #expect(scene.telegram.acknowledged(by: scene.bot.id).map(Optional.some) == [id])
            }
        }
    }
}
