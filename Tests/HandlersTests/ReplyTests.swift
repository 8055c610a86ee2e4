import Gateway
import Telegram
import Testing

@testable import Handlers

@Suite("Replies and templates", .timeLimit(.minutes(1)))
struct ReplyTests {
    private static func render(
        _ source: String,
        isHTML: Bool = false,
        _ context: PipelineContext = Scene.text("x")
    ) throws -> String {
        try TemplateReader.template(source, isHTML: isHTML).rendered(context)
    }

    @Test func `values stand in their places`() throws {
        var context = Scene.text("/start flyer-7")
        context.attributes[try #require(AttributeName("size"))] = "xl"
        context.attributes[try #require(AttributeName("customer.tier"))] = "gold"
        context.labels = ["vip", "new"]
        #expect(try Self.render("{{ customer.first_name }}|{{customer.name}}", context) == "Anna|Anna Ivanova")
        #expect(
            try Self.render("{{attributes.size}}{{customer.attributes.tier}}{{attributes.none}}", context) == "xlgold"
        )
        #expect(
            try Self.render("{{message.command}} {{message.payload}} {{business.name}}", context)
                == "start flyer-7 Blumen & Töchter"
        )
        #expect(try Self.render("{{#labels}}<{{.}}>{{/labels}}{{^labels}}none{{/labels}}", context) == "<new><vip>")
        #expect(try Self.render("{{#attributes.size}}has {{attributes.size}}{{/attributes.size}}", context) == "has xl")
        #expect(try Self.render("{{^attributes.none}}no{{/attributes.none}}{{! a word }}", context) == "no")
    }

    @Test func `a line with a section's tag alone goes`() throws {
        let source = "a\n{{#labels}}\n- {{.}}\n{{/labels}}\nb\n  {{! c }}  \nd"
        var context = Scene.text("x")
        #expect(try Self.render(source, context) == "a\nb\nd")
        context.labels = ["p", "q"]
        #expect(try Self.render(source, context) == "a\n- p\n- q\nb\nd")
    }

    @Test(arguments: [
        "{{{customer.name}}}", "{{&customer.name}}", "{{ & customer.name}}", "{{>other}}", "{{<a}}{{/a}}",
        "{{$a}}{{/a}}",
        "{{=<% %>=}}", "{{%CONTENT_TYPE:TEXT}}", "{{}}", "{{customer.nam}}", "{{uppercased(customer.name)}}", "{{.}}",
        "{{customer.name", "{{#labels}}", "{{/labels}}", "{{#labels}}{{/label}}", "{{attributes.Size}}", "{{customer}}",
        "{{#labels}}{{#labels}}{{/labels}}{{/labels}}",
    ])
    func `what is not taken of Mustache is refused`(source: String) {
        #expect(throws: TemplateReader.Problem.self) { try TemplateReader.template(source) }
        #expect(throws: TemplateReader.Problem.self) { try TemplateReader.template(source, isHTML: true) }
    }

    /// A combining mark makes one character of a sign and itself: who escapes by characters lets the sign through.
    @Test(arguments: [
        "<b>x</b>", "a & b", "\"quoted\"", "<\u{338}b>", "&\u{301}lt;", "</b><a href=\"https://evil.example\">",
    ])
    func `what a customer wrote stays text in HTML`(text: String) throws {
        let file =
            "steps:\n  - reply: {html: '<b>{{message.text}}</b><a href=\"https://e.x/?q={{message.text}}\">l</a>'}\n"
        let outcome = try Scene.pipeline(file).evaluate(Scene.text(text))
        #expect(Scene.texts(outcome) == [text + "l"])
        let reply = try #require(outcome.replies.first)
        guard case .text(let formatted, _) = reply.content else {
            Issue.record("no text")
            return
        }
        #expect(formatted.entities.map(\.type) == ["bold", "text_link"])
    }

