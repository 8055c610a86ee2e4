import Telegram

/// Every figure of one `intake` run.
struct IntakeReport: Sendable {
    /// One phase and the round it belongs to.
    struct Entry: Sendable {
        var round: Int
        var result: PhaseResult
    }

    var entries: [Entry] = []
    var disk: [DiskFloor] = []
    var memory: Memory?
    var check: RowCheck?

    /// The server's memory before the first and after the last request.
    struct Memory: Sendable {
        var atRest: ProcessUsage
        var afterLoad: ProcessUsage
    }

    /// Whether the rows are what was acknowledged.
    struct RowCheck: Sendable {
        var acknowledged: Int
        /// Sent, but without a 200 even when sent again; they may be stored or not.
        var unanswered: Int
        /// Rows that this run has added.
        var messages: Int
        var rawUpdates: Int

        var isRight: Bool {
            let allowed = acknowledged...(acknowledged + unanswered)
            return allowed.contains(messages) && allowed.contains(rawUpdates)
        }
    }

    /// The server under load, as it is called in the table.
    static let switchboard = "switchboard"

    private func closedLoop(_ server: String, round: Int, connections: Int) -> PhaseResult? {
        entries.first {
            $0.round == round && $0.result.server == server && $0.result.connections == connections
                && $0.result.offeredPerSecond == nil
        }?.result
    }

    private var rounds: Set<Int> { Set(entries.map(\.round)) }

    /// The numbers of connections in the order they were loaded.
    private var connectionCounts: [Int] {
        entries.reduce(into: []) { counts, entry in
            if !counts.contains(entry.result.connections) { counts.append(entry.result.connections) }
        }
    }

    /// The switchboard's requests a second over a floor's in the same round; the median of the rounds.
    func ratio(to floor: FloorKind, connections: Int) -> Double? {
        median(
            rounds.compactMap { round in
                guard let own = closedLoop(Self.switchboard, round: round, connections: connections),
                    let other = closedLoop(floor.rawValue, round: round, connections: connections), other.perSecond > 0
                else { return nil }
                return own.perSecond / other.perSecond
            }
        )
    }

    /// The lowest of the ratios over the numbers of connections: what can be promised for all of them.
    func ratio(to floor: FloorKind) -> Double? {
        connectionCounts.compactMap { ratio(to: floor, connections: $0) }.min()
    }

    /// Requests a second of the closed loop, the median of the rounds.
    func closedLoopRate(connections: Int) -> Double? {
        median(
            rounds.compactMap { closedLoop(Self.switchboard, round: $0, connections: connections)?.perSecond }
        )
    }

    private func median(_ values: [Double]) -> Double? {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return nil }
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}

// MARK: For people

extension IntakeReport {
    private static let columns: [(title: String, width: Int)] = [
        ("server", -12), ("loop", -7), ("conn", 5), ("requests", 10), ("req/s", 9), ("p50 ms", 8), ("p90 ms", 8),
        ("p99 ms", 8), ("p99.9 ms", 9), ("max ms", 8), ("CPU µs", 7), ("client µs", 10), ("RSS MB", 7),
    ]

    /// The table's first line.
    static var header: String { line(columns.map(\.title)) }

    /// One phase as a line of the table, and a second line if anything was wrong.
    static func row(_ result: PhaseResult) -> String {
        let tally = result.tally
        let percentiles = [50, 90, 99, 99.9, 100].map { tally.milliseconds($0).fixed(2) }
        let cells =
            [
                result.server, result.offeredPerSecond == nil ? "closed" : "open", "\(result.connections)",
                "\(tally.requests)", result.perSecond.fixed(0),
            ] + percentiles + [
                result.serverMicroseconds.fixed(1), result.clientMicroseconds.fixed(1),
                result.after.residentBytes.megabytes.fixed(0),
            ]
        let complaints = tally.complaints
        return line(cells) + (complaints.isEmpty ? "" : "\n  not well: " + complaints.joined(separator: ", "))
    }

    private static func line(_ cells: [String]) -> String {
        zip(cells, columns).map { cell, column in
            let padding = String(repeating: " ", count: max(0, abs(column.width) - cell.count))
            return column.width < 0 ? cell + padding : padding + cell
        }.joined(separator: " ")
    }

