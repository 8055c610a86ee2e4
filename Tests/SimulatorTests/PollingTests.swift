import AsyncHTTPClient
import NIOHTTP1
import Simulator
import Synchronization
import Telegram
import Testing

extension SimulatorTests {
    @Suite("hands updates out to who asks")
    struct Polling {
        // Facts 1.9: offset confirms everything below it; limit clamped 1..100; negative keeps the last.
        @Test func `an offset confirms what is before it`() async throws {
            try await withScene { scene async throws in
                let first = try #require(try scene.telegram.say("1", from: scene.anna, to: scene.bot.id))
                for number in 2...5 { try scene.telegram.say("\(number)", from: scene.anna, to: scene.bot.id) }
                func ask(_ parameters: JSON) async throws -> [Int64] {
                    scene.clock.advance(by: .seconds(3))
                    let found = try #require(try await scene.result("getUpdates", parameters).elements)
                    return found.compactMap { $0["update_id"]?.int64 }
                }
                #expect(try await ask([:]) == Array(first...first + 4))
                #expect(try await ask(["limit": 2]) == [first, first + 1])
                #expect(try await ask(["limit": 0]) == [first])
                #expect(try await ask(["offset": .int(first + 2)]) == [first + 2, first + 3, first + 4])
                #expect(scene.telegram.counts().pending == 3)
                #expect(scene.telegram.counts().delivered == 2)
                #expect(try await ask(["offset": -1]) == [first + 4])
                // Facts 1.9: an offset out of range (tail+10) falls back to the head.
                #expect(try await ask(["offset": .int(first + 5 + 11)]) == [first + 4])
                #expect(try await ask(["offset": .int(first + 5)]) == [])
            }
        }

        // Facts 1.9: same offset again within 0.5 s forces limit 1.
        @Test func `hasty repeats get one update`() async throws {
            try await withScene { scene async throws in
                for _ in 1...3 { try scene.telegram.say("x", from: scene.anna, to: scene.bot.id) }
                scene.clock.advance(by: .seconds(1))
                #expect(try await scene.result("getUpdates").elements?.reduce(0) { count, _ in count + 1 } == 3)
                #expect(try await scene.result("getUpdates").elements?.reduce(0) { count, _ in count + 1 } == 1)
            }
        }

        // Facts 1.9: a waiting poll gets the next update, or nothing at its end.
        @Test func `a poll waits`() async throws {
            try await withScene { scene async throws in
                async let waiting = scene.result("getUpdates", ["timeout": 50])
                // The poll's own end is what sleeps first.
                #expect(await scene.clock.untilNextWaking() == .seconds(50))
                let id = try scene.telegram.say("x", from: scene.anna, to: scene.bot.id)
                let found = try await waiting
                #expect(found.elements?.compactMap { $0["update_id"]?.int64 } == [id].compactMap { $0 })
                async let empty = scene.result("getUpdates", ["timeout": 99, "offset": .int((id ?? 0) + 1)])
                #expect(await scene.clock.untilNextWaking() == .seconds(50))
                scene.clock.advance(by: .seconds(50))
                let nothing = try await empty
                #expect(nothing.rawText == "[]")
            }
        }

        // Facts 1.9: the texts of conflict; a repeat within 3 s is answered 3 s late.
        @Test func `webhook and polls end each other`() async throws {
            try await withScene { scene async throws in
                let conflict = "Conflict: "
                async let first = scene.refusal("getUpdates", ["timeout": 50])
                #expect(await scene.clock.untilNextWaking() == .seconds(50))
                scene.clock.advance(by: .seconds(4))
                async let second = scene.refusal("getUpdates", ["timeout": 40])
                let why = "terminated by other getUpdates request; make sure that only one bot instance is running"
                #expect(try await first == conflict + why)
                scene.clock.advance(by: .seconds(4))
                try await scene.setWebhook()
                #expect(try await second == conflict + "terminated by setWebhook request")
                scene.clock.advance(by: .seconds(4))
                let active =
                    "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
                let refused = try await scene.call("getUpdates")
                #expect(refused.status == 409)
                #expect(refused.text.contains(active))
                async let late = scene.refusal("getUpdates")
                #expect(await scene.clock.untilNextWaking() == .seconds(3))
                scene.clock.advance(by: .seconds(3))
                #expect(try await late == conflict + active)
            }
        }

        // Facts 2.2: a server that restarts says so.
        @Test func `a server stops though a poll waits`() async throws {
            let clock = ManualClock()
            let telegram = SimulatedTelegram(clock: clock)
            let bot = try telegram.addBot(name: "Shop", username: "shop_bot")
            let server = SimulatorServer(telegram)
            let client = BotAPI.makeClient()
            try await withThrowingTaskGroup(of: BotAPIError?.self) { group in
                try await server.whileRunning { port in
                    let api = BotAPI(client: client, base: "http://127.0.0.1:\(port)")
                    group.addTask {
                        do throws(BotAPIError) {
                            _ = try await api.call("getUpdates", token: bot.token, parameters: ["timeout": 50])
                            return nil
                        } catch {
                            return error
                        }
                    }
                    #expect(await clock.untilNextWaking() == .seconds(50))
                }
                let error = try await group.next() ?? nil
                guard case .refused(let refusal)? = error else {
                    Issue.record("\(String(describing: error))")
                    return
                }
                #expect(refusal.code == 500)
                #expect(refusal.text == "Internal Server Error: restart")
            }
            try await client.shutdown()
        }

        // Facts 1.8: a second setWebhook while the first is verifying: the first gets 409.
        @Test func `a webhook that is being set is ended by another`() async throws {
            try await withScene { scene async throws in
                scene.telegram.failCalls(.delay(.seconds(5)), method: "setWebhook")
                async let first = scene.refusal("setWebhook", ["url": "https://one.example/"])
                #expect(await scene.clock.untilNextWaking() == .seconds(5))
                #expect(try await scene.refusal("setWebhook", ["url": "https://two.example/"]) == "Webhook was set")
                scene.clock.advance(by: .seconds(5))
                #expect(try await first == "Conflict: terminated by other setWebhook")
                #expect(try await scene.webhookInfo()["url"]?.string == "https://two.example/")
            }
        }

        // Facts 1.10: after a week without updates the next id is random (J Update).
        @Test func `numbers begin anew after an idle week`() async throws {
            try await withScene { scene async throws in
                try await scene.setWebhook()
                let first = try #require(try scene.telegram.say("1", from: scene.anna, to: scene.bot.id))
                try await scene.telegram.drained()
                scene.clock.advance(by: .seconds(7 * 86_400 - 1))
                #expect(try scene.telegram.say("2", from: scene.anna, to: scene.bot.id) == first + 1)
                try await scene.telegram.drained()
                scene.clock.advance(by: .seconds(7 * 86_400))
                let anew = try #require(try scene.telegram.say("3", from: scene.anna, to: scene.bot.id))
                #expect(anew != first + 2)
                #expect((2_000_001...1_000_000_000).contains(anew))
            }
        }
    }
}
