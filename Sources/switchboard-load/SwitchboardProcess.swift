import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Subprocess
import SystemPackage
import Telegram

/// The real `switchboard`, driven as a person would: by its commands and its HTTP surface.
struct SwitchboardProcess: Sendable {
    let executable: FilePath
    let dataDirectory: FilePath
    /// Where the server's own output goes.
    let log: FilePath

    /// Settings of the shell that would lead the run to another data directory, key or address; the log level may stay.
    private static let environment = Environment.inherit.updating([
        "SWITCHBOARD_DATA": nil, "SWITCHBOARD_LISTEN": nil, "SWITCHBOARD_PUBLIC_URL": nil, "SWITCHBOARD_BOT_API": nil,
        "SWITCHBOARD_MASTER_KEY": nil, "SWITCHBOARD_MASTER_KEY_FILE": nil,
        "SWITCHBOARD_METRICS_LISTEN": nil, "SWITCHBOARD_METRICS_BUSINESSES": nil,
        // Businesses' programs are on this machine too.
        "SWITCHBOARD_WEBHOOK_ALLOW": "127.0.0.0/8",
    ])

    /// Finds the binary, by default the one beside this program.
    init(executable: String?, dataDirectory: FilePath, log: FilePath) throws {
        let path =
            if let executable { FilePath(executable) } else {
                try ownExecutable().removingLastComponent().appending("switchboard")
            }
        guard isExecutable(path.string) else {
            throw LoadFailure(
                "there is no program at \(path); build it with `swift build -c release`, or name it with --switchboard PATH"
            )
        }
        self.executable = path
        self.dataDirectory = dataDirectory
        self.log = log
    }

    /// Runs one command to its end and gives what it printed.
    ///
    /// - Throws: `LoadFailure` with the command's own words if it failed.
    @discardableResult
    func command(_ arguments: [String], input: String = "") async throws -> String {
        let result = try await Subprocess.run(
            .path(executable),
            arguments: Arguments(arguments + ["--data", dataDirectory.string]),
            environment: Self.environment,
            platformOptions: teardownOptions(),
            input: .string(input),
            output: .string(limit: 1 << 20),
            error: .string(limit: 1 << 16)
        )
        guard result.terminationStatus.isSuccess else {
            let words = result.standardError.split(separator: "\n").first.map(String.init) ?? "it printed no reason"
            throw LoadFailure("`switchboard \(arguments.prefix(2).joined(separator: " "))` failed: \(words)")
        }
        return result.standardOutput
    }

    /// Serves for as long as `body` takes; `body` starts when the server says that it is ready.
    func serving<Value: Sendable>(
        botAPI: String,
        _ body: @Sendable (RunningServer) async throws -> Value
    ) async throws -> Value {
        let port = try await freePort()
        let address = "127.0.0.1:\(port)"
        let output = try FileDescriptor.open(
            log,
            .writeOnly,
            options: [.create, .append],
            permissions: .ownerReadWrite
        )
        let result = try await Subprocess.run(
            .path(executable),
            arguments: [
                "serve", "--data", dataDirectory.string, "--listen", address, "--public-url", "http://\(address)",
                "--bot-api", botAPI,
            ],
            environment: Self.environment,
            platformOptions: teardownOptions(),
            input: .none,
            output: .fileDescriptor(output, closeAfterSpawningProcess: true),
            error: .combinedWithOutput
        ) { execution in
            try await endingAfterwards(execution) {
                let server = RunningServer(process: execution.processIdentifier.value, port: port)
                do {
                    try await waitUntilReady(server)
                    return try await body(server)
                } catch let failure as LoadFailure where ProcessUsage.of(process: server.process) == nil {
                    throw LoadFailure("\(failure); its last words: \(lastLogLine())")
                }
            }
        }
        return result.takeClosureResult()
    }

    private func waitUntilReady(_ server: RunningServer) async throws {
        // A database that was not closed, or a migration, may take a while.
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline {
            if try await status(of: "/readyz", server) == 200 { return }
            guard ProcessUsage.of(process: server.process) != nil else { break }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw LoadFailure("`switchboard serve` did not become ready: \(lastLogLine())")
    }

    /// The status of a GET; nil if nobody answers.
    func status(of path: String, _ server: RunningServer) async throws -> Int? {
        try Task.checkCancellation()
        let request = HTTPClientRequest(url: "http://127.0.0.1:\(server.port)\(path)")
        return try? await Int(HTTPClient.shared.execute(request, timeout: .seconds(2)).status.code)
    }

    private func lastLogLine() -> String {
        guard let file = try? FileDescriptor.open(log, .readOnly) else { return "it printed nothing" }
        defer { try? file.close() }
        let size = (try? file.seek(offset: 0, from: .end)) ?? 0
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = try? bytes.withUnsafeMutableBytes {
            try file.read(fromAbsoluteOffset: max(0, size - 4096), into: $0)
        }
        let lines = String(decoding: bytes[..<(count ?? 0)], as: UTF8.self).split(separator: "\n")
        return lines.last.map(String.init) ?? "it printed nothing"
    }
}

extension SwitchboardProcess {
    /// Makes businesses and bots with the admin commands and gives where their updates go.
    func register(
        businesses: Int,
        bots: Int,
        with api: any OfflineBotAPI,
        on server: RunningServer,
        allowedHost: String?
    ) async throws -> Target {
        var names: [String] = []
        for number in 1...businesses {
            let printed = try await command(["business", "add", "Load \(number)", "--json"])
            guard let id = (try? JSONDocument(Array(printed.utf8)))?.root["id"]?.string else {
                throw LoadFailure("`switchboard business add --json` printed no id: \(printed.prefix(200))")
            }
            names.append(id)
        }
        var webhooks: [Webhook] = []
        var origin: (host: String, port: Int)?
        for index in 0..<bots {
            let bot = try await api.makeBot()
            try await command(
                ["bot", "add", names[index % businesses], "--token-stdin", "--json"],
                input: bot.token + "\n"
            )
            guard let (url, secret) = try await api.webhook(of: bot) else {
                throw LoadFailure("`switchboard bot add` did not call setWebhook: \(lastLogLine())")
            }
            guard let parts = Target.parts(ofURL: url), origin.map({ $0 == (parts.host, parts.port) }) ?? true else {
                throw LoadFailure("`switchboard bot add` set a webhook that is not under the public URL: \(url)")
            }
            origin = (parts.host, parts.port)
            webhooks.append(Webhook(path: parts.path, secret: secret))
        }
        guard let origin, let last = webhooks.last else { throw LoadFailure("there is no bot; use --bots 1 or more") }
        try await waitUntilKnown(last, server)
        return try Target(
            name: "switchboard",
            host: origin.host,
            port: origin.port,
            webhooks: webhooks,
            allowedHost: allowedHost
        )
    }

    /// The server learns of a new bot from the database.
    ///
    /// A GET is refused with 405 for a hook it knows, with 404 for others.
    private func waitUntilKnown(_ webhook: Webhook, _ server: RunningServer) async throws {
        let deadline = ContinuousClock.now + .seconds(10)
        while ContinuousClock.now < deadline {
            if let status = try await status(of: webhook.path, server), status != 404 { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw LoadFailure(
            "`switchboard serve` does not know the bots ten seconds after they were added: \(lastLogLine())"
        )
    }
}
