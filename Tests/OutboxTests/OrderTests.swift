import GRDB
import Simulator
import Telegram
import TestClock
import Testing

@testable import Gateway
@testable import Storage

extension SendingTests {
    @Suite struct OrderAndPace {
        @Test func `the order of a conversation is kept through 429s and lost answers`() async throws {
            try await OutboxScene.with { scene in
                let refusal = CallFault.refusal(status: 429, description: "Too Many Requests", retryAfterSeconds: 2)
                scene.telegram.failCalls(refusal, method: "sendMessage", times: 6, probability: 0.5)
                scene.telegram.failCalls(.cutBefore, method: "sendMessage", probability: 0.3)
                let texts = (1...30).map { "\($0)" }
                for text in texts { try await scene.queue(text) }
                try await scene.sending { try await scene.untilEmpty() }
                #expect(scene.seen() == texts)
            }
        }

        @Test func `nothing goes faster than Telegram takes it`() async throws {
            try await OutboxScene.with { scene in
                scene.telegram.setFloodLimits(FloodLimits())
                for number in 1...12 { try await scene.queue("\(number)") }
                try await scene.sending { try await scene.untilEmpty() }
                #expect(scene.seen().count == 12)
                // Three at once, then one a second.
                #expect(scene.clock.now.offset >= .seconds(9))
                #expect(try await scene.value(Int.self, "SELECT max(attempts) FROM dead_letter") == nil)
            }
        }

