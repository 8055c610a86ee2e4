import Foundation
import Simulator
import Telegram
import Testing

@Suite("Pipelines of a running server, as real processes", .serialized, .timeLimit(.minutes(2)))
struct PipelineServingTests {
    private static let file = """
        steps:
          - name: greeting
            when: {text: {contains: hello}}
            reply: Hello {{customer.first_name}}!
          - name: seen
            label: seen
        """

    /// What was done with messages, the newest first.
    private static func log(_ binary: RealBinary) async throws -> [[String: any Sendable]] {
        try await binary.succeed("pipeline", "log", "maier", "--json").list()
    }

    /// Asks the commands again and again; the time limit of the suite ends what never comes.
    private static func until(_ condition: () async throws -> Bool) async throws {
        while try await !condition() { try Task.checkCancellation() }
    }

    @Test func `a pipeline that is set answers, people take a conversation over and give it back, all by commands`()
        async throws
    {
        let binary = try RealBinary()
        try await binary.succeed("init")
        try await binary.succeed("business", "add", "Maier")
        let path = binary.folder + "/hello.yaml"
        try Data(Self.file.utf8).write(to: URL(fileURLWithPath: path))
        let telegram = SimulatedTelegram(seed: 34)
        let bot = try telegram.addBot(name: "Maier", username: "maier_bot")
        let anna = telegram.addPerson(firstName: "Anna")
        let port = try freePort()
        try await SimulatorServer(telegram).whileRunning { simulator in
            let address = [
                "--listen", "127.0.0.1:\(port)", "--public-url", "http://127.0.0.1:\(port)", "--bot-api",
                "http://127.0.0.1:\(simulator)",
            ]
            let (_, code) = try await binary.serving(address) { _ in
                try await binary.succeed("bot", "add", "maier", "--token-stdin", input: bot.token.reveal())
                try telegram.say("nobody hears hello yet", from: anna, to: bot.id)
                try await telegram.drained()
                #expect(try await Self.log(binary).isEmpty)

                try await binary.succeed("pipeline", "set", "maier", path)
                let set = ContinuousClock.now
                // Until the server goes by it, what is written starts no pipeline.
                try await Self.until {
                    try telegram.say("hello", from: anna, to: bot.id)
                    try await telegram.drained()
                    return try await !Self.log(binary).isEmpty
                }
                // A second, and what the commands take to start.
                #expect(ContinuousClock.now - set < .seconds(5))
                let seen = { telegram.messages(in: anna.id, of: bot.id).filter(\.isFromBot).compactMap(\.text) }
                let first = try #require(try await Self.log(binary).last)
                #expect(first["result"] as? String == "ran" && first["pipeline"] as? Int == 1)
                #expect(first["answers"] as? Int == 1 && first["conversation_id"] as? String == "cnv_1")
                let steps = try #require(first["steps"] as? [[String: any Sendable]])
                #expect(steps.compactMap { $0["name"] as? String } == ["greeting", "seen"])
                let runs = try await Self.log(binary).count
                try await Self.until { try await Self.isSent(binary, runs) }
                #expect(seen() == Array(repeating: "Hello Anna!", count: runs))

                let handed = try await binary.succeed("hand-off", "maier", "cnv_1", "--assign", "Ines", "--json").json()
                #expect(handed["handled_by"] as? String == "people" && handed["assignee"] as? String == "Ines")
                #expect(handed["labels"] as? [String] == ["seen"])
                try telegram.say("hello, is it a person?", from: anna, to: bot.id)
                try await Self.until { try await Self.log(binary).count == runs + 1 }
                let quiet = try #require(try await Self.log(binary).first)
                #expect(quiet["answers"] as? Int == 0)
                #expect((quiet["notes"] as? [String])?.first?.contains("people have taken over") == true)

                let released = try await binary.succeed("release", "maier", "cnv_1", "--json").json()
                #expect(released["handled_by"] as? String == "pipeline" && released["assignee"] is String == false)
                try telegram.say("hello again", from: anna, to: bot.id)
                try await Self.until { try await Self.log(binary).count == runs + 2 && seen().count == runs + 1 }
                #expect(try await binary.succeed("pipeline", "log", "maier").output.contains("step 1 greeting: reply"))
                let list = try #require(try await binary.succeed("conversations", "maier", "--json").list().first)
                #expect(list["labels"] as? [String] == ["seen"])
            }
            #expect(code == 0)
        }
    }

    /// Whether so many answers are known to have arrived.
    private static func isSent(_ binary: RealBinary, _ count: Int) async throws -> Bool {
        try await binary.succeed("history", "maier", "cnv_1", "--json").list().count {
            $0["direction"] as? String == "out" && $0["state"] as? String == "sent"
        } >= count
    }
}
