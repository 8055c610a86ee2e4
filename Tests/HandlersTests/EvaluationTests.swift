import Foundation
import Gateway
import Telegram
import Testing

@testable import Handlers

@Suite("Running a pipeline", .timeLimit(.minutes(1)))
struct EvaluationTests {
    private static func words(_ outcome: PipelineOutcome) -> [String] { outcome.reports.map(\.fate.word) }

    @Test func `steps run in order, see what those before changed, and stop`() throws {
        let file = """
            steps:
              - label: one
              - when: {label: one}
                set: {size: xl, gone: null}
              - when: {attribute: {size: xl}}
                label: {remove: one, add: two}
                stop: true
              - label: three
            """
        let outcome = try Scene.pipeline(file).evaluate(Scene.text("x"))
        #expect(Self.words(outcome) == ["matched", "matched", "matched", "passed_over"])
        #expect(outcome.change.labels == ["one": false, "two": true])
        let size = try #require(AttributeName("size"))
        let gone = try #require(AttributeName("gone"))
        #expect(outcome.change.attributes == [size: "xl", gone: nil])
        #expect(outcome.reports.map(\.line) == [2, 3, 5, 8])
        #expect(outcome.reports[3].fate.reason == "step 3 ended the pipeline")
    }

    @Test func `people who have taken over are not answered over, until a step releases`() throws {
        let file = """
            steps:
              - reply: before
              - when: {command: bot}
                release: true
              - reply: after
            """
        var context = Scene.text("hello")
        context.conversation.isHandledByPeople = true
        let quiet = try Scene.pipeline(file).evaluate(context)
        #expect(Self.words(quiet) == ["passed_over", "not_matched", "passed_over"])
        #expect(quiet.replies == [])
        context = Scene.text("/bot")
        context.conversation.isHandledByPeople = true
        let released = try Scene.pipeline(file).evaluate(context)
        #expect(Scene.texts(released) == ["after"])
        #expect(released.change.handling == .pipeline)
        // Without people nothing is released.
        #expect(try Scene.pipeline(file).evaluate(Scene.text("/bot")).change.handling == nil)
    }

    @Test func `a hand-off ends the answers of its own pipeline`() throws {
        let file = "steps:\n  - reply: a\n  - hand_off: {release_after: 2h}\n  - reply: b\n  - assign: Anna\n"
        let outcome = try Scene.pipeline(file).evaluate(Scene.text("x"))
        #expect(Scene.texts(outcome) == ["a"])
        #expect(outcome.change.handling == .people(.init(releaseAfterSeconds: 7200)))
        #expect(Self.words(outcome) == ["matched", "matched", "passed_over", "passed_over"])
        let assigned = try Scene.pipeline("steps:\n  - assign: Anna\n  - assign: null\n").evaluate(Scene.text("x"))
        #expect(assigned.change.assignee == .some(nil))
    }

    @Test func `edits run only steps that ask for them`() throws {
        let file = "steps:\n  - label: never\n  - edits: also\n    label: also\n  - edits: only\n    label: only\n"
        var context = Scene.text("x")
        #expect(try Scene.pipeline(file).evaluate(context).change.labels == ["never": true, "also": true])
        context.message.isEdit = true
        #expect(try Scene.pipeline(file).evaluate(context).change.labels == ["also": true, "only": true])
    }

    @Test func `a step that fails changes nothing, and the next ones run`() throws {
        let labels = (0..<50).map { "l\($0)" }
        var context = Scene.text("x")
        context.labels = Set(labels)
        let file = "steps:\n  - label: [l1, more]\n  - label: {remove: l2}\n  - label: more\n"
        let outcome = try Scene.pipeline(file).evaluate(context)
        #expect(Self.words(outcome) == ["failed", "matched", "matched"])
        #expect(outcome.change.labels == ["l2": false, "more": true])
    }

    @Test func `a message is forwarded to each chat of the staff once`() throws {
        let file =
            "steps:\n  - forward: {to: -100123}\n  - forward: {to: -100123}\n  - forward: {to: -100123, thread: 5}\n"
        let outcome = try Scene.pipeline(file).evaluate(Scene.text("x"))
        #expect(outcome.forwards == [.init(chat: -100_123), .init(chat: -100_123, threadID: 5)])
    }

