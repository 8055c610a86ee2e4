import Foundation
import Subprocess
import Synchronization
import SystemPackage
import Testing

/// The built `switchboard`, its data directory, and everything that it ever printed.
final class RealBinary: Sendable {
    /// What one command did.
    struct Outcome: Sendable {
        let code: Int32
        let output: String
        let errors: String

        /// The output as JSON.
        func json() throws -> [String: any Sendable] {
            let object = try JSONSerialization.jsonObject(with: Data(output.utf8))
            return try #require(object as? [String: any Sendable])
        }

        /// The lines of `data` of a list.
        func list() throws -> [[String: any Sendable]] {
            try #require(try json()["data"] as? [[String: any Sendable]])
        }
    }

    /// A folder of this test alone; the data directory and the logs are in it.
    let folder: String
    private let logs = Mutex(0)

    var data: String { folder + "/data" }

    init() throws {
        folder = NSTemporaryDirectory() + "switchboard-test-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// The binary lies beside the test bundle.
    static var path: String {
        get throws {
            let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
            return URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("switchboard").path
        }
    }

    /// Runs a command to its end; what it prints is kept in the folder too.
    func run(_ arguments: String..., input: String = "", environment: [String: String] = [:]) async throws -> Outcome {
        try await run(arguments, input: input, environment: environment)
    }

    /// Runs a command that must succeed.
    @discardableResult
    func succeed(_ arguments: String..., input: String = "") async throws -> Outcome {
        let outcome = try await run(arguments, input: input)
        try #require(outcome.code == 0, "\(arguments): \(outcome.errors)")
        return outcome
    }

    func run(_ arguments: [String], input: String = "", environment: [String: String] = [:]) async throws -> Outcome {
        let result = try await Subprocess.run(
            .path(FilePath(try Self.path)),
            arguments: .init(arguments),
            environment: .custom(variables(environment)),
            input: .string(input),
            output: .string(limit: 64 << 20),
            error: .string(limit: 1 << 20)
        )
        let outcome = Outcome(
            code: Self.code(result.terminationStatus),
            output: result.standardOutput,
            errors: result.standardError
        )
        try log(outcome.output + outcome.errors)
        return outcome
    }

    private func variables(_ more: [String: String]) -> [Environment.Key: String] {
        let all = ["SWITCHBOARD_DATA": data, "PATH": "/usr/bin:/bin", "TZ": "UTC"].merging(more) { $1 }
        return Dictionary(
            uniqueKeysWithValues: all.compactMap { key, value in Environment.Key(rawValue: key).map { ($0, value) } }
        )
    }

    private static func code(_ status: TerminationStatus) -> Int32 {
        switch status {
        case .exited(let code): code
        case .signaled(let signal): 128 + signal
        }
    }

    private func log(_ text: String) throws {
        let number = logs.withLock { count in
            count += 1
            return count
        }
        try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/output-\(number).log"))
    }

    /// A running server.
    struct Server: Sendable {
        let process: ProcessIdentifier

        func signal(_ number: Int32) { kill(process.value, number) }
    }

    /// Runs `serve` while the body runs; it is ready when the body begins.
    ///
    /// Afterwards it is told to stop, if it still runs.
    ///
    /// - Returns: what the body returned, and how the server ended.
    func serving<Value: Sendable>(
        _ arguments: [String],
        _ body: @escaping @Sendable (Server) async throws -> Value
    ) async throws -> (Value, code: Int32) {
        let result = try await Subprocess.run(
            .path(FilePath(try Self.path)),
            arguments: .init(["serve"] + arguments),
            environment: .custom(variables([:])),
            input: .none,
            output: .discarded,
            error: .sequence
        ) { execution in
            let server = Server(process: execution.processIdentifier)
            let (ready, isReady) = AsyncStream<Bool>.makeStream()
            return try await withThrowingTaskGroup(of: Value?.self) { group in
                group.addTask {
                    var text = ""
                    for try await line in execution.standardError.strings() {
                        text += line
                        if line.contains(" serving ") { isReady.yield(true) }
                    }
                    isReady.yield(false)
                    try self.log(text)
                    return nil
                }
                group.addTask {
                    defer { server.signal(SIGTERM) }
                    try #require(
                        await ready.first { _ in true } == true,
                        "serve did not start: see its output in \(self.folder)"
                    )
                    return try await body(server)
                }
                var value: Value?
                for try await next in group { value = next ?? value }
                return try #require(value)
            }
        }
        let code = Self.code(result.terminationStatus)
        return (result.takeClosureResult(), code)
    }

    /// Runs the demo that stays up, and sends SIGTERM once it does.
    func interruptingDemo() async throws -> Int32 {
        let result = try await Subprocess.run(
            .path(FilePath(try Self.path)),
            arguments: ["demo", "--json"],
            environment: .custom(variables(["TMPDIR": folder])),
            input: .none,
            output: .sequence,
            error: .discarded
        ) { execution in
            for try await line in execution.standardOutput.strings() where line.contains("\"event\":\"up\"") {
                kill(execution.processIdentifier.value, SIGTERM)
            }
        }
        return Self.code(result.terminationStatus)
    }

    /// Serves with a log that takes no byte, until the server has answered, and then stops it.
    func servingWithFullLog(port: Int) async throws -> Int32 {
        let full = try FileDescriptor.open("/dev/full", .writeOnly)
        let result = try await Subprocess.run(
            .path(FilePath(try Self.path)),
            arguments: [
                "serve", "--listen", "127.0.0.1:\(port)", "--public-url", "https://bots.example.com",
            ],
            environment: .custom(variables([:])),
            input: .none,
            output: .discarded,
            error: .fileDescriptor(full, closeAfterSpawningProcess: true)
        ) { execution in
            // Each try is a connection of its own; the first that is taken shows that the server runs.
            while connects(to: port) == false { await Task.yield() }
            kill(execution.processIdentifier.value, SIGTERM)
        }
        return Self.code(result.terminationStatus)
    }

    /// Files of the folder that hold one of the texts.
    func files(holding texts: [String]) throws -> [String] {
        let needles = texts.map { Data($0.utf8) }
        let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        return names.filter { name in
            guard let bytes = FileManager.default.contents(atPath: folder + "/" + name) else { return false }
            return needles.contains { bytes.range(of: $0) != nil }
        }
    }
}

/// Whether somebody listens on a loopback port.
private func connects(to port: Int) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(port)).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
            connect(descriptor, generic, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }
}

/// A loopback port that nobody has at this moment.
func freePort() throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let port: in_port_t? = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
            guard bind(descriptor, generic, length) == 0, getsockname(descriptor, generic, &length) == 0 else {
                return nil
            }
            return pointer.pointee.sin_port
        }
    }
    return Int(UInt16(bigEndian: try #require(port)))
}
