import Foundation
import Simulator
import Telegram
import Testing

@Suite("The commands, as real processes", .serialized, .timeLimit(.minutes(2)))
struct CommandProcessTests {
    /// What fails says so in one line on standard error, names the mend, prints nothing else, and ends with the code of the surface.
    private static func expectFailure(
        _ outcome: RealBinary.Outcome,
        code: Int32,
        mentioning words: [String],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(outcome.code == code, "\(outcome.errors)", sourceLocation: sourceLocation)
        #expect(outcome.output.isEmpty, sourceLocation: sourceLocation)
        let lines = outcome.errors.split(separator: "\n")
        #expect(lines.count == 1, "\(outcome.errors)", sourceLocation: sourceLocation)
        for word in words {
            #expect(outcome.errors.contains(word), "\(outcome.errors)", sourceLocation: sourceLocation)
        }
    }

    @Test func `without a database every command says how to make one`() async throws {
        let binary = try RealBinary()
        for command in [
            "business list", "bot list", "conversations maier", "updates failed", "migrate --check", "serve",
        ] {
            let outcome = try await binary.run(command.split(separator: " ").map(String.init))
            Self.expectFailure(outcome, code: 5, mentioning: ["switchboard init"])
        }
    }

    @Test func `init makes private files once, and never touches what is there`() async throws {
        let binary = try RealBinary()
        try await binary.succeed("init")
        for name in ["", "/master.key", "/switchboard.sqlite"] {
            let attributes = try FileManager.default.attributesOfItem(atPath: binary.data + name)
            #expect(attributes[.posixPermissions] as? Int == (name.isEmpty ? 0o700 : 0o600), "\(name)")
        }
        let key = FileManager.default.contents(atPath: binary.data + "/master.key")
        Self.expectFailure(try await binary.run("init"), code: 5, mentioning: ["already"])
        #expect(FileManager.default.contents(atPath: binary.data + "/master.key") == key)
    }

    @Test func `a data directory that cannot be is told at once`() async throws {
        let binary = try RealBinary()
        let outcome = try await binary.run("init", "--data", "/dev/null/data")
        Self.expectFailure(outcome, code: 5, mentioning: ["/dev/null/data"])
        let missing = try await binary.run("init", "--data", binary.folder + "/a/b/c")
        Self.expectFailure(missing, code: 5, mentioning: ["parent directory"])
    }

    @Test func `businesses are named, renamed, suspended, and told apart`() async throws {
        let binary = try RealBinary()
        try await binary.succeed("init")
        let added = try await binary.succeed("business", "add", "Blumen Müller", "--json").json()
        #expect(added["slug"] as? String == "blumen-muller")
        Self.expectFailure(try await binary.run("business", "add", "Blumen Müller"), code: 1, mentioning: ["--slug"])
        Self.expectFailure(try await binary.run("business", "add", "花屋"), code: 2, mentioning: ["--slug"])
        Self.expectFailure(try await binary.run("business", "add", "X", "--slug", "No"), code: 2, mentioning: ["a-z"])
        Self.expectFailure(try await binary.run("business", "show", "nobody"), code: 3, mentioning: ["business list"])
        try await binary.succeed("business", "rename", "blumen-muller", "Müller & Töchter")
        try await binary.succeed("business", "suspend", "biz_1")
        let shown = try await binary.succeed("business", "show", "blumen-muller", "--json").json()
        #expect(shown["name"] as? String == "Müller & Töchter")
        #expect(shown["state"] as? String == "suspended")
        try await binary.succeed("business", "resume", "blumen-muller")
        #expect(try await binary.succeed("business", "list", "--json").list().count == 1)
        Self.expectFailure(
            try await binary.run("conversations", "blumen-muller", "--after", "x"),
            code: 2,
            mentioning: ["next_cursor"]
        )
        Self.expectFailure(
            try await binary.run("history", "blumen-muller", "cnv_9"),
            code: 3,
            mentioning: ["conversations"]
        )
    }

    @Test func `how long raw updates are kept is shown and chosen`() async throws {
        let binary = try RealBinary()
        try await binary.succeed("init")
        try await binary.succeed("business", "add", "Maier")
        #expect(try await binary.succeed("retention", "maier").output == "maier (biz_1): raw updates are kept for 7d\n")
        try await binary.succeed("retention", "biz_1", "--raw", "30d")
        #expect(try await binary.succeed("retention", "maier", "--json").json()["raw"] as? String == "30d")
        Self.expectFailure(try await binary.run("retention", "maier", "--raw", "a week"), code: 2, mentioning: ["365d"])
        Self.expectFailure(try await binary.run("retention", "nobody"), code: 3, mentioning: ["business list"])
        #expect(try await binary.run("retention", "maier", "--messages", "365d").code == 64)
    }

