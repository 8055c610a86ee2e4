import Testing

@testable import switchboard_load

@Suite("Answers counted on the customers' side")
struct AnswerAccountTests {
    private let cast = SendCast(bots: 3, chats: 7, seed: 1)

    private func call(_ number: Int64, bot: Int, at time: UInt64, isCarriedOut: Bool = true) -> CallRecord {
        CallRecord(
            number: number,
            time: time,
            bot: cast.botID(bot),
            status: isCarriedOut ? 200 : 429,
            isCarriedOut: isCarriedOut,
            isAnswered: true
        )
    }

    private func written(_ numbers: [Int64]) -> [Int64: UpdateTimes] {
        Dictionary(uniqueKeysWithValues: numbers.map { ($0, UpdateTimes(intended: 1, acknowledged: 2)) })
    }

    private func number(_ bot: Int, _ update: Int64) -> Int64 { Int64(cast.firstUpdate(bot)) + update }

    @Test func `each answered once, by its bot and in order, is right`() {
        var account = AnswerAccount(cast)
        let numbers = [number(0, 0), number(0, 3), number(1, 0)]
        for (index, value) in numbers.enumerated() {
            let isFirst1 = account.note(call(value, bot: index < 2 ? 0 : 1, at: UInt64(index)))
            #expect(isFirst1)
        }
        let verdict = account.judged(written(numbers))
        #expect(verdict.isRight)
        #expect(verdict.answered == 3)
    }

    @Test func `what is missing, doubled, late, of nobody or by another bot is told`() {
        var account = AnswerAccount(cast)
        // Bot 0 has three chats: its updates 0 and 3 are of the same one.
        _ = account.note(call(number(0, 3), bot: 0, at: 1))
        _ = account.note(call(number(0, 0), bot: 0, at: 2))
        let isFirst2 = account.note(call(number(0, 0), bot: 0, at: 3))
        #expect(!isFirst2)
        _ = account.note(call(number(1, 0), bot: 2, at: 4))
        _ = account.note(call(number(2, 9), bot: 2, at: 5))
        _ = account.note(call(12, bot: 0, at: 6))
        _ = account.note(call(number(2, 0), bot: 2, at: 7, isCarriedOut: false))
        let verdict = account.judged(written([number(0, 0), number(0, 3), number(1, 0), number(2, 0)]))
        #expect(!verdict.isRight)
        #expect(verdict.missing == 1)
        #expect(verdict.doubles == 1)
        #expect(verdict.outOfOrder == 1)
        #expect(verdict.strangers == 2)
        #expect(verdict.wrongBot == 1)
        #expect(verdict.refusals == [429: 1])
    }

    @Test func `the chat of an update is the one that the source writes in, and every update has its own number`()
        throws
    {
        let target = try Target(
            name: "test",
            host: "127.0.0.1",
            port: 8080,
            webhooks: (0..<2).map { Webhook(path: "/telegram/hook\($0)", secret: "secret\($0)") },
            allowedHost: nil
        )
        var settings = TrafficSettings(chats: 7, duplicates: 0, seed: 1)
        settings.cast = cast
        settings.firstBot = 1
        let source = UpdateSource(
            target: target,
            texts: MessageTexts(seed: 1),
            settings: settings,
            shard: 0,
            of: 1,
            wallOffset: 0
        )
        var seen: Set<Int64> = []
        for _ in 0..<20 {
            let update = try #require(source.next(now: 0, settling: false)).update
            let number = Int64(update.updateID)
            #expect(seen.insert(number).inserted)
            let writer = try #require(cast.writer(ofUpdate: number))
            #expect(writer.bot == Int(update.bot) + 1)
            #expect(cast.person(ofBot: writer.bot, chat: Int(update.chat)) == cast.person(writer.chat))
        }
    }

    @Test func `a gate lets so many wait and no more`() {
        let gate = AnswerGate(most: 2)
        #expect(gate.mayBegin())
        #expect(gate.mayBegin())
        #expect(!gate.mayBegin())
        gate.answered(1)
        #expect(gate.mayBegin())
        #expect(!gate.mayBegin())
    }
}
