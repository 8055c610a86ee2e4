import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import SystemPackage
import Telegram

/// The simulated Telegram in its own process, and what this program tells it.
struct TelegramProcess: Sendable {
    let process: Int32
    /// Scheme, host and port, for `--bot-api`.
    let address: String
    let records: FilePath

    /// Runs it beside this process for as long as `body` takes.
    static func running<Value: Sendable>(
        _ cast: SendCast,
        records: FilePath,
        _ body: @Sendable (TelegramProcess) async throws -> Value
    ) async throws -> Value {
        let arguments = [
            "telegram", "--bots", "\(cast.bots)", "--chats", "\(cast.chats)", "--seed", "\(cast.seed)",
            "--records", records.string,
        ]
        return try await RunningServer.own(arguments, name: "the simulated Telegram") { server in
            let telegram = TelegramProcess(
                process: server.process,
                address: "http://127.0.0.1:\(server.port)",
                records: records
            )
            try await telegram.forgetUpdates(cast)
            return try await body(telegram)
        }
    }

    /// The words by which the chats were begun are in the database already.
    private func forgetUpdates(_ cast: SendCast) async throws {
        let client = BotAPI.makeClient()
        let api = BotAPI(client: client, base: address)
        do {
            for bot in 0..<cast.bots {
                let parameters: JSON = ["drop_pending_updates": true]
                _ = try await api.call("deleteWebhook", token: try cast.token(bot), parameters: parameters)
            }
        } catch {
            try? await client.shutdown()
            throw LoadFailure("the simulated Telegram refused deleteWebhook: \(error)")
        }
        try await client.shutdown()
    }

    /// Tells it how to behave; see `ControlCall` of the simulator.
    func control(_ action: String, _ fields: JSON) async throws {
        var request = HTTPClientRequest(url: "\(address)/simulator/\(action)")
        request.method = .POST
        request.body = .bytes(ByteBuffer(bytes: fields.encoded()))
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
        guard response.status == .ok else {
            let words = String(buffer: try await response.body.collect(upTo: 1 << 16))
            throw LoadFailure("the simulated Telegram refused \(action): \(words)")
        }
    }
}
