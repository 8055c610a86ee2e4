import Foundation
import Gateway
import NIOCore
import Telegram
import Testing

@testable import HTTPSurface
@testable import Storage

extension SurfaceTests {
    @Suite("The metrics of a running server", .timeLimit(.minutes(1)))
    struct MetricsTests {
        private static func scrape(_ server: LiveServer) async throws -> (text: String, read: Exposition) {
            var answer: RawClient.Answer?
            try await RawClient.connected(to: server.metricsPort) { client in
                try await client.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
                answer = try await client.answer()
            }
            let given = try #require(answer)
            #expect(given.status == 200)
            #expect(given.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
            return (given.body, try Exposition(given.body))
        }

        private static func status(_ server: LiveServer, _ text: String, metrics: Bool = false) async throws -> Int? {
            var status: Int?
            try await RawClient.connected(to: metrics ? server.metricsPort : server.port) { client in
                try await client.send(text)
                status = try await client.answer()?.status
            }
            return status
        }

        @Test func `what comes in is counted by what became of it`() async throws {
            try await LiveServer.with { server async throws in
                let before = try await Self.scrape(server).read
                for outcome in ["stored", "duplicate", "conflict", "failed"] {
                    #expect(before.value("switchboard_intake_updates_total", ["outcome": outcome]) == 0, "\(outcome)")
                }
                let bodies = [
                    LiveServer.update(1), LiveServer.update(2), LiveServer.update(2), "no update",
                    LiveServer.update(1, chat: 78), #"{"update_id":9,"kind_of_tomorrow":{}}"#,
                ]
                for body in bodies { #expect(try await Self.status(server, server.request(body)) == 200) }
                let wrong = "X-Telegram-Bot-Api-Secret-Token: wrong"
                let refused = [
                    (server.head([wrong], length: 1), 401), (server.head(path: "/telegram/x"), 404),
                    (server.head(method: "GET"), 405), (server.head(length: 2 << 20), 413),
                ]
                for (text, status) in refused { #expect(try await Self.status(server, text) == status) }
                let read = try await Self.scrape(server).read
                let updates = ["stored": 4.0, "duplicate": 1, "conflict": 1, "failed": 0]
                for (outcome, count) in updates {
                    #expect(
                        read.value("switchboard_intake_updates_total", ["outcome": outcome]) == count,
                        "\(outcome)"
                    )
                }
                let marks = ["unreadable": 1.0, "unknown_kind": 1, "conflict": 1, "kept_raw": 0, "failed": 0]
                for (mark, count) in marks {
                    #expect(read.value("switchboard_intake_marked_total", ["mark": mark]) == count, "\(mark)")
                }
                let statuses = ["401": 1.0, "404": 1, "405": 1, "413": 1, "503": 0]
                for (status, count) in statuses {
                    #expect(read.value("switchboard_intake_refused_total", ["status": status]) == count, "\(status)")
                }
                let bytes = bodies.map { Double($0.utf8.count) }.reduce(0, +)
                #expect(read.value("switchboard_intake_bytes_total") == bytes)
                let own = ["business": server.business.id.description]
                #expect(read.value("switchboard_business_updates_total", own) == 4)
                #expect(read.value("switchboard_kept_updates") == 3)
            }
        }

        @Test func `one transaction is measured once, with all that waited for it`() async throws {
            try await LiveServer.with { server async throws in
                let before = try await Self.scrape(server).read
                let registered = try #require(server.registry.bot(hook: server.bot.hook))
                let (answers, answer) = AsyncStream<IntakeOutcome>.makeStream()
                try await server.holdingTheWriter { release in
                    for number in 1...20 {
                        let body = Array(LiveServer.update(number).utf8)
                        server.store.accept(Intake.record(of: body, for: registered, at: .now())) { answer.yield($0) }
                    }
                    let held = try await Self.scrape(server).read
                    #expect(held.value("switchboard_write_waiting") == 20)
                    #expect(try #require(held.value("switchboard_write_oldest_seconds")) > 0)
                    release()
                    var answered = 0
                    for await outcome in answers {
                        #expect(outcome == .stored)
                        answered += 1
                        if answered == 20 { break }
                    }
                }
                let read = try await Self.scrape(server).read
                #expect(read.value("switchboard_write_waiting") == 0)
                #expect(read.value("switchboard_write_oldest_seconds") == 0)
                // The closure that held the writer was a transaction of its own.
                func grown(_ name: String, _ labels: [String: String] = [:]) -> Double {
                    (read.value(name, labels) ?? .nan) - (before.value(name, labels) ?? .nan)
                }
                #expect(grown("switchboard_write_batches_total", ["result": "committed"]) == 2)
                #expect(grown("switchboard_write_batch_size_sum") == 21)
                #expect(grown("switchboard_write_batch_size_count") == 2)
                #expect(grown("switchboard_write_batch_size_bucket", ["le": "32"]) == 2)
                #expect(grown("switchboard_write_batch_size_bucket", ["le": "16"]) == 1)
                #expect(grown("switchboard_write_wait_seconds_count") == 2)
                let transaction = grown("switchboard_commit_seconds_sum")
                #expect(grown("switchboard_commit_seconds_count") == 2)
                #expect(grown("switchboard_flush_seconds_count") == 2)
                #expect(grown("switchboard_flush_seconds_sum") > 0)
                #expect(grown("switchboard_flush_seconds_sum") < transaction)
            }
        }

        @Test func `a record that fails alone shows in the results, and its 503 with its business`() async throws {
            try await LiveServer.with { server async throws in
                let known = try #require(server.registry.bot(hook: server.bot.hook))
                let gone = RegisteredBot(
                    id: BotID(rawValue: 999_999),
                    businessID: known.businessID,
                    hook: known.hook,
                    secret: known.secret,
                    previousSecret: nil,
                    runs: true
                )
                let body = Array(LiveServer.update(1).utf8)
                let outcome = await withCheckedContinuation { continuation in
                    server.store.accept(Intake.record(of: body, for: gone, at: .now())) {
                        continuation.resume(returning: $0)
                    }
                }
                guard case .unavailable = outcome else {
                    Issue.record("\(outcome)")
                    return
                }
                let read = try await Self.scrape(server).read
                #expect(read.value("switchboard_write_batches_total", ["result": "one_by_one"]) == 1)
                #expect(read.value("switchboard_intake_updates_total", ["outcome": "failed"]) == 1)
                #expect(read.value("switchboard_intake_updates_total", ["outcome": "stored"]) == 0)
                #expect(read.value("switchboard_intake_marked_total", ["mark": "failed"]) == 0)
            }
        }

        @Test func `a server that stops answers 503, and counts it`() async throws {
            try await LiveServer.with { server async throws in
                await server.store.writes.close()
                #expect(try await Self.status(server, server.request(LiveServer.update(1))) == 503)
                let read = try await Self.scrape(server).read
                #expect(read.value("switchboard_intake_refused_total", ["status": "503"]) == 1)
                let own = ["business": server.business.id.description]
                #expect(read.value("switchboard_business_refused_total", own) == 1)
            }
        }

        @Test func `connections are counted while they are open`() async throws {
            try await LiveServer.with(limits: .init(idle: .milliseconds(10), look: .milliseconds(10))) { server in
                #expect(try await Self.scrape(server).read.value("switchboard_webhook_connections") == 0)
                try await RawClient.connected(to: server.port) { client in
                    try await client.send(server.request(LiveServer.update(1)))
                    #expect(try await client.answer()?.status == 200)
                    #expect(try await client.isClosed())
                }
                let read = try await Self.scrape(server).read
                #expect(read.value("switchboard_webhook_slow_connections_total") == 1)
            }
            try await LiveServer.with { server async throws in
                try await RawClient.connected(to: server.port) { client in
                    try await client.send(server.request(LiveServer.update(1)))
                    #expect(try await client.answer()?.status == 200)
                    #expect(try await Self.scrape(server).read.value("switchboard_webhook_connections") == 1)
                }
                var open: Double? = 1
                while open != 0 { open = try await Self.scrape(server).read.value("switchboard_webhook_connections") }
            }
        }

        @Test func `store and process are read when somebody asks`() async throws {
            try await LiveServer.with { server async throws in
                let started = Date().timeIntervalSince1970
                let read = try await Self.scrape(server).read
                #expect(read.value("switchboard_build_info", ["version": "0.0.0-test"]) == 1)
                #expect(read.value("switchboard_bots", ["state": "active", "health": "unverified"]) == 1)
                #expect(read.value("switchboard_bots", ["state": "paused", "health": "ok"]) == 0)
                #expect(read.values.keys.count { $0.name == "switchboard_bots" } == 8)
                #expect(read.value("switchboard_businesses", ["state": "active"]) == 1)
                #expect(read.value("switchboard_businesses", ["state": "removing"]) == 0)
                #expect(read.value("switchboard_history_tail_messages") == 0)
                for state in ["ok", "failing", "off"] {
                    #expect(read.value("switchboard_handler_webhooks", ["state": state]) == 0)
                }
                #expect(read.value("switchboard_deliveries_waiting") == 0)
                for name in ["switchboard_database_bytes", "switchboard_database_wal_bytes"] {
                    #expect(try #require(read.value(name)) >= 4096, "\(name)")
                }
                #expect(try #require(read.value("switchboard_disk_free_bytes")) > 0)
                #if os(Linux)
                #expect(try #require(read.value("process_resident_memory_bytes")) > 1_000_000)
                #expect(try #require(read.value("process_cpu_seconds_total")) > 0)
                let files = try #require(read.value("process_open_fds"))
                #expect(files > 3 && files <= (read.value("process_max_fds") ?? 0))
                let start = try #require(read.value("process_start_time_seconds"))
                #expect(start <= started && start > started - 86_400)
                #endif
                _ = try await server.store.setPaused(true, of: server.bot.id)
                let paused = try await Self.scrape(server).read
                #expect(paused.value("switchboard_bots", ["state": "paused", "health": "unverified"]) == 1)
                #expect(paused.value("switchboard_bots", ["state": "active", "health": "unverified"]) == 0)
            }
        }

        @Test func `every metric is described, and nothing in it is anybody's`() async throws {
            try await LiveServer.with { server async throws in
                #expect(try await Self.status(server, server.request(LiveServer.update(1))) == 200)
                let (text, read) = try await Self.scrape(server)
                let described = Dictionary(uniqueKeysWithValues: MetricDescription.all.map { ($0.name, $0) })
                #expect(Set(read.types.keys).isSubset(of: described.keys))
                let missing = Set(described.keys).subtracting(read.types.keys)
                #expect(missing == [])
                for name in read.types.keys { #expect(read.helps[name] != nil, "\(name)") }
                for series in read.values.keys {
                    let name = series.name.replacing(/_(bucket|sum|count)$/, with: "")
                    let metric = try #require(described[series.name] ?? described[name])
                    #expect(Set(series.labels.keys).subtracting(["le"]) == Set(metric.labels), "\(series)")
                }
                let secrets = [
                    server.secret.reveal(), server.bot.hook, "AAAA", "maier", "Maier", "Anna", "Guten", "123456",
                ]
                for secret in secrets { #expect(!text.contains(secret), "\(secret)") }
                for line in server.logs.all { #expect(!line.contains("/metrics"), "\(line)") }
            }
        }

        @Test func `the metrics are on their own listener alone, and nothing else is there`() async throws {
            try await LiveServer.with { server async throws in
                let ask = { (path: String, method: String) in "\(method) \(path) HTTP/1.1\r\nHost: x\r\n\r\n" }
                #expect(try await Self.status(server, ask("/metrics", "GET")) == 404)
                for path in ["/", "/healthz", server.path, "/metrics/x"] {
                    #expect(try await Self.status(server, ask(path, "GET"), metrics: true) == 404, "\(path)")
                }
                #expect(try await Self.status(server, ask("/metrics", "POST"), metrics: true) == 404)
            }
        }

        @Test(.enabled(if: Promtool.path != nil, "promtool is not installed"))
        func `promtool finds nothing to say`() async throws {
            try await LiveServer.with { server async throws in
                #expect(try await Self.status(server, server.request(LiveServer.update(1))) == 200)
                let found = try Promtool.run("check", "metrics", input: try await Self.scrape(server).text)
                #expect(found.output.isEmpty)
                #expect(found.code == 0)
            }
        }
    }
}