    @Test(arguments: [
        ("Order #4711 is late", "4711"), ("# 12", nil), ("##7", "7"), ("#" + String(repeating: "1", count: 21), nil),
        ("no number", nil), ("#x #8", "8"),
    ])
    func `the example of a handler in Swift finds an order's number`(text: String, number: String?) async throws {
        let outcome = try await Scene.pipeline("steps:\n  - swift: order_number\n").evaluate(Scene.text(text))
        let name = try #require(AttributeName("order_number"))
        #expect(outcome.change.attributes[name] == number.map { .some($0) })
    }

    @Test func `a handler of one's own is called by its name`() async throws {
        struct Shout: Handler {
            func handle(_ context: PipelineContext) async throws(StepFailure) -> StepEffects {
                guard let text = context.message.text else { throw StepFailure("nothing to shout") }
                var effects = StepEffects()
                effects.replies = [PipelineReply(.text(FormattedText(text.uppercased()), linkPreview: .none))]
                return effects
            }
        }
        let reader = PipelineFile(handlers: SwiftHandlers(["shout": { _ in Shout() }]))
        let pipeline = try reader.pipeline("steps:\n  - swift: shout\n")
        #expect(Scene.texts(await pipeline.evaluate(Scene.text("hey"))) == ["HEY"])
        #expect(await pipeline.evaluate(Scene.press("x")).reports[0].fate == .failed("nothing to shout"))
        #expect(throws: PipelineProblems.self) { try reader.pipeline("steps:\n  - swift: order_number\n") }
    }

    @Test func `no reason holds a word of the message`() throws {
        let conditions = [
            "{text: {equals: a}}", "{text: {contains: a}}", "{text: {any_word: a}}", "{text: {glob: a}}",
            "{command: a}",
            "{callback: a}", "{kind: photo}", "{attribute: {size: a}}",
        ]
        let file = "steps:\n" + conditions.map { "  - when: \($0)\n    stop: true\n" }.joined()
        for context in [Scene.text("Geheimnis"), Scene.text("/geheimnis Geheimnis"), Scene.press("Geheimnis")] {
            var context = context
            context.attributes[try #require(AttributeName("size"))] = "Geheimnis"
            let reasons = try Scene.pipeline(file).evaluate(context).reports.compactMap(\.fate.reason)
            #expect(reasons.count == conditions.count)
            #expect(reasons.allSatisfy { !$0.lowercased().contains("geheimnis") })
        }
    }
}

@Suite("A business's own files", .timeLimit(.minutes(1)))
struct FilesFolderTests {
    @Test func `a name leads to a file of the folder, or nowhere`() throws {
        let top = NSTemporaryDirectory() + "switchboard-files-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: top) }
        let path = top + "/own"
        try FileManager.default.createDirectory(atPath: path + "/2026", withIntermediateDirectories: true)
        for name in ["/menu.pdf", "/2026/menu.pdf", "/.hidden", "/../secret"] {
            try Data("content".utf8).write(to: URL(fileURLWithPath: path + name))
        }
        try Data().write(to: URL(fileURLWithPath: path + "/empty"))
        try FileManager.default.createSymbolicLink(atPath: path + "/link", withDestinationPath: "menu.pdf")
        try FileManager.default.createSymbolicLink(atPath: path + "/up", withDestinationPath: "..")
        #expect(mkfifo(path + "/pipe", 0o600) == 0)
        let folder = FilesFolder(path: path)
        for name in ["menu.pdf", "2026/menu.pdf"] {
            #expect(try folder.open(name).readToEnd() == Data("content".utf8))
        }
        let refused = [
            "../secret", "2026/../menu.pdf", "/menu.pdf", "menu.pdf/", ".hidden", "link", "up/secret", "2026", "pipe",
            "empty", "none", "", "2026//menu.pdf", "a/b/c/d/e/f", "menu.pdf\0",
        ]
        for name in refused { #expect(throws: FilesFolder.Unusable.self, "\(name)") { try folder.open(name) } }
        #expect(throws: FilesFolder.Unusable.self) { try FilesFolder(path: top + "/none").open("menu.pdf") }
    }
}

@Suite("What starts a pipeline", .timeLimit(.minutes(1)))
struct PipelineStartTests {
    private static func start(
        _ update: String,
        owner: Int64? = nil
    ) throws(PipelineContext.Incoming.NotStarted) -> PipelineContext.Incoming {
        let bot = RegisteredBot(
            id: BotID(rawValue: 1),
            businessID: BusinessID(rawValue: 1),
            hook: "",
            secret: SecretDigest(of: [UInt8]()),
            previousSecret: nil,
            runs: true
        )
        return try .init(Intake.record(of: Array(update.utf8), for: bot, at: Scene.noon), owner: owner)
    }

