import Foundation
import Gateway
import Storage
import NIOCore
import Telegram
import Testing

@testable import HTTPSurface

extension SurfaceTests {
    @Suite("The webhook", .timeLimit(.minutes(1)))
    struct WebhookTests {
        /// The answer of a request alone on its connection.
        private static func answer(_ server: LiveServer, _ text: String) async throws -> RawClient.Answer? {
            var answer: RawClient.Answer?
            try await RawClient.connected(to: server.port) { client in
                try await client.send(text)
                answer = try await client.answer()
            }
            return answer
        }

        @Test func `an update is answered with an empty 200, and is stored`() async throws {
            try await LiveServer.with { server async throws in
                let answer = try #require(try await Self.answer(server, server.request(LiveServer.update(1))))
                #expect(answer == .init(status: 200, headers: ["content-length": "0"], body: ""))
                #expect(try await server.storedTexts() == ["Guten Tag"])
            }
        }

        @Test func `the answer comes after the commit`() async throws {
            try await LiveServer.with { server async throws in
                try await RawClient.connected(to: server.port) { client in
                    try await client.send(server.request(LiveServer.update(1)))
                    #expect(try await client.answer()?.status == 200)
                }
                try await server.holdingTheWriter { release in
                    try await RawClient.connected(to: server.port) { client in
                        try await client.send(server.request(LiveServer.update(2, text: "held")))
                        // Another connection's requests go through the server meanwhile: the held one has had its time.
                        for _ in 0..<20 {
                            #expect(
                                try await Self.answer(server, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")?.status == 200
                            )
                        }
                        #expect(try await server.storedTexts() == ["Guten Tag"])
                        release()
                        #expect(try await client.answer()?.status == 200)
                        #expect(try await server.storedTexts() == ["Guten Tag", "held"])
                    }
                }
            }
        }

        @Test func `hook, method, secret and body are checked in this order`() async throws {
            try await LiveServer.with { server async throws in
                let wrong = "X-Telegram-Bot-Api-Secret-Token: wrong"
                let unknown = "/telegram/" + String(repeating: "x", count: 32)
                let cases: [(String, Int)] = [
                    (server.head([wrong], path: unknown, method: "GET"), 404),
                    (server.head(length: 5, path: unknown), 404),
                    (server.head([wrong], path: "/telegram/", method: "GET"), 404),
                    (server.head([wrong], path: server.path + "/more"), 404),
                    (server.head([wrong], method: "GET"), 405),
                    (server.head(method: "PUT"), 405),
                    // No byte of the body has come: nothing is waited for.
                    (server.head([wrong], length: 1000), 401),
                    (server.head(["X-Telegram-Bot-Api-Secret-Token: "], length: 1000), 401),
                    (server.head([wrong], length: 2 << 20), 401),
                    (server.head(length: (1 << 20) + 1), 413),
                ]
                for (text, status) in cases {
                    let answer = try #require(try await Self.answer(server, text))
                    #expect(answer.status == status, "\(text)")
                    #expect(answer.body.isEmpty)
                    #expect(answer.headers["allow"] == (status == 405 ? "POST" : nil))
                }
                #expect(try await server.storedTexts() == [])
            }
        }

        @Test func `a query after the hook does not matter`() async throws {
            try await LiveServer.with { server async throws in
                let body = LiveServer.update(1)
                let head = server.head(length: body.utf8.count, path: server.path + "?a=b")
                #expect(try await Self.answer(server, head + body)?.status == 200)
            }
        }

        @Test func `a body of 1 MiB is taken, one byte more is not, however it comes`() async throws {
            try await LiveServer.with { server async throws in
                let empty = LiveServer.update(1, text: "")
                let largest = LiveServer.update(1, text: String(repeating: "a", count: (1 << 20) - empty.utf8.count))
                #expect(largest.utf8.count == 1 << 20)
                #expect(try await Self.answer(server, server.request(largest))?.status == 200)
                try await RawClient.connected(to: server.port) { client in
                    try await client.send(server.head(["Transfer-Encoding: chunked"]))
                    let chunk = String(repeating: "b", count: 1 << 16)
                    for _ in 0..<16 { try await client.send("10000\r\n\(chunk)\r\n") }
                    try await client.send("1\r\nb\r\n")
                    let answer = try #require(try await client.answer())
                    #expect(answer.status == 413)
                    #expect(answer.headers["connection"] == "close")
                    #expect(try await client.isClosed())
                }
                #expect(try await server.storedTexts().count == 1)
                #expect(try await server.marks() == [])
            }
        }

