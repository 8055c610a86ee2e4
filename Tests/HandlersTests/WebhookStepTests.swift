import Gateway
import Handlers
import Telegram
import Testing

@Suite("Webhook steps and their answers", .timeLimit(.minutes(1)))
struct WebhookStepTests {
    private static let file = """
        steps:
          - label: before
          - name: orders
            when: {text: {any_word: order}}
            webhook: {url: "https://shop.example/hook", timeout: 15s, ordered: true, hold: 2m}
          - when: {label: vip}
            reply: after
          - label: last
        """

    private static func answer(_ text: String, _ context: PipelineContext = Scene.text("order")) throws -> [StepEffects]
    {
        try AnswerReader().effects(of: Array(text.utf8), context)
    }

    private static func refusal(_ text: String, _ context: PipelineContext = Scene.text("order")) -> String {
        do throws(StepFailure) {
            return "taken: \(try AnswerReader().effects(of: Array(text.utf8), context))"
        } catch {
            return error.description
        }
    }

    /// Goes through a pipeline whose only webhook answers so.
    private static func outcome(
        _ pipeline: Pipeline,
        _ context: PipelineContext = Scene.text("order"),
        _ answer: (PipelineContext) throws -> StepAnswer
    ) throws -> PipelineOutcome {
        var answers: [Int: StepAnswer] = [:]
        while true {
            switch pipeline.evaluate(context, answers: answers) {
            case .complete(let outcome): return outcome
            case .webhook(let step, _, let seen): answers[step] = try answer(seen)
            case .handler: Issue.record("no handler is in it")
            }
        }
    }