    @Test func `wrong usage is told by the parser, wrong settings all at once`() async throws {
        let binary = try RealBinary()
        #expect(try await binary.run("business", "list", "--jsn").code == 64)
        #expect(try await binary.run("nonsense").code == 64)
        let outcome = try await binary.run(
            ["serve", "--listen", "nowhere", "--public-url", "http://example.com", "--log-level", "loud"],
            environment: ["SWITCHBOARD_LOG_FORMAT": "xml", "SWITCHBOARD_LISTN": "x"]
        )
        #expect(outcome.code == 2)
        #expect(outcome.errors.split(separator: "\n").count == 5)
        for name in ["LISTEN", "PUBLIC_URL", "LOG_LEVEL", "LOG_FORMAT", "LISTN"] {
            #expect(outcome.errors.contains("SWITCHBOARD_" + name))
        }
    }

    @Test func `serve refuses a missing, exposed or foreign key before it listens`() async throws {
        let binary = try RealBinary()
        try await binary.succeed("init")
        let key = binary.data + "/master.key"
        let serve = ["serve", "--listen", "127.0.0.1:0", "--public-url", "https://bots.example.com"]
        let other = Data((0..<32).map { UInt8($0) }).base64EncodedString()
        let foreign = try await binary.run(serve, environment: ["SWITCHBOARD_MASTER_KEY": other])
        Self.expectFailure(foreign, code: 1, mentioning: ["not the master key"])
        #expect(!foreign.errors.contains(other))
        let malformed = try await binary.run(serve, environment: ["SWITCHBOARD_MASTER_KEY": "short"])
        Self.expectFailure(malformed, code: 1, mentioning: ["SWITCHBOARD_MASTER_KEY", "32 bytes"])
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: key)
        Self.expectFailure(try await binary.run(serve), code: 1, mentioning: ["chmod 600"])
        try FileManager.default.removeItem(atPath: key)
        Self.expectFailure(try await binary.run(serve), code: 1, mentioning: ["master.key", "does not exist"])
    }

    @Test func `the demo ends when it is told to, and leaves nothing behind`() async throws {
        let binary = try RealBinary()
        let code = try await binary.interruptingDemo()
        #expect(code == 0)
        let left = try FileManager.default.contentsOfDirectory(atPath: binary.folder)
        #expect(left.filter { $0.hasPrefix("switchboard-demo") } == [])
    }

    @Test func `a log that cannot be written does not end the server`() async throws {
        let binary = try RealBinary()
        try await binary.succeed("init")
        let port = try freePort()
        let code = try await binary.servingWithFullLog(port: port)
        #expect(code == 0)
    }

    @Test func `a damaged database is told, and left as it is`() async throws {
        let binary = try RealBinary()
        try await binary.succeed("init")
        let file = binary.data + "/switchboard.sqlite"
        let garbage = Data(repeating: 0x41, count: 8192)
        try garbage.write(to: URL(fileURLWithPath: file))
        for command in [["business", "list"], ["serve", "--public-url", "https://bots.example.com"]] {
            Self.expectFailure(try await binary.run(command), code: 5, mentioning: ["damaged"])
        }
        #expect(FileManager.default.contents(atPath: file) == garbage)
    }

    @Test func `a token comes from standard input or a file, and what is wrong with it is told without it`()
        async throws
    {
        let binary = try RealBinary()
        try await binary.succeed("init")
        try await binary.succeed("business", "add", "Maier")
        let telegram = SimulatedTelegram(seed: 5)
        let bot = try telegram.addBot(name: "Maier", username: "maier_bot")
        let token = bot.token.reveal()
        let noURL = try await binary.run("bot", "add", "maier", "--token-stdin", input: token)
        Self.expectFailure(noURL, code: 1, mentioning: ["--public-url"])
        try await SimulatorServer(telegram).whileRunning { port in
            let server = ["--public-url", "http://127.0.0.1:1", "--bot-api", "http://127.0.0.1:\(port)"]
            func add(
                _ input: String,
                _ more: [String] = ["--token-stdin"],
                business: String = "maier"
            ) async throws
                -> RealBinary.Outcome
            {
                try await binary.run(["bot", "add", business] + more + server, input: input)
            }
            Self.expectFailure(try await add("no token"), code: 2, mentioning: ["colon", "@BotFather"])
            Self.expectFailure(try await add(token, []), code: 2, mentioning: ["--token-stdin"])
            let unknown = "99:" + String(repeating: "x", count: 35)
            let refused = try await add(unknown)
            Self.expectFailure(refused, code: 4, mentioning: ["@BotFather"])
            #expect(try await binary.succeed("bot", "list", "--json").list().isEmpty)
            let file = binary.folder + "/token"
            try Data((token + "\n").utf8).write(to: URL(fileURLWithPath: file))
            let added = try await add("", ["--token-file", file, "--json"])
            #expect(added.code == 0)
            #expect(try added.json()["link"] as? String == "https://t.me/maier_bot")
            try FileManager.default.removeItem(atPath: file)
            Self.expectFailure(try await add(token), code: 1, mentioning: ["bot_1"])
            try await binary.succeed("business", "add", "Other")
            let elsewhere = try await add(token, business: "other")
            Self.expectFailure(elsewhere, code: 1, mentioning: ["another business"])
            #expect(!elsewhere.errors.lowercased().contains("maier"))
            #expect(try binary.files(holding: [token, String(token.drop { $0 != ":" }.dropFirst()), unknown]) == [])
        }
    }

    @Test func `where Telegram cannot be reached the bot is kept, and the same command takes it up again`() async throws
    {
        let binary = try RealBinary()
        try await binary.succeed("init")
        try await binary.succeed("business", "add", "Maier")
        let telegram = SimulatedTelegram(seed: 6)
        let bot = try telegram.addBot(name: "Maier", username: "maier_bot")
        let nobody = "http://127.0.0.1:\(try freePort())"
        let arguments = ["bot", "add", "maier", "--token-stdin", "--public-url", "http://127.0.0.1:1", "--bot-api"]
        let failed = try await binary.run(arguments + [nobody], input: bot.token.reveal())
        Self.expectFailure(failed, code: 4, mentioning: ["cannot be reached", "bot_1", "again"])
        let kept = try #require(try await binary.succeed("bot", "list", "--json").list().first)
        #expect(kept["health"] as? String == "unverified")
        #expect((kept["health_detail"] as? String)?.contains("cannot be reached") == true)
        try await SimulatorServer(telegram).whileRunning { port in
            let again = try await binary.run(arguments + ["http://127.0.0.1:\(port)"], input: bot.token.reveal())
            #expect(again.code == 0, "\(again.errors)")
        }
        let shown = try await binary.succeed("bot", "show", "@maier_bot", "--json").json()
        #expect(shown["id"] as? String == "bot_1")
        #expect(shown["health"] as? String == "ok")
    }

    @Test func `a bot added or paused beside a running server is in force within a second`() async throws {
        let binary = try RealBinary()
        try await binary.succeed("init")
        let telegram = SimulatedTelegram(seed: 8)
        let port = try freePort()
        try await SimulatorServer(telegram).whileRunning { simulator in
            let address = [
                "--listen", "127.0.0.1:\(port)", "--public-url", "http://127.0.0.1:\(port)", "--bot-api",
                "http://127.0.0.1:\(simulator)",
            ]
            let (_, code) = try await binary.serving(address) { _ in
                try await binary.succeed("business", "add", "Maier")
                let bot = try telegram.addBot(name: "Maier", username: "maier_bot")
                let person = telegram.addPerson(firstName: "Anna")
                try await binary.succeed("bot", "add", "maier", "--token-stdin", input: bot.token.reveal())
                let added = ContinuousClock.now
                try telegram.say("Guten Tag", from: person, to: bot.id)
                // A delivery before the server knows the hook fails and comes again: at once, then after two seconds.
                try await telegram.drained()
                #expect(ContinuousClock.now - added < .seconds(4))
                try await binary.succeed("bot", "pause", "@maier_bot")
                try telegram.say("noch da?", from: person, to: bot.id)
                try await telegram.drained()
                let second = try await binary.run(["serve"] + address)
                Self.expectFailure(second, code: 5, mentioning: ["another", "serve"])
                let differs = try await binary.run(
                    "bot",
                    "add",
                    "maier",
                    "--token-stdin",
                    "--public-url",
                    "https://other.example.com",
                    input: bot.token.reveal()
                )
                Self.expectFailure(differs, code: 1, mentioning: ["differs"])
            }
            #expect(code == 0)
        }
        let history = try await binary.succeed("history", "maier", "cnv_1", "--json").list()
        #expect(history.compactMap { $0["text"] as? String } == ["noch da?", "Guten Tag"])
        #expect(try await binary.succeed("migrate", "--check").code == 0)
    }

    @Test func `the demo plays, checks itself and leaves nothing behind`() async throws {
        let binary = try RealBinary()
        let outcome = try await binary.run(["demo", "--once", "--json"], environment: ["TMPDIR": binary.folder])
        #expect(outcome.code == 0, "\(outcome.errors)")
        let lines = try outcome.output.split(separator: "\n").map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
        let checks = lines.filter { $0["event"] as? String == "check" }
        #expect(checks.count == 26)
        #expect(checks.allSatisfy { $0["ok"] as? Bool == true })
        let seen = lines.filter { $0["event"] as? String == "seen" && $0["by"] as? String == "Sam" }
        #expect(seen.count == 4)
        let left = try FileManager.default.contentsOfDirectory(atPath: binary.folder)
        #expect(left.filter { $0.hasPrefix("switchboard-demo") } == [])
    }
}
