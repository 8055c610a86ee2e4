import ArgumentParser
import NIOCore
import NIOPosix
import Telegram

/// Receives at full speed, and proves that nothing acknowledged was lost or stored twice.
struct IntakeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "intake",
        abstract: "Measures how fast updates are received, beside the fastest servers that do nothing.",
        discussion: """
            Registers bots at a real `switchboard serve` on a fresh data directory, sends it updates as Telegram \
            does, in turns with an empty Hummingbird handler and a raw NIO server on the same number of connections, \
            and counts the rows afterwards: one message and one raw update for each update that was acknowledged.

            closed: the next request of a connection starts when the last was answered. open: requests start at \
            random times at a fixed rate, and the time that one waits for its turn counts. CPU is the server's \
            processor time per request, client this program's own. A ratio is the switchboard's requests a second \
            over a floor's; `ratios` in the JSON hold the lowest over the numbers of connections, `by_connections` all.

            EXAMPLES:
              switchboard-load intake                       the whole run: 8 minutes
              switchboard-load intake --seconds 10 --fill 0             a first look
              switchboard-load intake --floors-only          what the machine can do
              switchboard-load intake --rounds 3 --json | tail -1       every figure
              switchboard-load intake --data /mnt/d/run --keep       on another disk
            """
    )

    @OptionGroup var options: IntakeOptions

    func run() async throws {
        #if DEBUG
        show("This is a debug build: its figures say nothing. Build with `swift build -c release`.")
        #endif
        let workspace = try Workspace(path: options.dataDirectory, keeps: options.keep)
        let report: IntakeReport?
        do {
            report = try await runUnlessInterrupted(in: workspace)
        } catch {
            workspace.end(isEvidence: false)
            throw error
        }
        let isWrong = report?.check.map { !$0.isRight } ?? false
        workspace.end(isEvidence: isWrong)
        guard let report else { throw ExitCode(130) }
        for line in report.summary { show(line) }
        if options.json { show(report.json(options).text) }
        if isWrong {
            throw LoadFailure("the rows are not what was acknowledged; the data directory is kept to find out why")
        }
    }

    /// Nil if a signal came: the servers are ended, nothing is reported.
    private func runUnlessInterrupted(in workspace: Workspace) async throws -> IntakeReport? {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: options.threads)
        let run = IntakeRun(options: options, workspace: workspace, client: LoadClient(group: group))
        let outcome: Result<IntakeReport?, any Error>
        do {
            outcome = .success(try await unlessInterrupted { try await run.run() })
        } catch {
            outcome = .failure(error)
        }
        try? await group.shutdownGracefully()
        return try outcome.get()
    }
}
