import Foundation
import Gateway
import Storage
import NIOCore
import Testing

@testable import HTTPSurface

extension SurfaceTests {
    @Suite("Connections", .timeLimit(.minutes(1)))
    struct ConnectionTests {
        private static let health = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

        @Test func `a connection takes one request after the other`() async throws {
            try await LiveServer.with { server async throws in
                try await RawClient.connected(to: server.port) { client in
                    for number in 1...5 {
                        try await client.send(server.request(LiveServer.update(number, text: "\(number)")))
                        #expect(try await client.answer()?.status == 200)
                        try await client.send(Self.health)
                        #expect(try await client.answer()?.body == "{\"status\":\"up\"}\n")
                    }
                }
                #expect(try await server.storedTexts() == ["1", "2", "3", "4", "5"])
            }
        }

        @Test func `requests sent ahead are answered in their order, the lane's and the router's alike`() async throws {
            try await LiveServer.with { server async throws in
                try await RawClient.connected(to: server.port) { client in
                    let wrong = ["X-Telegram-Bot-Api-Secret-Token: wrong"]
                    let requests = (1...30).map { number in
                        switch number % 3 {
                        case 0: Self.health
                        case 1: server.request(LiveServer.update(number, text: "\(number)"))
                        default: server.request("{}", wrong)
                        }
                    }
                    try await client.send(requests.joined())
                    for number in 1...30 {
                        let answer = try #require(try await client.answer())
                        #expect(answer.status == (number % 3 == 2 ? 401 : 200), "\(number)")
                        #expect(answer.body.isEmpty == (number % 3 != 0))
                    }
                }
                #expect(try await server.storedTexts() == stride(from: 1, through: 30, by: 3).map(String.init))
            }
        }

        @Test func `Connection close is obeyed`() async throws {
            try await LiveServer.with { server async throws in
                try await RawClient.connected(to: server.port) { client in
                    try await client.send(server.request(LiveServer.update(1), ["Connection: close"]))
                    let answer = try #require(try await client.answer())
                    #expect(answer.status == 200)
                    #expect(answer.headers["connection"] == "close")
                    #expect(try await client.isClosed())
                }
            }
        }

        @Test func `a client that has ended its side still gets its answer`() async throws {
            try await LiveServer.with { server async throws in
                try await server.holdingTheWriter { release in
                    try await RawClient.connected(to: server.port) { client in
                        try await client.send(server.request(LiveServer.update(1)))
                        client.finishSending()
                        release()
                        #expect(try await client.answer()?.status == 200)
                        #expect(try await client.isClosed())
                    }
                }
            }
        }

        @Test(arguments: ["POST /tele", "POST {path} HTTP/1.1\r\nHost: x\r\nX-Tele", "{head}{\"update_id\":", ""])
        func `a client that is too slow is cut off, wherever it stops`(sent: String) async throws {
            let limits = ConnectionClock.Limits(
                request: .milliseconds(200),
                idle: .milliseconds(300),
                look: .milliseconds(20)
            )
            try await LiveServer.with(limits: limits) { server in
                try await RawClient.connected(to: server.port) { client in
                    let text = sent.replacingOccurrences(of: "{path}", with: server.path)
                        .replacingOccurrences(of: "{head}", with: server.head(length: 100))
                    if !text.isEmpty { try await client.send(text) }
                    #expect(try await client.isClosed())
                }
                #expect(try await server.marks() == [])
            }
        }

        @Test func `a client that drips is cut off though it never pauses`() async throws {
            let limits = ConnectionClock.Limits(
                request: .milliseconds(200),
                idle: .seconds(60),
                look: .milliseconds(20)
            )
            try await LiveServer.with(limits: limits) { server in
                try await RawClient.connected(to: server.port) { client in
                    try await client.send(server.head(length: 1 << 20))
                    // Ends when the server has closed: then a write fails.
                    await #expect(throws: (any Error).self) {
                        while true { try await client.send("x") }
                    }
                }
                #expect(try await server.marks() == [])
            }
        }

        @Test func `a store that takes long is no fault of the client`() async throws {
            let limits = ConnectionClock.Limits(
                request: .milliseconds(50),
                idle: .milliseconds(50),
                look: .milliseconds(10)
            )
            try await LiveServer.with(limits: limits) { server in
                try await server.holdingTheWriter { release in
                    try await RawClient.connected(to: server.port) { client in
                        try await client.send(server.request(LiveServer.update(1)))
                        // An idle connection opened after the request is cut off: so much time has passed for this one too.
                        try await RawClient.connected(to: server.port) { idle in
                            let isClosed = try await idle.isClosed()
                            #expect(isClosed)
                        }
                        release()
                        #expect(try await client.answer()?.status == 200)
                    }
                }
            }
        }

