import ArgumentParser
import NIOCore
import NIOPosix

extension FloorKind: ExpressibleByArgument {}

/// Runs one floor as a process of its own, so that its processor time can be told from the client's.
struct FloorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "floor",
        abstract: "Serves an empty webhook; prints its port and ends when standard input does.",
        shouldDisplay: false
    )

    @Argument(help: "hummingbird or nio")
    var kind: FloorKind

    @Option(help: "0 for any free port")
    var port = 0

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [kind, port] in
                try await kind.serve(port: port) { show("\($0)") }
            }
            group.addTask { try await Self.waitForEndOfInput() }
            try await group.next()
            group.cancelAll()
        }
    }

    /// Not by reading: a blocked thread would be one of the two that the Hummingbird floor works with.
    static func waitForEndOfInput() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let input = try await NIOPipeBootstrap(group: loop).takingOwnershipOfDescriptor(input: 0).get()
        try await withTaskCancellationHandler {
            try await input.closeFuture.get()
        } onCancel: {
            input.close(promise: nil)
        }
    }
}
