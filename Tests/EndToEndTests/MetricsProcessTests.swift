import Foundation
import Testing

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

@Suite("The metrics, of the real process", .serialized, .timeLimit(.minutes(2)))
struct MetricsProcessTests {
    /// What a loopback port answers to `GET path`: the status and the body.
    private static func get(_ port: Int, _ path: String) async throws -> (status: Int, body: String) {
        let url = try #require(URL(string: "http://127.0.0.1:\(port)\(path)"))
        let (body, response) = try await URLSession(configuration: .ephemeral).data(from: url)
        return (try #require(response as? HTTPURLResponse).statusCode, String(decoding: body, as: UTF8.self))
    }

    @Test func `metrics are shown where they are set to be, and nowhere else`() async throws {
        let binary = try RealBinary()
        try await binary.succeed("init")
        try await binary.succeed("business", "add", "Blumen Maier")
        let (port, metrics) = (try freePort(), try freePort())
        let address = ["--listen", "127.0.0.1:\(port)", "--public-url", "https://bots.example.com"]
        let (_, code) = try await binary.serving(address + ["--metrics-listen", "127.0.0.1:\(metrics)"]) { _ in
            let shown = try await Self.get(metrics, "/metrics")
            #expect(shown.status == 200)
            #expect(shown.body.contains("switchboard_businesses{state=\"active\"} 1\n"))
            #expect(shown.body.contains("switchboard_build_info{version=\"0.1.0\"} 1\n"))
            #expect(try await Self.get(metrics, "/healthz").status == 404)
            #expect(try await Self.get(port, "/metrics").status == 404)
            // Another server's metrics cannot be where these are.
            let other = try RealBinary()
            try await other.succeed("init")
            let elsewhere = ["--listen", "127.0.0.1:0", "--public-url", "https://bots.example.com"]
            let taken = try await other.run(["serve"] + elsewhere + ["--metrics-listen", "127.0.0.1:\(metrics)"])
            #expect(taken.code == 1)
            #expect(taken.errors.contains("127.0.0.1:\(metrics): another program listens there"))
            #expect(taken.errors.contains("--metrics-listen"))
        }
        #expect(code == 0)
    }

    @Test func `addresses and numbers that cannot be are told together, before anything listens`() async throws {
        let binary = try RealBinary()
        try await binary.succeed("init")
        let outcome = try await binary.run(
            "serve",
            "--listen",
            "127.0.0.1:9464",
            "--public-url",
            "https://bots.example.com",
            "--metrics-listen",
            "nowhere",
            "--metrics-businesses",
            "many"
        )
        #expect(outcome.code == 2)
        let lines = outcome.errors.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(outcome.errors.contains("SWITCHBOARD_METRICS_LISTEN (--metrics-listen): must be host:port"))
        #expect(outcome.errors.contains("SWITCHBOARD_METRICS_BUSINESSES (--metrics-businesses): must be a number"))
        let same = try await binary.run(
            "serve",
            "--listen",
            "127.0.0.1:9464",
            "--public-url",
            "https://bots.example.com",
            "--metrics-listen",
            "127.0.0.1:9464"
        )
        #expect(same.code == 2)
        #expect(same.errors.contains("must differ from where webhooks are taken"))
    }
}
