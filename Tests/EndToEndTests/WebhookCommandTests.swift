import Foundation
import GRDB
import Subprocess
import SystemPackage
import Testing

@Suite(
    "Webhooks and deliveries, as real processes against the sample handler",
    .serialized,
    .timeLimit(.minutes(3)),
    .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/python3"), "needs python3")
)
struct WebhookCommandTests {
    private static let handler = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("deploy/webhooks/handler.py").path

    /// A business whose pipeline calls a webhook on that port of loopback, which the operator allows.
    private static func prepare(_ binary: RealBinary, port: Int) async throws -> (config: String, secret: String) {
        let config = binary.folder + "/settings.yaml"
        try Data("webhook_allow: 127.0.0.1:\(port)\npublic_url: https://bots.example.com\n".utf8)
            .write(to: URL(fileURLWithPath: config))
        let file = binary.folder + "/shop.yaml"
        try Data("steps:\n  - name: desk\n    webhook: http://127.0.0.1:\(port)/\n".utf8)
            .write(to: URL(fileURLWithPath: file))
        try await binary.succeed("init")
        try await binary.succeed("business", "add", "Maier")
        let refused = try await binary.run("pipeline", "set", "maier", file)
        #expect(refused.code == 1 && refused.errors.contains("SWITCHBOARD_WEBHOOK_ALLOW"), "\(refused.errors)")
        let set = try await binary.succeed("pipeline", "set", "maier", file, "--config", config)
        #expect(set.output.contains("desk has no secret yet"))
        let early = try await binary.run("webhook", "test", "maier", "desk", "--config", config)
        #expect(early.code == 1 && early.errors.contains("no secret yet"), "\(early.errors)")
        let made = try await binary.succeed("webhook", "secret", "maier", "desk", "--json").json()
        return (config, try #require(made["secret"] as? String))
    }

    /// Runs the sample handler beside the body.
    private static func handling<Value: Sendable>(
        _ secret: String,
        _ port: Int,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let result = try await Subprocess.run(
            .path("/usr/bin/python3"),
            arguments: [handler, String(port)],
            environment: .custom(["WEBHOOK_SECRET": secret]),
            input: .none,
            output: .discarded,
            error: .discarded
        ) { execution in
            defer { kill(execution.processIdentifier.value, SIGTERM) }
            return try await body()
        }
        return result.takeClosureResult()
    }

    /// Calls the webhook until it is taken: the handler needs a moment to listen.
    private static func untilTaken(_ binary: RealBinary, _ config: String) async throws -> RealBinary.Outcome {
        while true {
            let outcome = try await binary.run("webhook", "test", "maier", "desk", "--json", "--config", config)
            if outcome.code == 0 || !outcome.output.contains("connection refused") { return outcome }
        }
    }

    @Test func `a webhook is set, tested, rotated and turned off, and the sample handler knows us`() async throws {
        let binary = try RealBinary()
        let port = try freePort()
        let (config, secret) = try await Self.prepare(binary, port: port)
        try await Self.handling(secret, port) {
            let taken = try await Self.untilTaken(binary, config)
            #expect(taken.code == 0, "\(taken.output) \(taken.errors)")
            #expect(try taken.json()["answer"] as? String == #"{"actions": []}"#)
            // With a rotation both sign; without an overlap the handler's secret is out.
            try await binary.succeed("webhook", "secret", "maier", "desk", "--rotate")
            #expect(try await Self.untilTaken(binary, config).code == 0)
            try await binary.succeed("webhook", "secret", "maier", "desk", "--rotate", "--overlap", "0s")
            let wrong = try await binary.run("webhook", "test", "maier", "desk", "--config", config)
            #expect(wrong.code == 1 && wrong.errors.contains("it answered 401"), "\(wrong.errors)")
        }
        #expect(try await binary.run("webhook", "secret", "maier", "desk").code == 1)
        #expect(try await binary.run("webhook", "test", "maier", "none", "--config", config).code == 3)
        let outside = try await binary.run("webhook", "test", "maier", "desk")
        #expect(outside.code == 1 && outside.errors.contains("loopback"), "\(outside.errors)")
        try await binary.succeed("pipeline", "use", "maier", "none")
        #expect(try await binary.succeed("webhook", "list", "maier").output.contains("not called"))
        #expect(try await binary.succeed("webhook", "list", "maier", "--json").list()[0]["in_force"] as? Bool == false)
        try await binary.succeed("pipeline", "use", "maier", "1", "--config", config)
        try await binary.succeed("webhook", "off", "maier", "desk")
        #expect(try await binary.succeed("webhook", "list", "maier").output.contains("off"))
        try await binary.succeed("webhook", "on", "maier", "desk")
        #expect(try await binary.succeed("deliveries", "maier").output.contains("no delivery yet"))
        // Shown once, and nowhere in clear.
        let bytes = try #require(FileManager.default.contents(atPath: binary.data + "/switchboard.sqlite"))
        #expect(bytes.range(of: Data(secret.utf8)) == nil)
    }

    @Test func `a killed server loses no later try`() async throws {
        let binary = try RealBinary()
        let port = try freePort()
        let (config, secret) = try await Self.prepare(binary, port: port)
        let names = try FileManager.default.contentsOfDirectory(atPath: binary.data).filter { $0.hasSuffix(".sqlite") }
        let database = binary.data + "/" + (try #require(names.first))
        let count = 400
        let queue = try DatabaseQueue(path: database)
        try await queue.write { db in
            for number in 1...count {
                try db.execute(
                    sql: """
                        INSERT INTO delivery (business_id, endpoint_id, event_id, kind, body, mode, timeout_seconds, state, next_at, created_at)
                        VALUES (1, 1, ?1, 'message.received', ?2, 'notify', 10, 'waiting', 1, 1)
                        """,
                    arguments: ["msg_\(number)", Data(#"{"type":"message.received","data":{}}"#.utf8)]
                )
            }
            try db.execute(sql: "UPDATE webhook_endpoint SET next_at = 1")
        }
        @Sendable func done() async throws -> Int {
            try await queue.read {
                try Int.fetchOne($0, sql: "SELECT count(*) FROM delivery WHERE state = 'done'") ?? 0
            }
        }
        let arguments = ["--config", config, "--listen", "127.0.0.1:0"]
        try await Self.handling(secret, port) {
            _ = try await Self.untilTaken(binary, config)
            for part in 1...2 {
                let (_, code) = try await binary.serving(arguments) { server in
                    while try await done() < count * part / 3 { await Task.yield() }
                    server.signal(SIGKILL)
                }
                #expect(code == 128 + SIGKILL)
            }
            let (_, last) = try await binary.serving(arguments) { _ in
                while try await done() < count { await Task.yield() }
            }
            #expect(last == 0)
        }
        let list = try await binary.succeed("deliveries", "maier", "--json", "--limit", "500").list()
        #expect(list.count == count)
        #expect(list.allSatisfy { $0["state"] as? String == "done" && $0["status"] as? Int == 200 })
        #expect(try await binary.succeed("deliveries", "show", "maier", "msg_7").output.contains("webhook-id msg_7"))
        #expect(try await binary.run("deliveries", "show", "maier", "dlv_9999").code == 3)
        #expect(try await binary.run("deliveries", "drop", "maier", "dlv_7").code == 3)
        let replayed = try await binary.succeed("deliveries", "replay", "maier", "dlv_7")
        #expect(replayed.output.contains("1 deliveries"))
        #expect(try await binary.run("deliveries", "replay", "maier").code == 64)
        let none = try await binary.succeed("deliveries", "replay", "maier", "--from", "2026-01-01T00:00:00Z", "--json")
        #expect(try none.json()["replayed"] as? Int == 0)
        try queue.close()
    }

    @Test func `what failed is told again by its time and step, and the rest dropped, however many there are`()
        async throws
    {
        let binary = try RealBinary()
        let port = try freePort()
        let (config, secret) = try await Self.prepare(binary, port: port)
        let queue = try DatabaseQueue(path: binary.data + "/switchboard.sqlite")
        // One a minute from a midnight on, in turns of the webhook and of one that the pipeline calls no more.
        let midnight = (Int64(Date().timeIntervalSince1970) / 86_400 - 2) * 86_400_000
        try await queue.write { db in
            try db.execute(
                sql: """
                    INSERT INTO webhook_endpoint (business_id, step, url, in_force, created_at) VALUES (1, 'other', 'https://other.example/', 0, 0);
                    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999)
                    INSERT INTO delivery (business_id, endpoint_id, event_id, kind, body, mode, timeout_seconds, state, created_at, settled_at, attempts)
                    SELECT 1, 1 + i % 2, 'msg_' || i, 'message.received', x'7b2274797065223a226d6573736167652e7265636569766564222c2264617461223a7b7d7d',
                        'notify', 10, 'failed', \(midnight) + i * 60000, \(midnight) + i * 60000, 10 FROM n;
                    """
            )
        }
        func moment(_ minutes: Int64) -> String {
            Date(timeIntervalSince1970: TimeInterval(midnight / 1000 + minutes * 60)).formatted(.iso8601)
        }
        let range = ["--from", moment(100), "--to", moment(600)]
        let replayed = try await binary.run(["deliveries", "replay", "maier", "--step", "desk", "--json"] + range)
        #expect(try replayed.json()["replayed"] as? Int == 250)
        @Sendable func numbers(_ state: String) async throws -> [Int] {
            try await queue.read { db in
                let sql = "SELECT event_id FROM delivery WHERE state = ?1 ORDER BY id"
                return try String.fetchAll(db, sql: sql, arguments: [state]).compactMap { Int($0.dropFirst(4)) }
            }
        }
        let meant = Array(stride(from: 100, to: 600, by: 2))
        #expect(try await numbers("waiting") == meant)
        try await Self.handling(secret, port) {
            _ = try await Self.untilTaken(binary, config)
            let (_, code) = try await binary.serving(["--config", config, "--listen", "127.0.0.1:0"]) { _ in
                while try await numbers("done").count < meant.count { await Task.yield() }
            }
            #expect(code == 0)
        }
        #expect(try await numbers("done") == meant)
        let dropped = try await binary.run(["deliveries", "drop", "maier", "--json"] + range)
        #expect(try dropped.json()["dropped"] as? Int == 250)
        #expect(try await numbers("dropped") == Array(stride(from: 101, to: 600, by: 2)))
        let left = try await binary.succeed("deliveries", "maier", "--failed", "--json", "--limit", "1000").list()
        #expect(left.count == 500)
        // One of them by its id, and a second time: what is taken is told again when it is named.
        let id = try #require(left.last?["id"] as? String)
        #expect(try await binary.succeed("deliveries", "replay", "maier", id).output.contains("1 deliveries"))
        #expect(try await binary.succeed("deliveries", "drop", "maier", id).output.contains("1 deliveries"))
        let strange = try await binary.run("deliveries", "replay", "maier", "--from", "yesterday")
        #expect(strange.code == 2 && strange.errors.contains("2026-11-23T00:00:00Z"), "\(strange.errors)")
        try queue.close()
    }
}
