import Histogram
import Telegram

/// How long the parts of messages' ways took, in microseconds.
struct AnswerLegs: Sendable {
    private static func empty() -> Histogram<UInt64> {
        Histogram(highestTrackableValue: 600_000_000, numberOfSignificantValueDigits: .three)
    }

    /// From when a message was to be sent to its 200: it is committed.
    var toCommitted = Self.empty()
    /// From when a message was to be sent until Telegram has taken the answer.
    var toTaken = Self.empty()
    /// From when a message was to be sent until the answer is settled; within a look, 10 ms.
    var toSettled = Self.empty()

    /// Of those messages that were to be sent in that time.
    init(_ written: [Int64: UpdateTimes], _ watch: AnswerWatch, within time: Range<UInt64>) {
        for (number, times) in written where time.contains(times.intended) {
            toCommitted.record(Self.microseconds(times.intended, times.acknowledged))
            if let taken = watch.account.taken[number] {
                toTaken.record(Self.microseconds(times.intended, taken))
            }
            if let settled = watch.settled[number] {
                toSettled.record(Self.microseconds(times.intended, settled))
            }
        }
    }

    private static func microseconds(_ start: UInt64, _ end: UInt64) -> UInt64 {
        min(max((end > start ? end - start : 0) / 1_000, 1), 599_000_000)
    }

    /// In one line.
    var words: String {
        "committed \(Self.words(toCommitted)), taken \(Self.words(toTaken)), settled \(Self.words(toSettled)) ms (p50/p99/p99.9)"
    }

    private static func words(_ histogram: Histogram<UInt64>) -> String {
        [50, 99, 99.9].map { OpenLoopResult.milliseconds(histogram, $0).fixed(1) }.joined(separator: "/")
    }

    var json: JSON {
        [
            "to_committed": Self.json(toCommitted), "to_taken": Self.json(toTaken), "to_settled": Self.json(toSettled),
        ]
    }

    private static func json(_ histogram: Histogram<UInt64>) -> JSON {
        [
            "p50": .figure(OpenLoopResult.milliseconds(histogram, 50)),
            "p99": .figure(OpenLoopResult.milliseconds(histogram, 99)),
            "p99_9": .figure(OpenLoopResult.milliseconds(histogram, 99.9)),
            "max": .figure(OpenLoopResult.milliseconds(histogram, 100)),
        ]
    }
}

extension AnswerAccount.Verdict {
    var words: String {
        var words = ["\(acknowledged) messages, \(answered) answered"]
        let rest = [
            (missing, "not answered"), (doubles, "answers too many"), (outOfOrder, "out of order"),
            (strangers, "answers to nothing"), (wrongBot, "by the wrong bot"),
        ]
        for (count, word) in rest where count > 0 { words.append("\(count) \(word)") }
        for (status, count) in refusals.sorted(by: { $0.key < $1.key }) {
            words.append("\(count) calls answered \(status)")
        }
        return words.joined(separator: ", ") + (isRight ? ": right" : ": WRONG")
    }

    var json: JSON {
        [
            "acknowledged": .int(Int64(acknowledged)), "answered": .int(Int64(answered)),
            "missing": .int(Int64(missing)), "doubles": .int(Int64(doubles)),
            "out_of_order": .int(Int64(outOfOrder)), "strangers": .int(Int64(strangers)),
            "wrong_bot": .int(Int64(wrongBot)),
            "refusals": .object(refusals.sorted { $0.key < $1.key }.map { .init("\($0.key)", .int(Int64($0.value))) }),
        ]
    }
}
