import NIOCore
import Testing

@testable import switchboard_load

@Suite("The account of what was sent")
struct SendAccountTests {
    private func call(
        _ number: Int64,
        carriedOut: Bool = true,
        answered: Bool = true,
        status: Int32 = 200
    ) -> CallRecord {
        CallRecord(
            number: number,
            time: 1,
            bot: 7,
            status: status,
            isCarriedOut: carriedOut,
            isAnswered: answered
        )
    }

    @Test func `each message once is right`() {
        var account = SendAccount(10..<13)
        for number in [12, 10, 11] as [Int64] { account.note(call(number)) }
        let verdict = account.judged(waiting: [], dead: [])
        #expect(verdict.isRight)
        #expect(verdict.delivered == 3 && verdict.doubles == 0 && verdict.lost == 0)
    }

    @Test func `a message that came never is lost, unless its row or a dead letter tells of it`() {
        var account = SendAccount(1..<5)
        account.note(call(1))
        let verdict = account.judged(waiting: [2], dead: [3])
        #expect(verdict.lost == 1 && verdict.waiting == 1 && verdict.kept == 1)
        #expect(!verdict.isRight)
        account.note(call(4))
        #expect(!account.judged(waiting: [2], dead: [3]).isRight)
        #expect(account.judged(waiting: [], dead: [2, 3]).isRight)
    }

    @Test func `a dead letter of a message that came is neither lost nor kept`() {
        var account = SendAccount(1..<2)
        account.note(call(1, answered: false))
        let verdict = account.judged(waiting: [], dead: [1])
        #expect(verdict.isRight)
        #expect(verdict.kept == 0 && verdict.answersLost == 1)
    }

    @Test func `a double needs a lost answer of that very message, or a kill in the middle of its call`() {
        var account = SendAccount(1..<5)
        for number in 1...4 as ClosedRange<Int64> { account.note(call(number, answered: number != 1)) }
        for number in 1...3 as ClosedRange<Int64> { account.note(call(number)) }
        account.killed(sending: [2, 99])
        let verdict = account.judged(waiting: [], dead: [])
        #expect(verdict.doubles == 3 && verdict.unexplained == 1)
        #expect(!verdict.isRight)
    }

    @Test func `one lost answer explains one double and not two`() {
        var account = SendAccount(1..<2)
        account.note(call(1, answered: false))
        account.note(call(1))
        #expect(account.judged(waiting: [], dead: []).isRight)
        account.note(call(1))
        #expect(account.judged(waiting: [], dead: []).unexplained == 1)
    }

    @Test func `what was refused or cut before is no delivery`() {
        var account = SendAccount(1..<2)
        account.note(call(1, carriedOut: false, status: 429))
        account.note(call(1, carriedOut: false, answered: false, status: 0))
        account.note(call(1))
        let verdict = account.judged(waiting: [], dead: [])
        #expect(verdict.isRight)
        #expect(verdict.refusals == [429: 1] && verdict.cutBefore == 1 && account.deliveries == 1)
    }

    @Test func `a call of no message of ours is wrong`() {
        var account = SendAccount(1..<2)
        account.note(call(1))
        account.note(call(0))
        #expect(!account.judged(waiting: [], dead: []).isRight)
    }

    @Test func `a record is read as it was written, when all of it is there`() {
        let records = [call(1), call(-5, carriedOut: false, answered: false, status: 0), call(.max, status: 429)]
        var written = ByteBuffer()
        for record in records { record.write(to: &written) }
        #expect(written.readableBytes == records.count * CallRecord.size)
        var buffer = ByteBuffer()
        var read: [CallRecord] = []
        for byte in written.readableBytesView {
            buffer.writeInteger(byte)
            while let record = CallRecord(from: &buffer) { read.append(record) }
        }
        #expect(read == records)
    }

    @Test func `a text ends with its number`() {
        for number in 0..<40 as Range<Int64> { #expect(SendText.number(of: SendText.text(number)) == number) }
        #expect(SendText.number(of: "/start") == nil)
        #expect(SendText.number(of: "no number") == nil)
    }

    @Test func `the middle ratio of the pairs is judged`() {
        var result = FloodResult(perSecond: 1000)
        result.calm = [10, 20, 10]
        result.flooded = [11, 21, 30]
        #expect(result.ratio == 1.1)
        result.calm.append(10)
        result.flooded.append(10)
        #expect(abs(result.ratio - 1.075) < 1e-9)
    }
}
