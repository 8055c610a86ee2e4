import ArgumentParser

struct SendOptions: ParsableArguments, Sendable {
    /// What a run is made of.
    enum Part: String, CaseIterable, ExpressibleByArgument, Sendable {
        case throughput, latency, crash, flood
    }

    @Option(help: "Bots that send; each gets its share of the chats.")
    var bots = 200

    @Option(help: "Businesses that the bots are shared among.")
    var businesses = 20

    @Option(help: "Private chats, all bots together.")
    var chats = 6000

    @Option(
        help:
            "The parts of the run, separated by commas, out of throughput, latency, crash and flood. (default: all, in this order)",
        transform: Self.parts
    )
    var parts = Part.allCases

    @Option(help: "Seconds that throughput and latency are measured, after two seconds of warm-up.")
    var seconds = 20

    @Option(help: "Messages that wait when the throughput's server starts. (default: 5000 for each second)")
    var backlog: Int?

    @Option(
        help: "Messages a second of latency and flood. (default: half of the throughput, or 1000 without that part)"
    )
    var rate: Double?

    @Option(help: "How often the server is killed with SIGKILL while it sends.")
    var kills = 8

    @Option(
        help: "Share of calls whose answer is lost after Telegram has carried them out, and of calls cut before that."
    )
    var cuts = 0.01

    @Option(help: "Pairs of measurements with and without one bot refused by 429.")
    var `repeat` = 4

    @Option(help: "Seconds that each measurement of a pair takes.")
    var pairSeconds = 8

    @Flag(inversion: .prefixedNo, help: "Telegram's limits: 1 message a second in a chat, 30 a second of a bot.")
    var floodLimits = true

    @Option(name: .customLong("switchboard"), help: "The binary under load. (default: the one beside this program)")
    var executable: String?

    @Option(name: .customLong("data"), help: "A new data directory, to choose the disk. (default: a temporary one)")
    var dataDirectory: String?

    @Flag(help: "Leave the data directory and the server's log where they are.")
    var keep = false

    @Option(help: "The same seed makes the same tokens, kills and faults.")
    var seed: UInt64 = 1

    @Flag(help: "End with one line of JSON that holds every figure.")
    var json = false

    private static func parts(_ text: String) throws -> [Part] {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false).map { Part(rawValue: String($0)) }
        let known = parts.compactMap(\.self)
        guard !known.isEmpty, known.count == parts.count else {
            throw ValidationError("--parts takes throughput, latency, crash and flood, separated by commas")
        }
        return Part.allCases.filter(known.contains)
    }

    func validate() throws {
        let least: [(String, Int, Int)] = [
            ("--bots", bots, 1), ("--businesses", businesses, 1), ("--chats", chats, 1), ("--seconds", seconds, 1),
            ("--backlog", backlog ?? 1, 1), ("--kills", kills, 1), ("--repeat", `repeat`, 1),
            ("--pair-seconds", pairSeconds, 1),
        ]
        for (name, value, minimum) in least where value < minimum {
            throw ValidationError("\(name) is at least \(minimum)")
        }
        guard (0...0.5).contains(cuts) else { throw ValidationError("--cuts is a share from 0 to 0.5") }
        guard (1...1_000_000).contains(rate ?? 1) else { throw ValidationError("--rate is at least 1") }
        guard chats >= bots else { throw ValidationError("--chats is at least --bots: every bot has a chat") }
        guard !parts.contains(.flood) || bots > 1 else { throw ValidationError("flood takes --bots 2 or more") }
    }

    var messagesWaiting: Int { backlog ?? (seconds + 3) * 5000 }
    /// Without a measured throughput.
    static let usualRate = 1000.0
}