    @Test func `evaluation stops at a webhook and goes on with what it answered`() throws {
        let pipeline = try Scene.pipeline(Self.file)
        guard case .webhook(let step, let call, let seen) = pipeline.evaluate(Scene.text("an order"), answers: [:])
        else {
            Issue.record("it did not stop")
            return
        }
        #expect(step == 1)
        let wanted = WebhookCall(step: "orders", url: "https://shop.example/hook", timeoutSeconds: 15, holdSeconds: 120)
        #expect(call == wanted)
        #expect(seen.labels == ["before"])

        let done = try Self.outcome(pipeline) { context in
            .success(try Self.answer(#"{"actions":[{"label":"vip"},{"reply":{"text":"now"}}]}"#, context))
        }
        #expect(done.reports.map(\.fate) == [.matched, .matched, .matched, .matched])
        #expect(Scene.texts(done) == ["now", "after"])
        #expect(done.calls == [wanted])
    }

    @Test func `a webhook that failed is as one that answered nothing`() throws {
        let pipeline = try Scene.pipeline(Self.file)
        let done = try Self.outcome(pipeline) { _ in .failure(StepFailure("no connection")) }
        #expect(done.reports[1].fate == .failed("no connection"))
        #expect(done.reports[2].fate.word == "not_matched")
        #expect(done.change.labels == ["before": true, "last": true])
        #expect(done.calls.count == 1)
    }

    @Test func `a step that does not match calls nobody, and one with stop ends the pipeline after its answer`() throws
    {
        let pipeline = try Scene.pipeline(Self.file)
        #expect(pipeline.evaluate(Scene.text("hello")).calls.isEmpty)
        let stopping = try Scene.pipeline(
            "steps:\n  - {name: a, webhook: 'https://a.example', stop: true}\n  - reply: never"
        )
        for answer in [StepAnswer.success([]), .failure(StepFailure("no"))] {
            let outcome = try Self.outcome(stopping) { _ in answer }
            #expect(outcome.replies.isEmpty)
            #expect(outcome.reports.last?.fate.word == "passed_over")
        }
        let hook = try Scene.pipeline("steps:\n  - {name: a, webhook: 'https://a.example'}\n  - reply: never")
        let stopped = try Self.outcome(hook) { .success(try Self.answer(#"{"actions":[{"stop":true}]}"#, $0)) }
        #expect(stopped.replies.isEmpty)
    }

    @Test func `an answer that hands off keeps the steps after it from running`() throws {
        let pipeline = try Scene.pipeline(Self.file)
        let done = try Self.outcome(pipeline) { context in
            .success(try Self.answer(#"{"actions":[{"hand_off":{"release_after":"2h"}},{"assign":"Anna"}]}"#, context))
        }
        #expect(done.change.handling == .people(.init(releaseAfterSeconds: 7200)))
        #expect(done.change.assignee == .some("Anna"))
        #expect(done.change.labels["last"] == nil)
    }

    @Test func `with notify the pipeline goes on at once`() throws {
        let pipeline = try Scene.pipeline(
            "steps:\n  - {name: stats, webhook: {url: 'https://a.example', mode: notify}}\n  - reply: on"
        )
        let outcome = pipeline.evaluate(Scene.text("x"))
        #expect(outcome.notifications.map(\.call.step) == ["stats"])
        #expect(Scene.texts(outcome) == ["on"])
    }

    @Test func `an answer whose labels are too many is refused whole`() throws {
        let pipeline = try Scene.pipeline(Self.file)
        var context = Scene.text("order")
        context.labels = Set((1...49).map { "l\($0)" })
        let done = try Self.outcome(pipeline, context) { context in
            .success(try Self.answer(#"{"actions":[{"reply":"hi"},{"label":["a","b"]}]}"#, context))
        }
        #expect(done.reports[1].fate.word == "failed")
        #expect(Scene.texts(done) == [])
    }

    @Test func `every action does what the same step would`() throws {
        let effects = try Self.answer(
            #"""
            {"actions": [
              {"reply": {"html": "<b>Hi</b> & {{not a template}}", "buttons": [[{"text": "A", "callback": "a:1"}], {"text": "B", "url": "https://example.com"}]}},
              {"reply": "plain {{customer.name}} 😀"},
              {"label": {"add": ["a", "b"], "remove": "c"}},
              {"set": {"size": "xl", "customer.tier": null}},
              {"answer_callback": {"text": "Noted", "alert": true}},
              {"edit": {"text": "Changed", "buttons": []}},
              {"edit": {"message_id": "msg_12", "buttons": [{"text": "C", "callback": "c"}]}},
              {"assign": null}, {"hand_off": true}, {"stop": true}
            ]}
            """#
            .replacing("& {{", with: "&amp; {{"),
            Scene.press("x")
        )
        #expect(effects.count == 10)
        let texts = effects.flatMap(\.replies).compactMap { reply in
            if case .text(let text, _) = reply.content { text.text } else { nil }
        }
        #expect(texts == ["Hi & {{not a template}}", "plain {{customer.name}} 😀"])
        #expect(effects[2].addedLabels == ["a", "b"] && effects[2].removedLabels == ["c"])
        #expect(effects[3].attributes.count == 2)
        #expect(effects[4].callbackAnswer == .init(text: "Noted", alert: true))
        #expect(effects[5].edits.first?.target == .pressed(9))
        #expect(effects[6].edits.first?.target == .message(MessageID(rawValue: 12)))
        #expect(effects[7].assignee == .some(nil))
        #expect(effects[8].handOff != nil && effects[9].stops)
    }

    @Test(arguments: ["", " \n", "{}", #"{"actions":[]}"#])
    func `an answer may be empty`(text: String) throws {
        #expect(try Self.answer(text) == [])
    }

    @Test(arguments: [
        ("<html>", "not JSON"), ("[]", "no JSON object"), (#"{"action":[]}"#, "did you mean `actions`?"),
        (#"{"actions":{}}"#, "no list"), (#"{"actions":[],"actions":[]}"#, "repeated"),
        (#"{"actions":["reply"]}"#, "action 1: expected an action"),
        (#"{"actions":[{"reply":"a"},{"reply":"b","stop":true}]}"#, "action 2: an action is an object with one of"),
        (#"{"actions":[{"replly":"a"}]}"#, "did you mean `reply`?"),
        (#"{"actions":[{"forward":{"to":1}}]}"#, "unknown key `forward`"),
        (#"{"actions":[{"webhook":"https://example.com"}]}"#, "unknown key `webhook`"),
        (#"{"actions":[{"reply":{"txt":"a"}}]}"#, "did you mean `text`?"),
        (#"{"actions":[{"reply":{"text":"a","text":"b"}}]}"#, "twice"),
        (#"{"actions":[{"reply":{"text":"  "}}]}"#, "empty"),
        (#"{"actions":[{"reply":{"html":"<b>a"}}]}"#, "</b>"),
        (#"{"actions":[{"reply":{"text":"a","buttons":[{"text":"a","url":"ftp://x"}]}}]}"#, "https://"),
        (#"{"actions":[{"reply":{"photo":{"file":"../../etc/passwd"}}}]}"#, "no .."),
        (#"{"actions":[{"reply":{"photo":{"url":"file:///etc/passwd"}}}]}"#, "https://"),
        (#"{"actions":[{"label":""}]}"#, "empty"), (#"{"actions":[{"set":{"Size":"a"}}]}"#, "no attribute"),
        (#"{"actions":[{"hand_off":false}]}"#, "does nothing"),
        (#"{"actions":[{"answer_callback":{"text":"a"}}]}"#, "none was pressed"),
        (#"{"actions":[{"edit":{"text":"a"}}]}"#, "name the message"),
        (#"{"actions":[{"edit":{"message_id":"cnv_1","text":"a"}}]}"#, "msg_12"),
        (#"{"actions":[{"edit":{"message_id":"msg_1"}}]}"#, "needs `text`"),
    ])
    func `an answer that is wrong is refused whole, with the reason`(text: String, words: String) {
        let refusal = Self.refusal(text)
        #expect(refusal.contains(words), "\(refusal)")
        #expect(!refusal.contains("\n"))
    }

    @Test func `an answer is bounded`() {
        let many = #"{"actions":["# + Array(repeating: #"{"label":"a"}"#, count: 51).joined(separator: ",") + "]}"
        #expect(Self.refusal(many).contains("more than 50"))
        let deep = #"{"actions":["# + String(repeating: "[", count: 100_000)
        #expect(Self.refusal(deep).contains("more than 65536"))
        #expect(Self.refusal(String(deep.prefix(60_000))).contains("not JSON"))
    }
}
