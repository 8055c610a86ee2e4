import GRDB
import Simulator
import Telegram
import TestClock
import Testing

@testable import Gateway
@testable import Storage

extension SendingTests {
    /// What the database does not take, and when it takes nothing.
    @Suite struct Faults {
        private static func forbid(_ rule: String, _ scene: OutboxScene) async throws {
            try await scene.store.write { db in
                try db.execute(sql: "CREATE TRIGGER forbidden \(rule) BEGIN SELECT RAISE(ABORT, 'not this one'); END")
            }
        }

        @Test func `a message whose end the database does not take lies with the dead calls, and the others go on`()
            async throws
        {
            try await OutboxScene.with { scene in
                let bert = try await scene.addCustomer("Bert", of: scene.shop)
                let bad = try await scene.queue("one")
                let behind = try await scene.queue("two")
                let beside = try await scene.queue("three", in: bert.conversation)
                try await Self.forbid(
                    """
                    BEFORE UPDATE ON message WHEN new.id = \(bad.messages[0].rawValue) AND new.state = 'sent'
                    """,
                    scene
                )
                try await scene.sending { try await scene.untilEmpty() }
                let dead = try await scene.store.deadLetters(of: nil, page: Page()).elements
                #expect(dead.map(\.cause) == [.unknown] && dead.map(\.firstMessage) == [bad.messages[0]])
                #expect(try await scene.message(bad.messages[0]).state == "unknown")
                #expect(try await scene.message(behind.messages[0]).state == "sent")
                #expect(try await scene.message(beside.messages[0], in: bert.conversation).state == "sent")
                // Each went once.
                #expect(scene.seen() == ["one", "two"])
            }
        }

        @Test func `a row that cannot even be laid with the dead is left to the next start, and the others go on`()
            async throws
        {
            try await OutboxScene.with { scene in
                let bert = try await scene.addCustomer("Bert", of: scene.shop)
                let bad = try await scene.queue("one")
                try await Self.forbid("BEFORE DELETE ON outbox WHEN old.id = \(bad.calls[0].rawValue)", scene)
                try await scene.queue("two", in: bert.conversation)
                try await scene.sending {
                    try await scene.whileTimeGoesOn {
                        try await scene.until { try await scene.count("outbox", "state = 'queued'") == 0 }
                        try await scene.queue("three")
                        try await scene.queue("four", in: bert.conversation)
                        try await scene.until { try await scene.count("outbox") == 1 }
                    }
                }
                #expect(scene.seen() == ["one", "three"] && scene.seen(bert.person) == ["two", "four"])
                #expect(try await scene.count("outbox", "state = 'sending'") == 1)
                #expect(try await scene.count("dead_letter") == 0)
                try await scene.store.write { try $0.execute(sql: "DROP TRIGGER forbidden") }
                _ = try await scene.store.setOnUnknown(.keep, of: scene.shop.business.id)
                try await scene.sending { try await scene.untilEmpty() }
                #expect(try await scene.message(bad.messages[0]).state == "unknown")
            }
        }

        @Test func `a row that no call can be made of is dead, and the others go on`() async throws {
            try await OutboxScene.with { scene in
                let bert = try await scene.addCustomer("Bert", of: scene.shop)
                let bad = try await scene.queue("one")
                try await scene.queue("two", in: bert.conversation)
                try await scene.store.write { db in
                    try db.execute(
                        sql: """
                            UPDATE chat SET space = 'guest'
                            WHERE id = (SELECT chat_id FROM conversation WHERE id = \(scene.shop.conversation.rawValue))
                            """
                    )
                }
                try await scene.sending { try await scene.untilEmpty() }
                #expect(scene.seen(bert.person) == ["two"] && scene.seen() == [])
                #expect(try await scene.message(bad.messages[0]).state == "failed")
                #expect(try await scene.count("dead_letter", "cause = 'failed'") == 1)
            }
        }

        @Test func `a full disk is waited for: nothing is dead, lost or sent twice by it`() async throws {
            try await OutboxScene.with { scene in
                let failing = FailingStore(scene.store, times: 5)
                for text in ["one", "two", "three"] { try await scene.queue(text) }
                try await scene.sending(through: failing) { try await scene.untilEmpty() }
                #expect(scene.seen() == ["one", "two", "three"])
                #expect(try await scene.count("dead_letter") == 0)
                // Half a second from one try to the next.
                #expect(scene.clock.now.offset >= .seconds(2.5))
            }
        }

        @Test
        func `with a disk that stays full a graceful stop comes to an end, and the next start knows what is unknown`()
            async throws
        {
            try await OutboxScene.with { scene in
                let failing = FailingStore(scene.store, times: .max)
                let queued = try await scene.queue("one")
                try await scene.whileTimeGoesOn {
                    try await scene.sending(through: failing) { await failing.untilFailed() }
                }
                #expect(try await scene.count("outbox", "state = 'sending'") == 1)
                #expect(scene.seen() == ["one"])
                _ = try await scene.store.setOnUnknown(.keep, of: scene.shop.business.id)
                try await scene.sending { try await scene.untilEmpty() }
                #expect(try await scene.message(queued.messages[0]).state == "unknown")
                #expect(scene.seen() == ["one"])
            }
        }
    }
}
