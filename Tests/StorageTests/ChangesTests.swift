import GRDB
import Telegram
import Testing

@testable import Gateway
@testable import Storage

/// A row that nobody is told of would wait for ever.
@Suite("Who is told of a write", .timeLimit(.minutes(1)))
struct ChangesTests {
    /// What each listener was told by the body.
    private static func told(
        _ body: (DeliveryScene) async throws -> Void,
        by write: (DeliveryScene) async throws -> Void
    )
        async throws -> Changes
    {
        var told: Changes = []
        try await StoreFixture.with { fixture in
            let scene = try await DeliveryScene(fixture)
            try await body(scene)
            let feeds: [(Changes, ChangeFeed)] = [
                (.outbox, scene.store.outboxFeed), (.deliveries, scene.store.deliveryFeed),
                (.lateAnswers, scene.store.lateAnswerFeed),
            ]
            let streams = feeds.map { ($0, $1.listen()) }
            try await write(scene)
            // Its end makes a stream finite: what it was told is all that is in it.
            for (_, feed) in feeds { feed.end() }
            for (change, stream) in streams { for await _ in stream { told.insert(change) } }
        }
        return told
    }

    private static func sending(_ scene: DeliveryScene) -> SendRequest {
        SendRequest(business: scene.business, conversation: scene.conversation, content: .text(FormattedText("hello")))
    }

    @Test func `a message that is to be sent is told to the sender alone`() async throws {
        let told = try await Self.told({ _ in }) { scene in
            _ = try await scene.store.enqueue(Self.sending(scene), at: DeliveryScene.noon)
        }
        #expect(told == .outbox)
    }

    @Test func `an event that is to be told is told to the sender of events alone`() async throws {
        #expect(try await Self.told({ try await $0.addWebhook() }) { try await $0.keep(1) } == .deliveries)
    }

    @Test func `an answer that came late is told to the dispatcher, and one that says nothing to nobody`() async throws
    {
        for (body, wanted) in [("{}", Changes.lateAnswers), ("", [])] {
            let told = try await Self.told({ scene in
                try await scene.addWebhook()
                try await scene.keep(1)
            }) { scene in
                let end = DeliveryEnd(.done, isTry: true, status: 200, answer: Array(body.utf8))
                let id = DeliveryID(rawValue: 1)
                _ = try await scene.store.settle(
                    [.init(id: id, of: scene.business, at: scene.url, end: end)],
                    at: DeliveryScene.noon
                )
            }
            #expect(told == wanted, "\(body)")
        }
    }

    @Test func `a decision tells of what it sends and of what webhooks are to be told, and of nothing else`()
        async throws
    {
        for (sends, tells, wanted) in [
            (true, true, [.outbox, .deliveries]), (true, false, .outbox), (false, false, []),
        ]
            as [(Bool, Bool, Changes)]
        {
            let told = try await Self.told({ try await $0.addWebhook() }) { scene in
                let first = try #require(try await scene.store.keptUpdate(1))
                let job = PipelineJob(
                    id: first,
                    business: scene.business,
                    conversation: scene.conversation,
                    receivedAt: DeliveryScene.noon,
                    kind: .message
                )
                await withCheckedContinuation { continuation in
                    scene.store.decide(job, at: DeliveryScene.noon) { _ in
                        let run = PipelineRun(
                            update: job.id,
                            conversation: job.conversation,
                            decidedAt: DeliveryScene.noon,
                            tookMilliseconds: 0,
                            result: .ran
                        )
                        var outcome = JobOutcome(run)
                        if sends { outcome.sendings = [.init(Self.sending(scene))] }
                        if tells { outcome.deliveries = [scene.draft(1)] }
                        return .done(outcome)
                    } then: { _ in
                        continuation.resume()
                    }
                }
            }
            #expect(told == wanted)
        }
    }

    @Test func `what the command line changes is told to all`() async throws {
        let told = try await Self.told({ _ in }) { try await $0.addWebhook() }
        #expect(told == [.outbox, .deliveries, .lateAnswers])
    }
}

extension SQLiteStore {
    /// The first update that is kept, opened as a job.
    fileprivate func keptUpdate(_ number: Int) async throws -> Int64? {
        try await write(changes: { _ in [] }) { db in
            try db.execute(sql: "UPDATE raw_update SET state = 'open'")
            return try Int64.fetchOne(db, sql: "SELECT min(id) FROM raw_update")
        }
    }
}
