import Dispatch
import Gateway
import Synchronization
import Testing

@testable import Handlers

@Suite("Calling a handler", .timeLimit(.minutes(1)))
struct WebhookClientTests {
    private static let loopback = WebhookRules(exceptions: [WebhookRules.Exception("127.0.0.0/8")].compactMap { $0 })

    private static func request(
        _ url: String,
        timeout: Duration = .seconds(20),
        of business: Int64 = 1
    ) -> WebhookRequest {
        WebhookRequest(
            of: BusinessID(rawValue: business),
            url: url,
            headers: [("webhook-id", "msg_1"), ("webhook-signature", "v1,abc")],
            body: Array(#"{"type":"webhook.test"}"#.utf8),
            timeout: timeout
        )
    }

    private static func with<Value>(
        rules: WebhookRules = loopback,
        lookup: @escaping WebhookClient.Lookup = { _ in [] },
        trusting: Bool = false,
        _ body: (WebhookClient) async throws -> Value
    ) async throws -> Value {
        let authorities = trusting ? Array(TestCertificate.certificate.utf8) : nil
        let client = try WebhookClient(rules: rules, authorities: authorities, lookup: lookup)
        defer { client.shutdown() }
        return try await body(client)
    }

    private static func fault(
        _ script: ScriptedServer.Script,
        timeout: Duration = .seconds(20)
    ) async throws -> Result<WebhookResponse, WebhookFault> {
        try await ScriptedServer.with(script) { server in
            try await with { await $0.call(request("http://127.0.0.1:\(server.port)/hook", timeout: timeout)) }
        }
    }

    private static let home = IPAddress("127.0.0.1").map { [$0] } ?? []

    @Test func `a call is one POST with what signs it, to the very path and query`() async throws {
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nretry-after: 7\r\n\r\n{}"
        try await ScriptedServer.with(.answer(answer)) { server in
            let result = try await Self.with {
                await $0.call(Self.request("http://127.0.0.1:\(server.port)/hook/a?b=c"))
            }
            #expect(result == .success(WebhookResponse(status: 200, retryAfter: "7", body: Array("{}".utf8))))
            let sent = try #require(server.requests.first)
            #expect(server.requests.count == 1)
            #expect(sent.hasPrefix("POST /hook/a?b=c HTTP/1.1\r\nhost: 127.0.0.1:\(server.port)\r\n"))
            for line in [
                "content-type: application/json", "content-length: 23", "webhook-id: msg_1",
                "webhook-signature: v1,abc",
                "accept-encoding: identity", "connection: close",
            ] {
                #expect(sent.contains("\r\n\(line)\r\n"), "\(line)")
            }
            #expect(sent.hasSuffix("\r\n\r\n{\"type\":\"webhook.test\"}"))
        }
    }

    @Test(arguments: [
        ("HTTP/1.1 204 No Content\r\n\r\n", 204), ("HTTP/1.0 200 OK\r\n\r\nuntil the end", 200),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n", 201),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 200),
        ("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n", 302),
        ("HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n", 410),
        ("HTTP/1.1 429 Slow\r\nretry-after: Mon, 23 Nov 2026 12:07:30 GMT\r\ncontent-length: 0\r\n\r\n", 429),
    ])
    func `an answer is taken as it is, and no redirect is followed`(text: String, status: Int) async throws {
        #expect(try await Self.fault(.answer(text)).get().status == status)
    }

    @Test func `a handler that hangs, before or within its answer, or dribbles, is cut off at one deadline`()
        async throws
    {
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n"
        for script: ScriptedServer.Script in [.hang, .part("HTTP/1.1 200"), .part(head), .dribble(head + "{}")] {
            let result = try await Self.fault(script, timeout: .milliseconds(300))
            #expect(result == .failure(.timeout), "\(script)")
        }
    }

    @Test func `an answer over 1 MiB is not read to its end, announced or not`() async throws {
        let announced = "HTTP/1.1 200 OK\r\ncontent-length: 10485760\r\n\r\n"
        #expect(try await Self.fault(.part(announced)) == .failure(.tooLong))
        let ten = ScriptedServer.Script.bytes(head: "HTTP/1.1 200 OK\r\n\r\n", count: 10 << 20)
        #expect(try await Self.fault(ten) == .failure(.tooLong))
        let whole = ScriptedServer.Script.bytes(
            head: "HTTP/1.1 200 OK\r\ncontent-length: 1048576\r\n\r\n",
            count: 1 << 20
        )
        #expect(try await Self.fault(whole).get().body.count == WebhookLimits.actions + 1)
    }

    @Test func `what is no answer is told as what it is`() async throws {
        #expect(try await Self.fault(.reset) == .failure(.cutOff))
        #expect(try await Self.fault(.answer("")) == .failure(.cutOff))
        #expect(try await Self.fault(.answer("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{}")) == .failure(.cutOff))
        #expect(try await Self.fault(.answer("SSH-2.0-OpenSSH_9\r\n\r\n")) == .failure(.notHTTP))
        let port = try await ScriptedServer.with(.hang) { $0.port }
        let refused = try await Self.with { await $0.call(Self.request("http://127.0.0.1:\(port)/")) }
        #expect(refused == .failure(.unreachable("connection refused")))
    }

    @Test func `a call that is cancelled ends at once`() async throws {
        let result = try await ScriptedServer.with(.hang) { server in
            try await Self.with { client in
                await withTaskGroup(of: Result<WebhookResponse, WebhookFault>.self) { group in
                    group.addTask { await client.call(Self.request("http://127.0.0.1:\(server.port)/")) }
                    group.cancelAll()
                    return await group.next()
                }
            }
        }
        #expect(result == .failure(.interrupted))
    }

    // MARK: Where it may go

    @Test func `loopback is not called unless the operator allows it, and nobody is asked for anything`() async throws {
        try await ScriptedServer.with(.hang) { server in
            for url in ["http://127.0.0.1:\(server.port)/", "https://127.0.0.1:\(server.port)/", "https://[::1]/"] {
                let result = try await Self.with(rules: WebhookRules()) { await $0.call(Self.request(url)) }
                guard case .failure(.refused) = result else {
                    Issue.record("\(url): \(result)")
                    continue
                }
            }
            #expect(server.requests.isEmpty)
        }
    }

    @Test func `a name with one address that is not public is refused at each call`() async throws {
        let (good, bad) = (try #require(IPAddress("8.8.8.8")), try #require(IPAddress("169.254.169.254")))
        let result = try await Self.with(rules: WebhookRules(), lookup: { _ in [good, bad] }) {
            await $0.call(Self.request("https://hooks.example.test/"))
        }
        guard case .failure(.refused(let why)) = result else {
            Issue.record("\(result)")
            return
        }
        #expect(why.contains("link-local"))
    }

    @Test func `a name that says something else after the check is not asked again`() async throws {
        let asked = Mutex(0)
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
        try await ScriptedServer.with(.answer(answer)) { server in
            // First what may be called; whoever asked a second time would be led to an address that may not.
            let rebinding: WebhookClient.Lookup = { _ in
                asked.withLock { $0 += 1 }
                return asked.withLock { $0 } == 1 ? Self.home : [IPAddress("10.255.255.1")].compactMap { $0 }
            }
            let url = "http://hooks.example.test:\(server.port)/"
            try await Self.with(lookup: rebinding) { client in
                #expect(await client.call(Self.request(url)) == .success(WebhookResponse(status: 200)))
                #expect(asked.withLock { $0 } == 1)
                // The next try asks anew, and finds that it may not.
                guard case .failure(.refused) = await client.call(Self.request(url)) else {
                    Issue.record("the second call went through")
                    return
                }
            }
            #expect(server.requests.count == 1)
            #expect(server.requests.first?.contains("host: hooks.example.test:\(server.port)\r\n") == true)
        }
    }

    @Test func `the second address is tried where nobody takes the first`() async throws {
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
        let (nobody, home) = (try #require(IPAddress("127.9.9.9")), Self.home)
        try await ScriptedServer.with(.answer(answer)) { server in
            let result = try await Self.with(lookup: { _ in [nobody] + home }) {
                await $0.call(Self.request("http://hooks.example.test:\(server.port)/"))
            }
            #expect(result == .success(WebhookResponse(status: 200)))
        }
    }

    @Test func `a name without an address, and one that hangs, are told`() async throws {
        let none = try await Self.with { await $0.call(Self.request("https://hooks.example.test/")) }
        #expect(none == .failure(.unresolved("hooks.example.test")))
        // Blocks its thread until the test ends, as a name server that never answers.
        let gate = DispatchSemaphore(value: 0)
        let slow = try await Self.with(
            lookup: { _ in
                gate.wait()
                return []
            },
            { await $0.call(Self.request("https://hooks.example.test/", timeout: .milliseconds(200))) }
        )
        gate.signal()
        #expect(slow == .failure(.timeout))
    }

    @Test
    func `one business's names that hang leave the names of others alone, and are looked up when their turn comes`()
        async throws
    {
        let gate = DispatchSemaphore(value: 0)
        let hanging = Mutex(0)
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
        try await ScriptedServer.with(.answer(answer)) { server in
            let lookup: WebhookClient.Lookup = { host in
                guard host.hasPrefix("dead") else { return Self.home }
                hanging.withLock { $0 += 1 }
                gate.wait()
                return Self.home
            }
            try await Self.with(lookup: lookup) { client in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<NameLookups.threads {
                        group.addTask {
                            let url = "http://dead\(number).example.test:\(server.port)/"
                            #expect(await client.call(Self.request(url)) == .success(WebhookResponse(status: 200)))
                        }
                    }
                    while hanging.withLock({ $0 }) < NameLookups.threads / 2 { await Task.yield() }
                    let url = "http://alive.example.test:\(server.port)/"
                    #expect(
                        await client.call(Self.request(url, of: 2)) == .success(WebhookResponse(status: 200)),
                        "half of the threads stayed free"
                    )
                    #expect(hanging.withLock { $0 } == NameLookups.threads / 2)
                    for _ in 0..<NameLookups.threads { gate.signal() }
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test func `the system finds localhost on loopback, and it is refused`() async throws {
        #expect(try WebhookClient.addresses(of: "localhost").contains { AddressRules.objection(to: $0) != nil })
        let result = try await Self.with(rules: WebhookRules(), lookup: WebhookClient.addresses) {
            await $0.call(Self.request("https://localhost/"))
        }
        guard case .failure(.refused) = result else {
            Issue.record("\(result)")
            return
        }
    }

    // MARK: TLS

    @Test func `under TLS the certificate is checked for the name, though the connection goes to the address`()
        async throws
    {
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
        try await ScriptedServer.with(.answer(answer), isSecure: true) { server in
            try await Self.with(lookup: { _ in Self.home }, trusting: true) { client in
                let right = await client.call(Self.request("https://hooks.example.test:\(server.port)/"))
                #expect(right == .success(WebhookResponse(status: 200)))
                for wrong in ["other.example.test", "127.0.0.1"] {
                    let result = await client.call(Self.request("https://\(wrong):\(server.port)/"))
                    guard case .failure(.tls) = result else {
                        Issue.record("\(wrong): \(result)")
                        continue
                    }
                }
            }
            let unknown = try await Self.with(lookup: { _ in Self.home }) {
                await $0.call(Self.request("https://hooks.example.test:\(server.port)/"))
            }
            guard case .failure(.tls) = unknown else {
                Issue.record("\(unknown)")
                return
            }
            #expect(server.requests.count == 1)
        }
        let plain = try await ScriptedServer.with(.answer("HTTP/1.1 200 OK\r\n\r\n")) { server in
            try await Self.with(lookup: { _ in Self.home }) {
                await $0.call(Self.request("https://hooks.example.test:\(server.port)/", timeout: .seconds(5)))
            }
        }
        guard case .failure = plain else {
            Issue.record("\(plain)")
            return
        }
    }
}