        @Test func `stopping finishes the request in hand and closes what is idle`() async throws {
            try await LiveServer.with { server async throws in
                try await server.holdingTheWriter { release in
                    try await RawClient.connected(to: server.port) { idle in
                        try await idle.send(Self.health)
                        #expect(try await idle.answer()?.status == 200)
                        try await RawClient.connected(to: server.port) { client in
                            try await client.send(server.request(LiveServer.update(1)))
                            // Answered behind it on another connection: the server has read the request above by then.
                            try await idle.send(Self.health)
                            #expect(try await idle.answer()?.status == 200)
                            await server.stop()
                            #expect(try await idle.isClosed())
                            release()
                            let answer = try #require(try await client.answer())
                            #expect(answer.status == 200)
                            #expect(answer.headers["connection"] == "close")
                            #expect(try await client.isClosed())
                        }
                    }
                }
                #expect(try await server.storedTexts() == ["Guten Tag"])
            }
        }

        @Test func `an answer of the router before the body has come does not hold up what follows`() async throws {
            try await LiveServer.with { server async throws in
                try await RawClient.connected(to: server.port) { client in
                    try await client.send("POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n")
                    #expect(try await client.answer()?.status == 404)
                    try await client.send("x")
                    try await client.send(server.request(LiveServer.update(1)))
                    #expect(try await client.answer()?.status == 200)
                }
            }
        }

        @Test func `bytes that are no HTTP behind a request do not overtake its answer`() async throws {
            try await LiveServer.with { server async throws in
                try await server.holdingTheWriter { release in
                    try await RawClient.connected(to: server.port) { client in
                        try await client.send(server.request(LiveServer.update(1)) + "no HTTP\r\n\r\n")
                        release()
                        let answer = try #require(try await client.answer())
                        #expect(answer.status == 200)
                        #expect(try await client.isClosed())
                    }
                }
            }
        }

        @Test func `bytes that are no HTTP get 400, and the connection ends`() async throws {
            try await LiveServer.with { server async throws in
                try await RawClient.connected(to: server.port) { client in
                    try await client.send("this is no HTTP\r\n\r\n")
                    #expect(try await client.answer()?.status == 400)
                    #expect(try await client.isClosed())
                }
            }
        }
    }
}

extension SurfaceTests {
    @Suite("Health", .timeLimit(.minutes(1)))
    struct HealthTests {
        private static func get(_ path: String, _ server: LiveServer) async throws -> RawClient.Answer? {
            var answer: RawClient.Answer?
            try await RawClient.connected(to: server.port) { client in
                try await client.send("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
                answer = try await client.answer()
            }
            return answer
        }

        @Test func `a server is up as long as it answers, and ready only while it can store`() async throws {
            try await LiveServer.with { server async throws in
                #expect(try await Self.get("/healthz", server)?.status == 200)
                try await server.store.close()
                #expect(try await Self.get("/healthz", server)?.status == 200)
                let answer = try #require(try await Self.get("/readyz", server))
                #expect(answer.status == 503)
                #expect(answer.body.contains("the database is being closed"))
            }
        }

        @Test func `a ready server says so`() async throws {
            try await LiveServer.with { server async throws in
                let answer = try await Self.get("/readyz", server)
                #expect(answer?.body == "{\"status\":\"ready\"}\n")
            }
        }

        @Test func `an unknown route is a problem document`() async throws {
            try await LiveServer.with { server async throws in
                let answer = try #require(try await Self.get("/nothing", server))
                #expect(answer.status == 404)
                #expect(answer.headers["content-type"] == "application/problem+json")
                #expect(answer.body.contains("\"request_id\":"))
            }
        }

        @Test(arguments: [
            ("127.0.0.1:8080", "127.0.0.1:8080"), ("[::1]:0", "[::1]:0"), ("localhost:65535", "localhost:65535"),
            ("::1:80", nil),
            ("host", nil), (":80", nil), ("host:65536", nil), ("host:-1", nil), ("host:x", nil),
        ])
        func `an address is host and port`(text: String, expected: String?) {
            #expect(Server.Address(text)?.description == expected)
        }
    }
}
