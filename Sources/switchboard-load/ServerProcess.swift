import NIOCore
import NIOPosix
import Subprocess
import SystemPackage

/// A server that runs as a process of its own.
struct RunningServer: Sendable {
    let process: Int32
    let port: Int
}

extension RunningServer {
    /// Runs one of this program's own servers beside this process for as long as `body` takes: it prints its port, and ends with its input.
    ///
    /// - Parameter name: what is said not to have started.
    static func own<Value: Sendable>(
        _ arguments: [String],
        name: String,
        _ body: @Sendable (RunningServer) async throws -> Value
    ) async throws -> Value {
        let result = try await Subprocess.run(
            .path(try ownExecutable()),
            arguments: Arguments(arguments),
            platformOptions: teardownOptions(),
            input: .inputWriter,
            output: .sequence,
            error: .currentStandardError
        ) { execution in
            try await endingAfterwards(execution) {
                var lines = execution.standardOutput.strings().makeAsyncIterator()
                guard let line = try await lines.next(), let port = Int(line.filter(\.isNumber)) else {
                    throw LoadFailure("\(name) did not start; is a loopback port free?")
                }
                return try await body(RunningServer(process: execution.processIdentifier.value, port: port))
            }
        }
        return result.takeClosureResult()
    }
}

extension FloorKind {
    /// Runs the floor beside this process for as long as `body` takes.
    func running<Value: Sendable>(_ body: @Sendable (RunningServer) async throws -> Value) async throws -> Value {
        try await RunningServer.own(["floor", rawValue, "--port", "0"], name: "the \(rawValue) floor", body)
    }
}

/// A terminated server gets this long to end by itself before it is killed.
func teardownOptions() -> PlatformOptions {
    var options = PlatformOptions()
    options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(10))]
    return options
}

/// Ends the process by its id when `body` is done, failed or cancelled.
func endingAfterwards<Input, Output, Failure, Value: Sendable>(
    _ execution: Execution<Input, Output, Failure>,
    _ body: @Sendable () async throws -> Value
) async throws -> Value {
    let outcome: Result<Value, any Error>
    do { outcome = .success(try await body()) } catch { outcome = .failure(error) }
    await execution.teardown(using: teardownOptions().teardownSequence)
    return try outcome.get()
}

/// The file this process was started from.
func ownExecutable() throws -> FilePath {
    #if os(Linux)
    // The link leads to the file itself, wherever this was started.
    if let path = resolvedLink("/proc/self/exe") { return FilePath(path) }
    #endif
    guard let argument = CommandLine.arguments.first, argument.contains("/") else {
        throw LoadFailure("cannot find this program's own file; start it by its path")
    }
    return FilePath(argument)
}

/// A loopback port that nobody has at this moment.
func freePort() async throws -> Int {
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .bind(host: "127.0.0.1", port: 0).get()
    let port = channel.localAddress?.port
    try await channel.close()
    guard let port else { throw LoadFailure("there is no free loopback port") }
    return port
}
