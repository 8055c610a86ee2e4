import ArgumentParser

struct IntakeOptions: ParsableArguments, Sendable {
    @Option(help: "Bots that are registered; each gets its share of the chats.")
    var bots = 100

    @Option(help: "Businesses that the bots are shared among.")
    var businesses = 20

    @Option(help: "Private chats, all bots together.")
    var chats = 2000

    @Option(
        help:
            "Keep-alive connections of the closed-loop phases, separated by commas; the open loop takes the most of them. (default: 64,256)",
        transform: Self.connectionCounts
    )
    var connections = [64, 256]

    @Option(help: "Seconds that each phase is measured, after two seconds of warm-up.")
    var seconds = 60

    @Option(help: "Share of requests that repeat an update sent before; they must add no row.")
    var duplicates = 0.02

    @Option(help: "Messages that are in the database before the server starts.")
    var fill = 1_000_000

    @Option(
        help: "Requests a second of the open loop; auto is half of what the closed loop reached. (default: auto)",
        transform: Self.rate
    )
    var rate: Rate = .auto

    @Option(name: .customLong("switchboard"), help: "The binary under load. (default: the one beside this program)")
    var executable: String?

    @Option(name: .customLong("data"), help: "A new data directory, to choose the disk. (default: a temporary one)")
    var dataDirectory: String?

    @Flag(help: "Leave the data directory and the server's log where they are.")
    var keep = false

    @Flag(inversion: .prefixedNo, help: "Also load an empty Hummingbird handler and a raw NIO server, in turns.")
    var floors = true

    @Flag(help: "Load the floors alone and measure the disk: what this machine can do at all.")
    var floorsOnly = false

    @Option(help: "How often the closed-loop phases are repeated; ratios are the median of the rounds.")
    var rounds = 1

    @Option(help: "Event loops of this program's own client.")
    var threads = 1

    @Option(help: "The same seed sends the same updates.")
    var seed: UInt64 = 1

    @Flag(help: "End with one line of JSON that holds every figure.")
    var json = false

    @Option(help: "A host other than loopback that may be loaded.")
    var allowHost: String?

    enum Rate: Sendable {
        case auto
        case perSecond(Double)
    }

    private static func connectionCounts(_ text: String) throws -> [Int] {
        let counts = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
        guard !counts.isEmpty, counts.allSatisfy({ (1...10_000).contains($0) }) else {
            throw ValidationError("--connections takes numbers from 1 to 10000 separated by commas, such as 64,256")
        }
        return counts
    }

    private static func rate(_ text: String) throws -> Rate {
        if text == "auto" { return .auto }
        guard let perSecond = Double(text), perSecond >= 1, perSecond <= 1_000_000 else {
            throw ValidationError("--rate takes auto or a number of requests a second")
        }
        return .perSecond(perSecond)
    }

    func validate() throws {
        let least: [(String, Int, Int)] = [
            ("--bots", bots, 1), ("--businesses", businesses, 1), ("--chats", chats, 1), ("--seconds", seconds, 1),
            ("--fill", fill, 0), ("--rounds", rounds, 1), ("--threads", threads, 1),
        ]
        for (name, value, minimum) in least where value < minimum {
            throw ValidationError("\(name) is at least \(minimum)")
        }
        guard (0...0.9).contains(duplicates) else { throw ValidationError("--duplicates is a share from 0 to 0.9") }
        // The chat ids of the bots lie this far apart.
        guard chats / bots < 1_000_000 else { throw ValidationError("--chats is less than a million for each bot") }
        if floorsOnly, !floors { throw ValidationError("--floors-only and --no-floors leave nothing to do") }
    }

    /// The open loop's connections.
    var mostConnections: Int { connections.max() ?? 256 }
}