    @Test func `a result is bounded, and a long one goes as several messages`() throws {
        let words = String(repeating: "word ", count: 800)
        let file =
            "steps:\n  - reply:\n      text: '{{message.text}}{{message.text}}{{message.text}}'\n      quote: true\n      buttons: [{text: A, callback: a}]\n"
        let outcome = try Scene.pipeline(file).evaluate(Scene.text(words))
        #expect(outcome.replies.count == 3)
        #expect(outcome.replies.map { $0.options.replyTo } == [9, nil, nil])
        #expect(outcome.replies.map { $0.options.markup != nil } == [false, false, true])
        let many = String(repeating: "{{message.text}}", count: 5)
        let failed = try Scene.pipeline("steps:\n  - reply: '\(many)'\n  - label: after\n").evaluate(Scene.text(words))
        #expect(failed.reports.map(\.fate.word) == ["failed", "matched"])
        #expect(failed.reports[0].fate.reason?.contains("16384") == true)
        #expect(failed.reports[0].fate.reason?.contains("word word") == false)
    }

    @Test func `media carry their text as a caption, or before it where it is too long`() throws {
        func replies(_ length: Int) throws -> [PipelineReply] {
            let file =
                "steps:\n  - reply: {photo: {url: 'https://e.x/a.jpg'}, text: '{{message.text}}', silent: true}\n"
            return try Scene.pipeline(file).evaluate(Scene.text(String(repeating: "a", count: length))).replies
        }
        #expect(try replies(1024).map { $0.json["method"] } == ["sendPhoto"])
        #expect(try replies(1025).map { $0.json["method"] } == ["sendPhoto", "sendMessage"])
        #expect(try replies(5).first?.options.silent == true)
        let own = try Scene.pipeline("steps:\n  - reply: {document: {file: 2026/menu.pdf}}\n").evaluate(Scene.text("x"))
        #expect(own.replies.first?.content == .media(.document, .own(name: "2026/menu.pdf"), caption: nil))
        #expect(own.replies.first?.json.text.contains("\"file\":\"2026/menu.pdf\"") == true)
    }

    @Test func `buttons and keyboards are filled in, and what Telegram would refuse fails`() throws {
        let file = """
            steps:
              - reply:
                  text: x
                  buttons:
                    - - {text: "{{customer.first_name}}", callback: "{{message.text}}"}
                      - {text: B, copy: code}
                    - {text: C, url: "https://e.x/{{customer.id}}"}
              - reply: {text: y, keyboard: {rows: [[A, {text: B, asks_for: contact}], C], one_time: true}}
              - reply: {text: z, keyboard: remove}
            """
        let outcome = try Scene.pipeline(file).evaluate(Scene.text("data"))
        let parameters = outcome.replies.map { $0.json.text }
        #expect(
            parameters[0].contains(
                #"[[{"text":"Anna","callback_data":"data"},{"text":"B","copy_text":{"text":"code"}}],[{"text":"C","url":"https://e.x/501"}]]"#
            )
        )
        #expect(parameters[1].contains(#"[[{"text":"A"},{"text":"B","request_contact":true}],[{"text":"C"}]]"#))
        #expect(parameters[2].contains("remove_keyboard"))
        let long = try Scene.pipeline(file).evaluate(Scene.text(String(repeating: "x", count: 65)))
        #expect(long.reports.map(\.fate.word) == ["failed", "matched", "matched"])
        #expect(long.reports[0].fate.reason?.contains("callback_data") == true)
    }

    @Test func `a button is answered, a message is not`() throws {
        let file = "steps:\n  - reply: {answer: 'Noted, {{customer.first_name}}', alert: true}\n"
        let pressed = try Scene.pipeline(file).evaluate(Scene.press("a"))
        #expect(pressed.callbackAnswer == .init(text: "Noted, Anna", alert: true))
        #expect(pressed.replies == [])
        #expect(try Scene.pipeline(file).evaluate(Scene.text("a")).callbackAnswer == nil)
    }

    @Test func `a text that is empty with its values is a failure, not an empty message`() throws {
        let outcome = try Scene.pipeline("steps:\n  - reply: ' {{attributes.none}} '\n").evaluate(Scene.text("x"))
        #expect(outcome.reports[0].fate.word == "failed")
        #expect(outcome.replies == [])
    }
}