        @Test func `a request may come byte by byte, and chunked`() async throws {
            try await LiveServer.with { server async throws in
                try await RawClient.connected(to: server.port) { client in
                    for character in server.request(LiveServer.update(1)) { try await client.send(String(character)) }
                    #expect(try await client.answer()?.status == 200)
                    let body = LiveServer.update(2, text: "in chunks")
                    let half = body.index(body.startIndex, offsetBy: body.count / 2)
                    try await client.send(server.head(["Transfer-Encoding: chunked"]))
                    for part in [body[..<half], body[half...]] {
                        try await client.send(String(part.utf8.count, radix: 16) + "\r\n\(part)\r\n")
                    }
                    try await client.send("0\r\n\r\n")
                    #expect(try await client.answer()?.status == 200)
                }
                #expect(try await server.storedTexts() == ["Guten Tag", "in chunks"])
            }
        }

        @Test func `what cannot be read is acknowledged and kept once`() async throws {
            try await LiveServer.with { server async throws in
                for body in ["no json", "no json", "{\"update_id\":5,\"hologram\":{}}", "", "{\"update_id\":\"5\"}"] {
                    #expect(try await Self.answer(server, server.request(body))?.status == 200, "\(body)")
                }
                #expect(try await server.marks() == [.unreadable, .unreadable, .unknownKind, .unreadable])
            }
        }

        @Test func `a body cut short by the client is not kept`() async throws {
            try await LiveServer.with { server async throws in
                try await RawClient.connected(to: server.port) { client in
                    try await client.send(server.head(length: 100) + "{\"update_id\":1")
                    client.finishSending()
                    #expect(try await client.answer()?.status != 200)
                }
                #expect(try await Self.answer(server, server.request(LiveServer.update(2)))?.status == 200)
                #expect(try await server.storedTexts() == ["Guten Tag"])
                #expect(try await server.marks() == [])
            }
        }

        @Test func `a repeated update is acknowledged and stored once`() async throws {
            try await LiveServer.with { server async throws in
                for _ in 0..<3 {
                    #expect(try await Self.answer(server, server.request(LiveServer.update(7)))?.status == 200)
                }
                #expect(try await server.storedTexts() == ["Guten Tag"])
            }
        }

        @Test func `when nothing can be stored Telegram is asked to come again soon`() async throws {
            try await LiveServer.with { server async throws in
                try await server.store.close()
                let answer = try #require(try await Self.answer(server, server.request(LiveServer.update(1))))
                #expect(answer.status == 503)
                let seconds = try #require(answer.headers["retry-after"].flatMap { Int($0) })
                #expect((1...5).contains(seconds))
            }
        }

        @Test func `a paused bot and a suspended business still store`() async throws {
            try await LiveServer.with { server async throws in
                _ = try await server.store.setPaused(true, of: server.bot.id)
                _ = try await server.store.setState(Business.State.suspended, of: server.business.id)
                #expect(try await server.registry.refresh(from: server.store))
                #expect(try await Self.answer(server, server.request(LiveServer.update(1)))?.status == 200)
                #expect(try await server.storedTexts() == ["Guten Tag"])
            }
        }

        @Test func `logs hold the route, never a hook, a secret or a text`() async throws {
            try await LiveServer.with { server async throws in
                let wrong = "wrong-secret-0123456789"
                _ = try await Self.answer(server, server.request(LiveServer.update(1, text: "confidential")))
                _ = try await Self.answer(server, server.head(["X-Telegram-Bot-Api-Secret-Token: \(wrong)"], length: 0))
                _ = try await Self.answer(server, server.head(path: "/telegram/unknown-hook-01234", method: "GET"))
                _ = try await Self.answer(server, server.request("broken confidential"))
                _ = try await Self.answer(server, "GET /healthz?token=confidential HTTP/1.1\r\nHost: x\r\n\r\n")
                _ = try await Self.answer(server, "GET /nothing/confidential HTTP/1.1\r\nHost: x\r\n\r\n")
                let lines = server.logs.all
                #expect(lines.contains { $0.contains("webhook refused") && $0.contains("http.route=/telegram/{hook}") })
                #expect(lines.contains { $0.contains("http.route=/healthz") && $0.contains("http.status=200") })
                for secret in [server.bot.hook, server.secret.reveal(), wrong, "confidential", "unknown-hook-01234"] {
                    #expect(lines.filter { $0.contains(secret) } == [])
                }
            }
        }
    }
}
