import ArgumentParser
import Telegram

/// Measures what a business with a long queue and slow steps does to the others.
struct FairCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fair",
        abstract:
            "Measures what one business with a long queue of slow jobs, or a dead program, does to the answers of the others.",
        discussion: """
            Customers of quiet businesses write at a modest rate, and the time from each message to its answer is measured: alone, and beside a \
            business that has --jobs messages queued, each of which has a step that takes --milliseconds. The two take turns.

            With --webhook the others' answers come from a program that a webhook calls, and the noisy business has --jobs events due for one that \
            never answers; while the others are measured alone, it is suspended.

            Exit 1 if the p99 beside the noisy one is more than 1.5 times that alone (with --webhook 1.2 times), or a message is not answered \
            exactly once.

            EXAMPLES:
              switchboard-load fair                          the whole run: four to five minutes
              switchboard-load fair --jobs 5000 --pairs 1    a first look
              switchboard-load fair --webhook                a dead program beside live ones
              switchboard-load fair --json | tail -1         every figure
            """
    )

    @OptionGroup var options: FairOptions

    func run() async throws {
        #if DEBUG
        show("This is a debug build: its figures say nothing. Build with `swift build -c release`.")
        #endif
        let workspace = try Workspace(path: options.dataDirectory, keeps: options.keep)
        let report: FairReport?
        do {
            report = try await unlessInterrupted {
                try await RoundtripStage.running(
                    options.cast,
                    businesses: options.quiet + 1,
                    executable: options.executable,
                    workspace: workspace,
                    pipeline: { [options] in options.pipeline(of: $0, program: $1) },
                    owner: { $0 < FairRun.noisyBots ? 0 : $0 - FairRun.noisyBots + 1 }
                ) { stage in
                    try await FairRun(options: options, stage: stage).run()
                }
            }
        } catch {
            workspace.end(isEvidence: false)
            throw error
        }
        workspace.end(isEvidence: report?.fault != nil)
        guard let report else { throw ExitCode(130) }
        show(report.line)
        if options.json { show(report.json(options).text) }
        if let fault = report.fault { throw LoadFailure("\(fault); the data directory is kept to find out why") }
    }
}

struct FairOptions: ParsableArguments, Sendable {
    @Option(help: "Quiet businesses, each with one bot.")
    var quiet = 9

    @Flag(help: "A dead program beside live ones, in place of slow steps.")
    var webhook = false

    @Option(help: "Messages a second of the quiet ones' customers, all together.")
    var rate = 180.0

    @Option(help: "Jobs that the noisy business has queued when its measurement begins.")
    var jobs = 50_000

    @Option(help: "Milliseconds that each of its jobs takes.")
    var milliseconds = 100

    @Option(help: "Seconds of each measurement, after two seconds of warm-up.")
    var seconds = 15

    @Option(help: "Pairs of measurements alone and beside the noisy one.")
    var pairs = 4

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

    private static let chatsOfBot = 100

    var cast: SendCast {
        let bots = FairRun.noisyBots + quiet
        return SendCast(bots: bots, chats: bots * Self.chatsOfBot, seed: seed)
    }

    /// The noisy business's steps: a slow one, and a note of it.
    static func slow(milliseconds: Int) -> String {
        """
        steps:
          - name: slow
            swift: {handler: wait, with: {milliseconds: "\(milliseconds)"}}
          - name: done
            label: {add: waited}

        """
    }

    /// Its steps while it is not noisy.
    static let quick = """
        steps:
          - name: done
            label: {add: waited}

        """

    /// Steps that tell a program which never answers.
    static func dead(_ program: String) -> String {
        """
        steps:
          - name: \(RoundtripStage.webhook)
            webhook: {url: "\(program)\(ProgramCommand.hangs)", mode: notify, timeout: 2s}

        """
    }

    /// The steps of a business, counted from 1, with which a run begins; the noisy one is the first.
    func pipeline(of business: Int, program: String) -> String {
        switch (business, webhook) {
        case (1, false): Self.quick
        case (1, true): Self.dead(program)
        case (_, false): RoundtripStage.answering
        case (_, true): RoundtripStage.asking(program)
        }
    }

    func validate() throws {
        let least: [(String, Int, Int)] = [
            ("--quiet", quiet, 1), ("--jobs", jobs, 1), ("--seconds", seconds, 1), ("--pairs", pairs, 1),
        ]
        for (name, value, minimum) in least where value < minimum {
            throw ValidationError("\(name) is at least \(minimum)")
        }
        guard (1...10_000).contains(milliseconds) else { throw ValidationError("--milliseconds is from 1 to 10000") }
        guard (1...100_000).contains(rate) else { throw ValidationError("--rate is at least 1") }
    }
}