        @Test func `a backlog is sent through a hand much smaller than it`() async throws {
            try await OutboxScene.with { scene in
                var limits = PacingLimits()
                limits.held = 16
                limits.heldPerBusiness = 16
                limits.heldPerBot = 8
                limits.heldPerConversation = 2
                limits.chatInterval = 10
                limits.bot = .init(count: 1000, span: 1000)
                var customers: [(person: Person, conversation: ConversationID)] = []
                for number in 1...20 { customers.append(try await scene.addCustomer("P\(number)", of: scene.shop)) }
                for number in 1...6 {
                    for customer in customers {
                        try await scene.queue("\(number)", in: customer.conversation, priority: .bulk)
                    }
                }
                try await scene.queue("an answer")
                try await scene.sending(limits: limits) { try await scene.untilEmpty() }
                for customer in customers { #expect(scene.seen(customer.person) == ["1", "2", "3", "4", "5", "6"]) }
                #expect(scene.seen() == ["an answer"])
                #expect(scene.telegram.sentCount(by: scene.shop.simulated.id) == 121)
            }
        }

        @Test func `a paused bot and a suspended business send nothing, and go on where they were`() async throws {
            try await OutboxScene.with { scene in
                let other = try await scene.addShop("bauer")
                _ = try await scene.store.setPaused(true, of: scene.shop.bot.id)
                _ = try await scene.store.setState(.suspended, of: other.business.id)
                try await scene.queue("one")
                try await scene.queue("two", of: other)
                let third = try await scene.addShop("huber")
                try await scene.sending {
                    try await scene.queue("three", of: third)
                    try await scene.until { try await scene.count("outbox") == 2 }
                    #expect(scene.seen() == [] && scene.seen(of: other) == [])
                    _ = try await scene.store.setPaused(false, of: scene.shop.bot.id)
                    try await scene.until { try await scene.count("outbox") == 1 }
                    _ = try await scene.store.setState(.active, of: other.business.id)
                    try await scene.until { try await scene.count("outbox") == 0 }
                }
                #expect(scene.seen() == ["one"] && scene.seen(of: other) == ["two"])
                #expect(scene.seen(of: third) == ["three"])
            }
        }

        @Test func `a graceful stop settles what is in flight and begins nothing`() async throws {
            try await OutboxScene.with { scene in
                for number in 1...8 { try await scene.queue("\(number)") }
                try await scene.sending { try await scene.until { try await scene.count("outbox") < 8 } }
                #expect(try await scene.count("outbox", "state = 'sending'") == 0)
                let waiting = try await scene.count("outbox")
                #expect(scene.seen().count == 8 - waiting)
                try await scene.sending { try await scene.untilEmpty() }
                #expect(scene.seen() == (1...8).map { "\($0)" })
            }
        }

        @Test func `an unreachable Telegram loses nothing and doubles nothing`() async throws {
            try await OutboxScene.with { scene in
                let nowhere = OutboxScene(
                    telegram: scene.telegram,
                    directory: scene.directory,
                    store: scene.store,
                    sealer: scene.sealer,
                    clock: scene.clock,
                    api: BotAPI(client: scene.client, base: "http://127.0.0.1:1"),
                    client: scene.client,
                    shop: scene.shop
                )
                try await scene.queue("one")
                try await scene.queue("two")
                try await nowhere.sending {
                    try await scene.until { try await scene.count("outbox", "attempts > 0 AND not_before > 0") == 1 }
                }
                #expect(scene.seen() == [])
                try await scene.sending { try await scene.untilEmpty() }
                #expect(scene.seen() == ["one", "two"])
            }
        }

        @Test func `a bot that is refused everywhere holds no other bot up`() async throws {
            try await OutboxScene.with { scene in
                let other = try await scene.addShop("bauer")
                let refusal = CallFault.refusal(status: 429, description: "Too Many Requests", retryAfterSeconds: 600)
                scene.telegram.failCalls(refusal, ofBot: scene.shop.simulated.id, times: 1000)
                for number in 1...20 {
                    let customer = try await scene.addCustomer("P\(number)", of: scene.shop)
                    for text in 1...3 { try await scene.queue("\(text)", in: customer.conversation) }
                }
                var theirs: [(person: Person, conversation: ConversationID)] = []
                for number in 1...20 { theirs.append(try await scene.addCustomer("Q\(number)", of: other)) }
                try await scene.sending {
                    try await scene.until { try await scene.count("outbox", "not_before > 0") >= 3 }
                    for customer in theirs { try await scene.queue("hello", in: customer.conversation, of: other) }
                    // The clock stands still: whatever waits for anything stays.
                    let of = "business_id = \(other.business.id.rawValue)"
                    try await scene.until { try await scene.count("outbox", of) == 0 }
                }
                for customer in theirs { #expect(scene.seen(customer.person, of: other) == ["hello"]) }
                #expect(try await scene.count("outbox") == 60)
                // Parked as a bot after a few refusals, not asked for each of its chats.
                #expect(scene.telegram.sentCount(by: scene.shop.simulated.id) == 0)
            }
        }

        @Test func `what a customer is shown to be doing is not sent late, and callbacks are answered`() async throws {
            try await OutboxScene.with { scene in
                try await scene.queue(.chatAction(.typing))
                scene.clock.advance(by: .seconds(6))
                // A method that fails shows whether it was called.
                scene.telegram.failCalls(
                    .refusal(status: 400, description: "Bad Request: no"),
                    method: "sendChatAction"
                )
                try await scene.sending { try await scene.untilEmpty() }
                #expect(try await scene.count("dead_letter") == 0)
                try await scene.queue(.chatAction(.typing))
                try await scene.sending { try await scene.untilEmpty() }
                #expect(try await scene.count("dead_letter") == 1)
            }
        }

        @Test func `a reaction of the bot is in the history`() async throws {
            try await OutboxScene.with { scene in
                let queued = try await scene.queue("look")
                try await scene.sending {
                    try await scene.untilEmpty()
                    try await scene.queue(.react(queued.messages[0], .emoji("👍")))
                    try await scene.untilEmpty()
                }
                #expect(try await scene.count("dead_letter") == 0)
                let reactions = try await scene.message(queued.messages[0]).reactions
                #expect(reactions.map(\.reaction.value) == ["👍"])
            }
        }
    }
}
