import Foundation
import Simulator
import Telegram
import Testing

@Suite("The life of a bot, as real processes", .serialized, .timeLimit(.minutes(2)))
struct BotLifeCommandTests {
    /// A running simulator and server with a business and its bot.
    private struct Scene: Sendable {
        let binary: RealBinary
        let telegram: SimulatedTelegram
        let bot: SimulatedBot
        let anna: Person

        /// What the bot's history holds, the newest first.
        func texts() async throws -> [String] {
            try await binary.succeed("history", "maier", "cnv_1", "--json").list().compactMap { $0["text"] as? String }
        }

        func say(_ text: String) async throws {
            try telegram.say(text, from: anna, to: bot.id)
            try await telegram.drained()
        }
    }

    private static func with(_ body: @escaping @Sendable (Scene) async throws -> Void) async throws {
        let binary = try RealBinary()
        try await binary.succeed("init")
        try await binary.succeed("business", "add", "Maier")
        let telegram = SimulatedTelegram(seed: 21)
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
                try await body(Scene(binary: binary, telegram: telegram, bot: bot, anna: anna))
            }
            #expect(code == 0)
        }
    }

    private static func expectFailure(_ outcome: RealBinary.Outcome, code: Int32, mentioning words: [String]) {
        #expect(outcome.code == code, "\(outcome.errors)")
        #expect(outcome.output.isEmpty)
        for word in words { #expect(outcome.errors.contains(word), "\(outcome.errors)") }
    }

    @Test func `a new token keeps history and hook, and no token lies in any file or output`() async throws {
        try await Self.with { scene in
            let binary = scene.binary
            try await scene.say("one")
            let before = try await binary.succeed("bot", "show", "@maier_bot", "--json").json()
            let other = try scene.telegram.addBot(name: "Other", username: "other_bot")
            let foreign = try await binary.run(
                "bot",
                "rotate",
                "@maier_bot",
                "--token-stdin",
                input: other.token.reveal()
            )
            Self.expectFailure(foreign, code: 1, mentioning: ["another bot", "nothing was changed"])
            let next = try scene.telegram.replaceToken(ofBot: scene.bot.id).token
            let dead = try await binary.run(
                "bot",
                "rotate",
                "@maier_bot",
                "--token-stdin",
                input: scene.bot.token.reveal()
            )
            Self.expectFailure(dead, code: 4, mentioning: ["@BotFather"])
            let rotated = try await binary.succeed(
                "bot",
                "rotate",
                "@maier_bot",
                "--token-stdin",
                "--json",
                input: next.reveal()
            ).json()
            #expect(rotated["health"] as? String == "ok")
            #expect(rotated["webhook_url"] as? String == before["webhook_url"] as? String)
            try await scene.say("two")
            #expect(try await scene.texts() == ["two", "one"])
            let secrets = [scene.bot.token, next].map { String($0.reveal().drop { $0 != ":" }.dropFirst()) }
            #expect(try binary.files(holding: secrets) == [])
        }
    }

    @Test func `a removed bot is gone at Telegram and here, and comes back with its history`() async throws {
        try await Self.with { scene in
            let binary = scene.binary
            try await scene.say("one")
            Self.expectFailure(try await binary.run("bot", "remove", "@maier_bot"), code: 2, mentioning: ["--yes"])
            let removed = try await binary.succeed("bot", "remove", "@maier_bot", "--yes", "--json").json()
            #expect(removed["state"] as? String == "removed")
            #expect(try await binary.succeed("bot", "list", "--json").list().isEmpty)
            Self.expectFailure(
                try await binary.run("bot", "webhook", "@maier_bot"),
                code: 3,
                mentioning: ["bot list"]
            )
            #expect(try await scene.texts() == ["one"])
            // It waits at Telegram meanwhile.
            try scene.telegram.say("two", from: scene.anna, to: scene.bot.id)
            let token = scene.bot.token.reveal()
            let back = try await binary.succeed("bot", "add", "maier", "--token-stdin", "--json", input: token).json()
            #expect(back["id"] as? String == "bot_1")
            try await scene.telegram.drained()
            #expect(try await scene.texts() == ["two", "one"])
        }
    }

    @Test func `a webhook is shown, deleted, set, and taken back from another program`() async throws {
        try await Self.with { scene in
            let binary = scene.binary
            func webhook(_ more: String...) async throws -> [String: any Sendable] {
                let outcome = try await binary.run(["bot", "webhook", "@maier_bot", "--json"] + more)
                try #require(outcome.code == 0, "\(outcome.errors)")
                return try outcome.json()
            }
            #expect(try await webhook()["differences"] as? [String] == [])
            let deleted = try await webhook("--delete")
            #expect((deleted["telegram"] as? [String: any Sendable])?["url"] as? String == "")
            let shown = try await binary.succeed("bot", "show", "@maier_bot").output
            #expect(shown.contains("--set"))
            #expect(try await webhook("--set")["health"] as? String == "ok")
            let all = try await binary.succeed("bot", "webhook", "--all", "--json").output
            #expect(all.split(separator: "\n").count == 1 && all.contains("\"differences\":[]"))
            #expect(try await binary.run("bot", "webhook", "--all", "--delete").code == 64)
            #expect(try await binary.run("bot", "webhook").code == 64)
            try scene.telegram.revokeToken(ofBot: scene.bot.id)
            let failed = try await binary.run("bot", "webhook", "--all")
            #expect(failed.code == 4 && failed.errors.contains("@maier_bot") && failed.errors.contains("1 of 1"))
            let bot = try await binary.succeed("bot", "show", "@maier_bot", "--json").json()
            #expect(bot["health"] as? String == "token_revoked")
        }
    }

    @Test func `the profile is set from options and a file, the link carries a payload`() async throws {
        try await Self.with { scene in
            let binary = scene.binary
            let file = binary.folder + "/commands.txt"
            try Data("start - Begin\nhours - When we are open\n".utf8).write(to: URL(fileURLWithPath: file))
            let set = try await binary.succeed(
                "bot",
                "profile",
                "@maier_bot",
                "--about",
                "Flowers",
                "--commands",
                file,
                "--json"
            ).json()
            #expect(set["changed"] as? [String] == ["about", "commands"])
            let shown = try await binary.succeed("bot", "profile", "@maier_bot").output
            #expect(shown.contains("Flowers") && shown.contains("/hours - When we are open"))
            let again = try await binary.succeed("bot", "profile", "@maier_bot", "--about", "Plants").output
            #expect(again.contains("- about: Flowers") && again.contains("+ about: Plants"))
            let long = try await binary.run(
                "bot",
                "profile",
                "@maier_bot",
                "--about",
                String(repeating: "x", count: 121)
            )
            Self.expectFailure(long, code: 2, mentioning: ["--about", "120"])
            let missing = try await binary.run("bot", "profile", "@maier_bot", "--commands", "/nowhere")
            Self.expectFailure(missing, code: 2, mentioning: ["/nowhere"])
            let link = try await binary.succeed("bot", "link", "@maier_bot", "--payload", "flyer-1").output
            #expect(link == "https://t.me/maier_bot?start=flyer-1\n")
            let bad = try await binary.run("bot", "link", "@maier_bot", "--payload", "a b")
            Self.expectFailure(bad, code: 2, mentioning: ["64 characters"])
        }
    }

    @Test func `a business is erased beside the running server, and another one is served on`() async throws {
        try await Self.with { scene in
            let binary = scene.binary
            try await binary.succeed("business", "add", "Bauer")
            let theirs = try scene.telegram.addBot(name: "Bauer", username: "bauer_bot")
            try await binary.succeed("bot", "add", "bauer", "--token-stdin", input: theirs.token.reveal())
            for number in 0..<20 { try scene.telegram.say("flowers \(number)", from: scene.anna, to: scene.bot.id) }
            try scene.telegram.say("first", from: scene.anna, to: theirs.id)
            try await scene.telegram.drained()
            Self.expectFailure(
                try await binary.run("business", "remove", "maier"),
                code: 2,
                mentioning: ["--yes", "everything"]
            )
            let files = "\(binary.data)/files"
            for business in ["biz_1", "biz_2"] {
                try FileManager.default.createDirectory(
                    atPath: "\(files)/\(business)",
                    withIntermediateDirectories: true
                )
                try Data("menu".utf8).write(to: URL(filePath: "\(files)/\(business)/menu.txt"))
            }
            let erased = try await binary.succeed("business", "remove", "maier", "--yes", "--json").json()
            #expect(try FileManager.default.contentsOfDirectory(atPath: files) == ["biz_2"])
            #expect((erased["erased_rows"] as? Int ?? 0) > 40)
            #expect(try await binary.run("business", "show", "maier").code == 3)
            let names = try await binary.succeed("business", "list", "--json").list().compactMap {
                $0["slug"] as? String
            }
            #expect(names == ["bauer"])
            try scene.telegram.say("second", from: scene.anna, to: theirs.id)
            try await scene.telegram.drained(theirs.id)
            let conversation = try #require(
                try await binary.succeed("conversations", "bauer", "--json").list().first?["id"] as? String
            )
            let kept = try await binary.succeed("history", "bauer", conversation, "--json").list()
            #expect(kept.compactMap { $0["text"] as? String } == ["second", "first"])
            // The bot is free for another business.
            try await binary.succeed("bot", "add", "bauer", "--token-stdin", input: scene.bot.token.reveal())
        }
    }

    @Test func `a bot registered while Telegram was away is mended by the server alone`() async throws {
        let binary = try RealBinary()
        try await binary.succeed("init")
        try await binary.succeed("business", "add", "Maier")
        let telegram = SimulatedTelegram(seed: 22)
        let bot = try telegram.addBot(name: "Maier", username: "maier_bot")
        let anna = telegram.addPerson(firstName: "Anna")
        let port = try freePort()
        let url = "http://127.0.0.1:\(port)"
        let lost = try await binary.run(
            ["bot", "add", "maier", "--token-stdin", "--public-url", url, "--bot-api", "http://127.0.0.1:1"],
            input: bot.token.reveal()
        )
        #expect(lost.code == 4)
        try telegram.say("are you there?", from: anna, to: bot.id)
        try await SimulatorServer(telegram).whileRunning { simulator in
            let arguments = ["--listen", "127.0.0.1:\(port)", "--public-url", url, "--bot-api"]
            let (_, code) = try await binary.serving(arguments + ["http://127.0.0.1:\(simulator)"]) { _ in
                // Only the server can have set the webhook that this comes by.
                try await telegram.drained()
            }
            #expect(code == 0)
        }
        let history = try await binary.succeed("history", "maier", "cnv_1", "--json").list()
        #expect(history.compactMap { $0["text"] as? String } == ["are you there?"])
    }
}
