import ArgumentParser
import Telegram

/// Measures the whole way from a customer's message to the settled answer.
struct RoundtripCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "roundtrip",
        abstract:
            "Measures the way from a customer's message through the pipeline to the answer, and proves that each is answered once.",
        discussion: """
            Customers' messages go to a real `switchboard serve` as Telegram posts them; each business has a pipeline of three steps, of which the \
            last answers. The answers go to a simulated Telegram in a process of its own, which has Telegram's limits.

            First as many as it can: so many customers wait for an answer at any time (--waiting), and the next writes when one has it. Then at half \
            of that rate, or at --rate alone, whatever the answers do. The times begin when a message was to be sent: committed is its 200, \
            taken is the answer's sendMessage, settled the commit of what became of that (looked at every 10 ms).

            Exit 1 if a message is not answered exactly once, in the order of its chat, by its own bot.

            EXAMPLES:
              switchboard-load roundtrip                     the whole run: about a minute
              switchboard-load roundtrip --rate 1000 --seconds 60     only the times, at a rate
              switchboard-load roundtrip --webhook           the answers come from a program that a webhook calls
              switchboard-load roundtrip --json | tail -1    every figure
            """
    )

    @OptionGroup var options: RoundtripOptions

    func run() async throws {
        #if DEBUG
        show("This is a debug build: its figures say nothing. Build with `swift build -c release`.")
        #endif
        let workspace = try Workspace(path: options.dataDirectory, keeps: options.keep)
        let report: RoundtripReport?
        do {
            report = try await unlessInterrupted {
                try await RoundtripStage.running(
                    SendCast(bots: options.bots, chats: options.chats, seed: options.seed),
                    businesses: options.businesses,
                    executable: options.executable,
                    workspace: workspace,
                    pipeline: { [options] _, program in
                        options.webhook ? RoundtripStage.asking(program) : RoundtripStage.answering
                    }
                ) { stage in
                    try await RoundtripRun(options: options, stage: stage).run()
                }
            }
        } catch {
            workspace.end(isEvidence: false)
            throw error
        }
        workspace.end(isEvidence: report.map { !$0.isRight } ?? false)
        guard let report else { throw ExitCode(130) }
        if options.json { show(report.json(options).text) }
        if !report.isRight {
            throw LoadFailure(
                "not every message was answered once and in order; the data directory is kept to find out why"
            )
        }
    }
}

struct RoundtripOptions: ParsableArguments, Sendable {
    @Option(help: "Bots that are written to; each gets its share of the chats.")
    var bots = 200

    @Option(help: "Businesses that the bots are shared among.")
    var businesses = 20

    @Option(help: "Private chats, all bots together; their customers write in turns.")
    var chats = 6000

    @Option(help: "Seconds that each pace is measured, after three seconds of warm-up.")
    var seconds = 20

    @Option(help: "Messages a second; without it the most is found, and half of that taken.")
    var rate: Double?

    @Option(help: "Customers that wait for an answer while the most is found.")
    var waiting = 1500

    @Option(help: "Keep-alive connections by which the messages come.")
    var connections = 64

    @Option(help: "Share of requests that repeat an update sent before; it must not be answered again.")
    var duplicates = 0.01

    @Flag(help: "The answers come from a program in a process of its own, which a webhook step calls.")
    var webhook = false

    @Option(name: .customLong("switchboard"), help: "The binary under load. (default: the one beside this program)")
    var executable: String?

    @Option(name: .customLong("data"), help: "A new data directory, to choose the disk. (default: a temporary one)")
    var dataDirectory: String?

    @Flag(help: "Leave the data directory and the server's log where they are.")
    var keep = false

    @Option(help: "The same seed makes the same tokens and messages.")
    var seed: UInt64 = 1

    @Flag(help: "End with one line of JSON that holds every figure.")
    var json = false

    func validate() throws {
        let least: [(String, Int, Int)] = [
            ("--bots", bots, 1), ("--businesses", businesses, 1), ("--chats", chats, 1), ("--seconds", seconds, 1),
            ("--waiting", waiting, 1), ("--connections", connections, 1),
        ]
        for (name, value, minimum) in least where value < minimum {
            throw ValidationError("\(name) is at least \(minimum)")
        }
        guard bots <= 2000 else { throw ValidationError("--bots is at most 2000") }
        guard chats >= bots else { throw ValidationError("--chats is at least --bots: every bot has a chat") }
        guard (1...1_000_000).contains(rate ?? 1) else { throw ValidationError("--rate is at least 1") }
        guard (0...0.5).contains(duplicates) else { throw ValidationError("--duplicates is a share from 0 to 0.5") }
    }
}
