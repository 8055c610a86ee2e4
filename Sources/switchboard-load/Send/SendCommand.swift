import ArgumentParser
import Telegram

/// Sends at full speed, and proves that nothing is lost and nothing is doubled without a reason.
struct SendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send",
        abstract: "Measures the outbox against the simulated Telegram, and proves what crashes and refusals do to it.",
        discussion: """
            Writes messages into the outbox as another process, lets a real `switchboard serve` send them to a simulated Telegram in a process of \
            its own, which has Telegram's limits and writes down every call.

            throughput: a backlog is sent as fast as it goes; calls a second, the server's processor time for each, its memory. \
            latency: at half of that rate, from the commit of a message to its call, and to the commit of what became of it (looked at every 20 ms). \
            crash: SIGKILL again and again, cut connections and lost answers; every message is accounted for on the customer's side: \
            none may be lost, and one that came twice must have lost an answer, or have been in the middle of its call when the server was killed. \
            flood: one bot is refused by 429 for ever; the p99 of the others beside that without, in turns, must stay within 1.10.

            Exit 1 if one of that is not so.

            EXAMPLES:
              switchboard-load send                                     the whole run: about 5 minutes
              switchboard-load send --parts throughput --seconds 10     a first look
              switchboard-load send --parts crash --kills 30 --seed 7   other moments to be killed at
              switchboard-load send --parts flood --rate 1500 --repeat 8
              switchboard-load send --json | tail -1                    every figure
            """
    )

    @OptionGroup var options: SendOptions

    func run() async throws {
        #if DEBUG
        show("This is a debug build: its figures say nothing. Build with `swift build -c release`.")
        #endif
        let workspace = try Workspace(path: options.dataDirectory, keeps: options.keep)
        let report: SendReport?
        do {
            let run = SendRun(options: options, workspace: workspace)
            report = try await unlessInterrupted { try await run.run() }
        } catch {
            workspace.end(isEvidence: false)
            throw error
        }
        let faults = report?.faults ?? []
        workspace.end(isEvidence: !faults.isEmpty)
        guard let report else { throw ExitCode(130) }
        if options.json { show(report.json(options).text) }
        if let first = faults.first { throw LoadFailure(first) }
    }
}
