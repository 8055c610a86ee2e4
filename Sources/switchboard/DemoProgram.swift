import Foundation
import Gateway
import Handlers
import Subprocess
import SystemPackage

/// A business's own program in the demo: the handler of `deploy/webhooks`, compiled in and run by this machine's Python.
struct DemoProgram {
    /// Where it is called.
    let url: String

    /// What may be called in the demo.
    static let rules = WebhookRules(exceptions: [WebhookRules.Exception("127.0.0.0/8")].compactMap(\.self))

    /// How long it may take to start.
    private static let patience = Duration.seconds(20)

    /// Runs it while `body` takes; nil where there is no Python.
    ///
    /// - Parameters:
    ///   - secret: what its calls are signed with.
    ///   - folder: where its file is written.
    static func running<Value: Sendable>(
        secret: SigningSecret,
        in folder: String,
        _ body: @Sendable (DemoProgram) async throws -> Value
    ) async throws -> Value? {
        guard let python = try? await Executable.name("python3").resolveExecutablePath(in: .inherit) else { return nil }
        let file = FilePath(folder).appending("handler.py")
        try Data(PackageResources.handler_py).write(to: URL(filePath: file.string))
        let port = try freePort()
        var options = PlatformOptions()
        options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(2))]
        let ended = options
        let result = try await Subprocess.run(
            .path(python),
            arguments: [file.string, "\(port)"],
            // Not as an argument: those everybody may read.
            environment: .inherit.updating(["WEBHOOK_SECRET": secret.reveal()]),
            platformOptions: options,
            input: .none,
            output: .discarded,
            error: .discarded
        ) { execution -> Result<Value, any Error> in
            let program = DemoProgram(url: "http://127.0.0.1:\(port)/")
            let outcome: Result<Value, any Error>
            do {
                try await program.untilItAnswers(secret)
                outcome = .success(try await body(program))
            } catch {
                outcome = .failure(error)
            }
            await execution.teardown(using: ended.teardownSequence)
            return outcome
        }
        return try result.takeClosureResult().get()
    }

    private func untilItAnswers(_ secret: SigningSecret) async throws {
        let client = try WebhookClient(rules: Self.rules)
        defer { client.shutdown() }
        let deadline = ContinuousClock.now + Self.patience
        let body = Array(#"{"type":"webhook.test","timestamp":"","data":{}}"#.utf8)
        while ContinuousClock.now < deadline {
            let request = WebhookRequest(
                of: BusinessID(rawValue: 0),
                url: url,
                headers: SigningSecrets(secret).headers(id: "msg_demo", at: .now(), body: body),
                body: body,
                timeout: .seconds(2)
            )
            switch await client.call(request) {
            case .success(let response) where response.status == 200: return
            case .success(let response):
                throw Failure(.failed, "handler.py answered \(response.status) to a signed call")
            case .failure: try await Task.sleep(for: .milliseconds(30))
            }
        }
        throw Failure(.failed, "handler.py does not answer: see that python3 is 3.9 or newer")
    }

    /// A loopback port that nobody has at this moment.
    private static func freePort() throws -> Int {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isFound = withUnsafeMutablePointer(to: &place) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, size) == 0 && getsockname(socket, $0, &size) == 0
            }
        }
        guard isFound else { throw Failure(.failed, "there is no free loopback port") }
        return Int(UInt16(bigEndian: place.sin_port))
    }
}