    private static let anna = #""from":{"id":501,"is_bot":false,"first_name":"Anna"}"#
    private static let chat = #""chat":{"id":501,"type":"private","first_name":"Anna"}"#

    @Test func `what a customer wrote or pressed does`() throws {
        let text = try Self.start(
            "{\"update_id\":1,\"message\":{\"message_id\":9,\"date\":100,\(Self.anna),\(Self.chat),\"text\":\"hi\"}}"
        )
        #expect(text.kind == "text" && text.text == "hi" && text.telegramMessageID == 9 && !text.isEdit)
        let edit = try Self.start(
            "{\"update_id\":1,\"edited_message\":{\"message_id\":9,\"date\":100,\"edit_date\":101,\(Self.anna),\(Self.chat),\"text\":\"ho\"}}"
        )
        #expect(edit.isEdit)
        let button = try Self.start(
            "{\"update_id\":1,\"callback_query\":{\"id\":\"77\",\(Self.anna),\"chat_instance\":\"1\",\"data\":\"buy:1\",\"message\":{\"message_id\":9,\"date\":100,\(Self.chat),\"text\":\"menu\"}}}"
        )
        #expect(
            button.kind == "button" && button.callbackData == "buy:1" && button.callbackID == "77" && button.text == nil
        )
        #expect(button.telegramMessageID == 9)
    }

    @Test func `owners, bots, service messages and who is not known do not`() throws {
        let business =
            "{\"update_id\":1,\"business_message\":{\"business_connection_id\":\"b\",\"message_id\":9,\"date\":100,\(Self.anna),\(Self.chat),\"text\":\"hi\"}}"
        #expect(throws: PipelineContext.Incoming.NotStarted.notACustomer(.unknown)) { try Self.start(business) }
        #expect(throws: PipelineContext.Incoming.NotStarted.notACustomer(.owner)) {
            try Self.start(business, owner: 501)
        }
        #expect(try Self.start(business, owner: 7).text == "hi")
        let bot =
            "{\"update_id\":1,\"message\":{\"message_id\":9,\"date\":100,\"from\":{\"id\":5,\"is_bot\":true,\"first_name\":\"B\"},\(Self.chat),\"text\":\"hi\"}}"
        #expect(throws: PipelineContext.Incoming.NotStarted.notACustomer(.bot)) { try Self.start(bot) }
        let service =
            "{\"update_id\":1,\"message\":{\"message_id\":9,\"date\":100,\(Self.anna),\(Self.chat),\"group_chat_created\":true}}"
        #expect(throws: PipelineContext.Incoming.NotStarted.service) { try Self.start(service) }
        let poll = "{\"update_id\":1,\"poll\":{\"id\":\"5\",\"question\":\"q\",\"options\":[]}}"
        #expect(throws: PipelineContext.Incoming.NotStarted.noMessage(kind: "poll")) { try Self.start(poll) }
        let unknown =
            "{\"update_id\":1,\"message\":{\"message_id\":9,\"date\":100,\(Self.anna),\(Self.chat),\"hologram\":{}}}"
        #expect(throws: PipelineContext.Incoming.NotStarted.unknownContent) { try Self.start(unknown) }
    }
}