    /// What follows the table.
    var summary: [String] {
        var lines = disk.map { disk in
            "disk: fdatasync of 4 KB appended p50 \(disk.append.p50.fixed(2)) p99 \(disk.append.p99.fixed(2)) ms, "
                + "overwritten p50 \(disk.overwrite.p50.fixed(2)) p99 \(disk.overwrite.p99.fixed(2)) ms"
        }
        for count in connectionCounts {
            let ratios = FloorKind.allCases.compactMap { floor in
                ratio(to: floor, connections: count).map { "\($0.fixed(2)) of \(floor.rawValue)" }
            }
            if !ratios.isEmpty { lines.append("ratio at \(count) connections: " + ratios.joined(separator: ", ")) }
        }
        if let memory {
            lines.append(
                "memory: \(memory.atRest.residentBytes.megabytes.fixed(0)) MB at rest, "
                    + "\(memory.afterLoad.residentBytes.megabytes.fixed(0)) MB after load, "
                    + "\(memory.afterLoad.peakResidentBytes.megabytes.fixed(0)) MB at most"
            )
        }
        if let check {
            lines.append(
                "rows: \(check.acknowledged) updates acknowledged, \(check.messages) messages and "
                    + "\(check.rawUpdates) raw updates stored"
                    + (check.unanswered > 0 ? ", \(check.unanswered) never answered" : "")
                    + (check.isRight ? ": right" : ": WRONG")
            )
        }
        return lines
    }
}

// MARK: For programs

extension IntakeReport {
    /// One object with every figure; times in milliseconds where the name says nothing else.
    func json(_ options: IntakeOptions) -> JSON {
        var ratios: JSON = [:]
        for floor in FloorKind.allCases { ratios[floor.rawValue] = .figure(ratio(to: floor)) }
        var byConnections: JSON = [:]
        for count in connectionCounts {
            var ratios: JSON = [:]
            for floor in FloorKind.allCases { ratios[floor.rawValue] = .figure(ratio(to: floor, connections: count)) }
            byConnections["\(count)"] = ratios
        }
        ratios["by_connections"] = byConnections
        return [
            "command": "intake",
            "options": [
                "bots": .int(Int64(options.bots)), "businesses": .int(Int64(options.businesses)),
                "chats": .int(Int64(options.chats)), "seconds": .int(Int64(options.seconds)),
                "connections": .array(options.connections.map { .int(Int64($0)) }),
                "duplicates": .double(options.duplicates), "fill": .int(Int64(options.fill)),
                "rounds": .int(Int64(options.rounds)), "threads": .int(Int64(options.threads)),
                "seed": .int(Int64(clamping: options.seed)),
            ],
            "phases": .array(entries.map(Self.json)),
            "ratios": ratios,
            "disk": .array(disk.map(Self.json)),
            "memory": memory.map {
                [
                    "at_rest_bytes": .int(Int64($0.atRest.residentBytes)),
                    "after_load_bytes": .int(Int64($0.afterLoad.residentBytes)),
                    "peak_bytes": .int(Int64($0.afterLoad.peakResidentBytes)),
                ]
            } ?? .null,
            "check": check.map {
                [
                    "acknowledged": .int(Int64($0.acknowledged)), "unanswered": .int(Int64($0.unanswered)),
                    "messages": .int(Int64($0.messages)), "raw_updates": .int(Int64($0.rawUpdates)),
                    "right": .bool($0.isRight),
                ]
            } ?? .null,
        ]
    }

    private static func json(_ entry: Entry) -> JSON {
        let result = entry.result
        let tally = result.tally
        return [
            "round": .int(Int64(entry.round)),
            "server": .string(result.server),
            "loop": result.offeredPerSecond == nil ? "closed" : "open",
            "connections": .int(Int64(result.connections)),
            "offered_per_second": .figure(result.offeredPerSecond),
            "requests": .int(Int64(tally.requests)),
            "requests_per_second": .figure(result.perSecond),
            "p50": .figure(tally.milliseconds(50)), "p90": .figure(tally.milliseconds(90)),
            "p99": .figure(tally.milliseconds(99)), "p99_9": .figure(tally.milliseconds(99.9)),
            "max": .figure(tally.milliseconds(100)),
            "server_cpu_microseconds": .figure(result.serverMicroseconds),
            "client_cpu_microseconds": .figure(result.clientMicroseconds),
            "resident_bytes_before": .int(Int64(result.before.residentBytes)),
            "resident_bytes_after": .int(Int64(result.after.residentBytes)),
            "repeats": .int(Int64(tally.repeats)),
            "other_statuses": .object(
                tally.otherStatuses.sorted { $0.key < $1.key }.map { .init("\($0.key)", .int(Int64($0.value))) }
            ),
            "resets": .int(Int64(tally.resets)), "reconnects": .int(Int64(tally.reconnects)),
            "unanswered": .int(Int64(tally.unanswered)), "unreadable": .int(Int64(tally.unreadable)),
            "unsent": .int(Int64(tally.unsent)),
        ]
    }

    private static func json(_ disk: DiskFloor) -> JSON {
        [
            "append_p50": .figure(disk.append.p50), "append_p99": .figure(disk.append.p99),
            "overwrite_p50": .figure(disk.overwrite.p50), "overwrite_p99": .figure(disk.overwrite.p99),
        ]
    }
}
