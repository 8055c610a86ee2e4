import Foundation
import Gateway
import Handlers
import Synchronization
import Telegram
import Testing

@Suite("The first try of a webhook", .timeLimit(.minutes(1)))
struct WebhookDeskTests {
    /// One webhook, whose state a test sets.
    private struct OneWebhook: WebhookDirectory {
        let endpoint: WebhookEndpoint?

        func webhooks(of business: BusinessID) async throws -> [WebhookEndpoint] { endpoint.map { [$0] } ?? [] }
        func webhook(_ step: String, of business: BusinessID) async throws -> WebhookEndpoint {
            guard let endpoint else { throw GatewayError.unknownWebhook(step) }
            return endpoint
        }
        func noteWebhooks(_ calls: [WebhookCall], of business: BusinessID, at now: Timestamp) async throws {}
        func setSecret(
            of step: String,
            business: BusinessID,
            isNew: Bool,
            overlap: Timestamp?,
            sealing: @escaping @Sendable (WebhookEndpointID, Int64) throws -> Sealed
        ) async throws -> WebhookEndpoint { throw GatewayError.unknownWebhook(step) }
        func setState(
            _ state: WebhookEndpoint.State,
            of step: String,
            business: BusinessID
        ) async throws
            -> WebhookEndpoint
        { throw GatewayError.unknownWebhook(step) }
    }

    private static let business = BusinessID(rawValue: 1)
    private static let event = WebhookEvent(id: "msg_1", kind: .messageReceived, body: Array("{}".utf8))

    /// Makes a first try against a server that answers so.
    private static func firstTry(
        _ script: ScriptedServer.Script,
        state: WebhookEndpoint.State = .on,
        hasSecret: Bool = true,
        gate: WebhookGate = WebhookGate(),
        timeout: Int64 = 20
    ) async throws -> (WebhookDesk.FirstTry, requests: [String]) {
        let sealer = Sealer(key: MasterKey())
        let id = WebhookEndpointID(rawValue: 1)
        let rules = WebhookRules(exceptions: [WebhookRules.Exception("127.0.0.0/8")].compactMap { $0 })
        let client = try WebhookClient(rules: rules)
        defer { client.shutdown() }
        return try await ScriptedServer.with(script) { server in
            let url = "http://127.0.0.1:\(server.port)/hook"
            let endpoint = WebhookEndpoint(
                id: id,
                business: business,
                step: "orders",
                url: url,
                state: state,
                secret: hasSecret ? try sealer.seal(SigningSecret(), for: id, version: 1) : nil,
                previous: nil,
                failingSince: nil
            )
            let desk = WebhookDesk(
                directory: OneWebhook(endpoint: endpoint),
                caller: client,
                reader: AnswerReader(),
                sealer: sealer,
                gate: gate,
                now: { Scene.noon }
            )
            let call = WebhookCall(step: "orders", url: url, timeoutSeconds: timeout)
            let first = try await desk.firstTry(call, event, of: business, Scene.text("order"))
            return (first, server.requests)
        }
    }

    private static func http(_ body: String, status: String = "200 OK", more: String = "") -> ScriptedServer.Script {
        .answer("HTTP/1.1 \(status)\r\n\(more)content-length: \(body.utf8.count)\r\n\r\n\(body)")
    }

    @Test func `actions come back for the pipeline, and the event counts as taken`() async throws {
        let (first, requests) = try await Self.firstTry(Self.http(#"{"actions":[{"label":"vip"}]}"#))
        guard case .success(let effects) = first.answer else {
            Issue.record("\(first)")
            return
        }
        #expect(effects.flatMap(\.addedLabels) == ["vip"])
        #expect(first.end.next == .done && first.end.isTry && first.end.status == 200)
        #expect(requests.first?.contains("webhook-id: msg_1\r\n") == true)
        #expect(requests.first?.contains("webhook-signature: v1,") == true)
    }

    @Test(arguments: [
        ("<html>hello</html>", "no"), (#"{"actions":[{"rply":"x"}]}"#, "did you mean `reply`"), ("{", "not JSON"),
    ])
    func `an answer that is wrong is refused whole, and not asked for again`(body: String, words: String) async throws {
        let (first, _) = try await Self.firstTry(Self.http(body))
        #expect(first.end.next == .done)
        #expect(first.end.problem?.hasPrefix("the answer was refused: ") == true)
        #expect(first.end.problem?.contains(words) == true, "\(first)")
        #expect(first.answer == .failure(StepFailure(first.end.problem ?? "")))
    }

    @Test func `what fails is tried later, by the schedule, and the pipeline goes on`() async throws {
        for script in [
            Self.http("", status: "500 Oops"), Self.http("", status: "302 Found", more: "location: /x\r\n"), .reset,
        ] {
            let (first, _) = try await Self.firstTry(script)
            guard case .waiting(let at) = first.end.next, case .failure = first.answer else {
                Issue.record("\(first)")
                continue
            }
            #expect((4000...6000).contains(at.milliseconds - Scene.noon.milliseconds), "\(first)")
        }
        let (slow, _) = try await Self.firstTry(
            Self.http("", status: "429 Slow", more: "retry-after: Mon, 23 Nov 2026 12:01:30 GMT\r\n")
        )
        #expect(slow.end.next == .waiting(Scene.noon.advanced(by: .seconds(90))))
        let (hanging, _) = try await Self.firstTry(.hang, timeout: 1)
        #expect(hanging.end.problem == WebhookFault.timeout.description)
        let (gone, _) = try await Self.firstTry(Self.http("", status: "410 Gone"))
        #expect(gone.end.next == .gone)
    }

    @Test func `one that is off, has no secret or is left alone is not called`() async throws {
        let answer = Self.http("")
        let (off, none) = try await Self.firstTry(answer, state: .off("by hand"))
        #expect(off.end.next == .failed && !off.end.isTry && off.end.problem == "the webhook is off: by hand")
        let (secretless, silence) = try await Self.firstTry(answer, hasSecret: false)
        #expect(secretless.end.next == .waiting(Scene.noon) && !secretless.end.isTry)
        #expect(secretless.end.problem == "not called yet: \(GatewayError.noSigningSecret("orders"))")
        let gate = WebhookGate()
        for _ in 0..<10 { _ = try await Self.firstTry(Self.http("", status: "503 No"), gate: gate) }
        let (open, quiet) = try await Self.firstTry(answer, gate: gate)
        #expect(open.end.next == .waiting(Scene.noon.advanced(by: .seconds(30))) && !open.end.isTry)
        #expect(none.isEmpty && silence.isEmpty && quiet.isEmpty)
    }
}

@Suite("The pages about webhooks", .timeLimit(.minutes(1)))
struct WebhookPagesTests {
    @Test func `the answers of the reference are taken`() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("deploy/webhooks")
        let page = try String(contentsOf: folder.appendingPathComponent("README.md"), encoding: .utf8)
        let answers = page.components(separatedBy: "```json\n").dropFirst()
            .compactMap { $0.components(separatedBy: "\n```").first }.filter { $0.hasPrefix("{\"actions\"") }
        #expect(answers.count == 2)
        let counts = try answers.map { try AnswerReader().effects(of: Array($0.utf8), Scene.press("x")).count }
        #expect(counts == [6, 2])
        let kinds = ["reply", "label", "set", "assign", "hand_off", "stop", "answer_callback", "edit"]
        for kind in kinds { #expect(answers.contains { $0.contains("{\"\(kind)\":") }, "\(kind)") }
    }
}
