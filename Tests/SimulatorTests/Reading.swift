import NIOHTTP1
import Simulator
import Telegram
import Testing

extension Scene {
    /// The result of a call that has to succeed.
    func result(_ method: String, _ parameters: JSON = [:]) async throws -> JSONView {
        let answer = try await call(method, parameters)
        return try #require(try JSONDocument(Array(answer.text.utf8)).root["result"], "\(answer.text)")
    }

    /// The text of a refusal; empty if the call succeeded.
    func refusal(_ method: String, _ parameters: JSON = [:]) async throws -> String {
        let answer = try await call(method, parameters)
        return try JSONDocument(Array(answer.text.utf8)).root["description"]?.string ?? ""
    }

    /// Asks for all kinds of updates from now on; without a webhook.
    func wantAllKinds() async throws {
        let kinds = JSON.array(UpdateKind.allowedUpdates.map { .string($0) })
        _ = try await result("getUpdates", ["allowed_updates": kinds])
    }

    /// The updates that wait.
    func updates() async throws -> [JSONView] {
        // Two calls with one offset within three seconds are held up.
        clock.advance(by: .seconds(3))
        return Array(try #require(try await result("getUpdates").elements))
    }

    /// The payloads of the updates of a kind that wait.
    func payloads(_ kind: String) async throws -> [JSONView] { try await updates().compactMap { $0[named: kind] } }
}
