import SystemPackage

/// Follows the calls of a part of the run.
struct CallWatch: Sendable {
    private var tail: CallTail
    private(set) var account: SendAccount
    /// When each call was carried out, in the order of their coming.
    private(set) var times: [UInt64] = []
    /// When each message came first; 0 for one that has not come.
    private var taken: [UInt64]

    init(_ records: FilePath, _ numbers: Range<Int64>) throws {
        tail = try CallTail(records)
        account = SendAccount(numbers)
        taken = Array(repeating: 0, count: numbers.count)
    }

    /// When a message came first; nil if it has not come.
    func taken(_ number: Int64) -> UInt64? {
        guard account.numbers.contains(number) else { return nil }
        let time = taken[Int(number - account.numbers.lowerBound)]
        return time > 0 ? time : nil
    }

    /// Looks once; the number of new calls.
    @discardableResult
    mutating func look() throws -> Int {
        let records = try tail.next()
        for record in records {
            account.note(record)
            guard record.isCarriedOut else { continue }
            times.append(record.time)
            guard account.numbers.contains(record.number) else { continue }
            let index = Int(record.number - account.numbers.lowerBound)
            if taken[index] == 0 { taken[index] = record.time }
        }
        return records.count
    }

    mutating func killed(sending: [Int64]) { account.killed(sending: sending) }

    /// Looks until that is so.
    ///
    /// - Throws: `LoadFailure` if no call comes for long.
    mutating func until(_ isEnough: (CallWatch) throws -> Bool) async throws {
        var last = ContinuousClock.now
        while true {
            if try look() > 0 { last = .now }
            if try isEnough(self) { return }
            guard ContinuousClock.now - last < SendRun.patience else {
                throw LoadFailure(
                    "no call came for \(SendRun.patience): \(account.delivered) of \(account.numbers.count) messages are sent; run again with --keep and read the server's log"
                )
            }
            try await Task.sleep(for: SendRun.look)
        }
    }
}
