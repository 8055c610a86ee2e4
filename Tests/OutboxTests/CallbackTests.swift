import GRDB
import Simulator
import Telegram
import Testing

@testable import Gateway
@testable import Storage

extension SendingTests {
    /// Answers to callbacks, which go beside everything else.
    @Suite struct Callbacks {
        /// Lets Anna press a button.
        ///
        /// - Returns: Telegram's id of the query.
        private static func press(_ scene: OutboxScene) async throws -> String {
            let queued = try await scene.store.enqueue(
                SendRequest(
                    business: scene.shop.business.id,
                    conversation: scene.shop.conversation,
                    content: .text(FormattedText("which?")),
                    options: SendOptions(markup: .inline(InlineKeyboard([[.init("Yes", .callback("yes"))]])))
                ),
                at: scene.now
            )
            try await scene.sending { try await scene.untilEmpty() }
            let number = try #require(try await scene.message(queued.messages[0]).telegramMessageID)
            try scene.telegram.press("yes", on: number, by: scene.shop.anna, to: scene.shop.simulated.id)
            let updates = try await scene.api.call("getUpdates", token: scene.shop.simulated.token).result
            let queries = (updates.elements.map(Array.init) ?? []).compactMap { $0["callback_query"]?["id"]?.string }
            return try #require(queries.last)
        }

        private static func answer(_ id: String, since: Timestamp? = nil, _ scene: OutboxScene) async throws {
            var request = SendRequest(
                business: scene.shop.business.id,
                conversation: scene.shop.conversation,
                content: .answerCallback(id: id, .init(text: "noted"))
            )
            request.since = since
            _ = try await scene.store.enqueue(request, at: scene.now)
        }

        @Test func `an answer goes at once, though its chat is parked and messages wait before it`() async throws {
            try await OutboxScene.with { scene in
                let query = try await Self.press(scene)
                let refusal = CallFault.refusal(status: 429, description: "Too Many Requests", retryAfterSeconds: 600)
                scene.telegram.failCalls(refusal, method: "sendMessage")
                for text in ["one", "two"] { try await scene.queue(text) }
                try await scene.sending {
                    try await scene.until { try await scene.count("outbox", "not_before > 0") == 1 }
                    try await Self.answer(query, scene)
                    // The clock stands still.
                    try await scene.until { try await scene.count("outbox") == 2 }
                    let answers = scene.telegram.answers(of: scene.shop.simulated.id)
                    #expect(answers.map(\.parameters["text"]) == ["noted"])
                    try await scene.untilEmpty()
                }
                #expect(scene.seen() == ["which?", "one", "two"])
            }
        }

        @Test func `one that waits from before a start, or behind a hand full of messages, goes first`() async throws {
            try await OutboxScene.with { scene in
                let query = try await Self.press(scene)
                var limits = PacingLimits()
                limits.held = 4
                limits.heldPerBusiness = 4
                limits.heldPerBot = 4
                limits.heldAtLeast = 1
                for number in 1...8 { try await scene.queue("\(number)") }
                try await Self.answer(query, scene)
                try await scene.sending(limits: limits) {
                    try await scene.until {
                        try await scene.count("outbox", "method = 'answerCallbackQuery'") == 0
                    }
                    #expect(scene.telegram.answers(of: scene.shop.simulated.id).count == 1)
                    try await scene.untilEmpty()
                }
                #expect(scene.seen() == ["which?"] + (1...8).map { "\($0)" })
            }
        }

        @Test func `one that comes too late is not made, or told so by Telegram, and is no dead call`() async throws {
            try await OutboxScene.with { scene in
                let query = try await Self.press(scene)
                let old = scene.now.advanced(by: .seconds(-151))
                try await Self.answer(query, since: old, scene)
                try await Self.answer("123456789", scene)
                try await scene.sending { try await scene.untilEmpty() }
                #expect(scene.telegram.answers(of: scene.shop.simulated.id).isEmpty)
                #expect(try await scene.count("dead_letter") == 0)
                try await Self.answer(query, since: scene.now.advanced(by: .seconds(-5)), scene)
                try await scene.sending { try await scene.untilEmpty() }
                #expect(scene.telegram.answers(of: scene.shop.simulated.id).count == 1)
            }
        }

        @Test func `more than a hand takes are all made`() async throws {
            try await OutboxScene.with { scene in
                var limits = PacingLimits()
                limits.asidesPerBot = 3
                for number in 1...20 { try await Self.answer("\(number)", scene) }
                // Telegram does not know these queries: each is settled as too late.
                try await scene.sending(limits: limits) { try await scene.untilEmpty() }
                #expect(try await scene.count("dead_letter") == 0)
            }
        }
    }
}
