import Gateway
import Logging
import ServiceLifecycle
import Simulator
import Storage
import Telegram
import TestClock
import Testing

extension BotLifeTests {
    @Suite("asks whose business account it is")
    struct Connections {
        private static func lookup(_ scene: BotScene, _ body: () async throws -> Void) async throws {
            let service = ConnectionLookup(
                store: scene.store,
                telegram: scene.api,
                sealer: scene.sealer,
                clock: scene.clock,
                now: { scene.now },
                logger: BotScene.silent
            )
            let group = ServiceGroup(services: [service], logger: BotScene.silent)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await group.run() }
                do {
                    try await body()
                } catch {
                    await group.triggerGracefulShutdown()
                    throw error
                }
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
        }

        /// A message of a business chat, as if what Telegram told of its connection had not come.
        private static func accept(_ scene: BotScene, _ bot: Bot, _ number: Int, from: Int64, connection: String) async
        {
            let body = """
                {"update_id":\(number),"business_message":{"business_connection_id":"\(connection)","message_id":\(number),\
                "from":{"id":\(from),"is_bot":false,"first_name":"P\(from)"},\
                "chat":{"id":501,"type":"private","first_name":"Anna"},"date":1795435200,"text":"m\(number)"}}
                """
            let registered = RegisteredBot(
                id: bot.id,
                businessID: bot.businessID,
                hook: bot.hook,
                secret: SecretDigest(of: WebhookSecret("unused")),
                previousSecret: nil,
                runs: true
            )
            let outcome = await withCheckedContinuation { continuation in
                scene.store.accept(Intake.record(of: Array(body.utf8), for: registered, at: scene.now)) {
                    continuation.resume(returning: $0)
                }
            }
            #expect(outcome == .stored)
        }

        @Test func `messages that came before their connection get their senders' roles`() async throws {
            try await BotScene.with { scene in
                let (bot, token) = try await scene.register()
                // Without a webhook nothing of what Telegram tells arrives.
                _ = try await scene.api.call("deleteWebhook", token: token)
                try scene.telegram.allow(.business, ofBot: bot.telegramID)
                let owner = scene.telegram.addPerson(firstName: "Olga")
                let connection = try scene.telegram.connect(bot.telegramID, by: owner)
                await Self.accept(scene, bot, 1, from: 501, connection: connection.id)
                await Self.accept(scene, bot, 2, from: owner.id, connection: connection.id)
                let roles =
                    "SELECT group_concat(sender_role || ' ' || direction) FROM (SELECT * FROM message ORDER BY id)"
                #expect(try await scene.value(String.self, roles) == "unknown in,unknown in")
                try await Self.lookup(scene) { () async throws in
                    await scene.clock.untilSomebodySleeps()
                    #expect(try await scene.value(String.self, roles) == "customer in,owner out")
                    let state = "SELECT state || ' ' || owner_name FROM business_connection"
                    #expect(try await scene.value(String.self, state) == "known Olga")
                }
            }
        }

        @Test func `a connection that Telegram does not know is asked for once`() async throws {
            try await BotScene.with { scene in
                let (bot, _) = try await scene.register()
                try scene.telegram.allow(.business, ofBot: bot.telegramID)
                await Self.accept(scene, bot, 1, from: 501, connection: "nothing")
                try await Self.lookup(scene) { () async throws in
                    await scene.clock.untilSomebodySleeps()
                    #expect(
                        try await scene.value(String.self, "SELECT state || tries FROM business_connection") == "gone1"
                    )
                    scene.clock.advance(by: .seconds(2))
                    await scene.clock.untilSomebodySleeps()
                    #expect(
                        try await scene.value(String.self, "SELECT state || tries FROM business_connection") == "gone1"
                    )
                }
            }
        }
    }
}
