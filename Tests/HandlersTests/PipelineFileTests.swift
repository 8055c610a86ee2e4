import Foundation
import Gateway
import Handlers
import Testing

@Suite("Pipeline files", .timeLimit(.minutes(1)))
struct PipelineFileTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("deploy/pipelines")

    @Test(arguments: ["shop.yaml", "support.yaml", "program.yaml"])
    func `the files that come with the program are in order`(name: String) throws {
        let text = try String(contentsOf: Self.folder.appendingPathComponent(name), encoding: .utf8)
        #expect(Scene.problems(text) == [])
        #expect(try Scene.pipeline(text).entries.count > 3)
    }

    @Test func `every example of the reference is in order, and every step and condition has one`() throws {
        let page = try String(contentsOf: Self.folder.appendingPathComponent("README.md"), encoding: .utf8)
        let examples = page.components(separatedBy: "```yaml\n").dropFirst().compactMap {
            $0.components(separatedBy: "```").first
        }
        #expect(examples.count > 10)
        for example in examples { #expect(Scene.problems(example) == [], "\(example)") }
        let all = examples.joined()
        let steps = ["reply", "webhook", "swift", "label", "set", "assign", "hand_off", "release", "forward", "stop"]
        let conditions = [
            "kind", "command", "payload", "text", "callback", "chat", "language", "hours", "first_contact", "label",
            "attribute", "bot", "equals", "contains", "any_word", "glob", "unless", "edits", "owner_takes_over",
            "answer_within",
            "people",
        ]
        for word in steps + conditions { #expect(all.contains("\(word):"), "\(word)") }
    }

    @Test func `all problems are told at once, each with its place, what was expected and the nearest name`() {
        let problems = Scene.problems(
            """
            steps:
              - name: one
                when:
                  comand: start
                  hours: {days: mon-fry, from: "9:00", to: "18:00", zone: CET}
                replly: Hello
              - reply:
                  text: Hello {{customer.nam}}
                  buttons: [{text: A, callback: x, url: y}]
              - label: ""
              - stop: maybe
            onwer_takes_over: 2h
            """
        )
        let expected = [
            ("4:7", "did you mean `command`?"), ("5:21", "`mon-fry` is no day"), ("5:36", "such as \"09:00\""),
            ("5:63", "`CET` is no time zone"), ("6:5", "did you mean `reply`?"),
            ("8:19", "did you mean {{customer.name}}?"),
            ("9:17", "one of callback, url"), ("10:12", "empty"), ("11:11", "expected true or false"),
            ("12:1", "did you mean `owner_takes_over`?"),
        ]
        for (place, words) in expected {
            #expect(
                problems.contains { $0.hasPrefix(place + ":") && $0.contains(words) },
                "\(place) \(words)\n\(problems.joined(separator: "\n"))"
            )
        }
        #expect(problems.allSatisfy { !$0.contains("\n") })
    }

    @Test(arguments: [
        ("", "1:1:", "empty"),
        ("# nothing\n", "1:1:", "empty"),
        ("steps: []", "1:8:", "1 to 200 steps"),
        ("- a", "1:1:", "expected a pipeline"),
        ("steps:\n\t- stop: true", "2:1:", "no YAML"),
        ("steps:\n  - stop: true\n    stop: true", "2:5:", "twice"),
        ("steps:\n  - &a {stop: true}\n  - *a", "2:5:", "anchors"),
        ("\u{FEFF}&a [x]: 1\n? *a\n: 2", "1:", "anchors"),
        ("steps:\n  - stop: true # &b\n  - *b", "2:18:", "anchors"),
        ("steps:\n  - reply: {{customer.name}}", "2:13:", "stands in quotes"),
        ("steps:\n  - reply: [a]", "2:12:", "a reply"),
        ("steps:\n  - when: {}\n    stop: true", "2:11:", "empty"),
        ("steps:\n  - name: x", "2:5:", "this one does nothing"),
        ("steps:\n  - label: a\n    assign: b", "2:5:", "this one has label, assign"),
        ("steps:\n  - reply: {photo: {file: ../x.png}}", "2:27:", "no .."),
        ("steps:\n  - reply: {photo: {file: /etc/passwd}}", "2:27:", "no / at its ends"),
        ("steps:\n  - reply: {photo: {url: 'file:///etc/passwd'}}", "2:26:", "https://"),
        ("steps:\n  - reply: {text: a, html: b}", "2:28:", "not both"),
        ("steps:\n  - reply: {html: '<b>a'}", "2:19:", "</b>"),
        ("steps:\n  - reply: {html: '{{#labels}}<b>{{/labels}}x</b>'}", "2:19:", "no section is shown"),
        ("steps:\n  - reply: {text: a, buttons: [{text: a, url: 'ftp://x'}]}", "2:47:", "https://"),
        ("steps:\n  - swift: oder_number", "2:12:", "did you mean `order_number`?"),
        ("steps:\n  - swift: {handler: order_number, with: {x: y}}", "2:12:", "unknown option x"),
        ("steps:\n  - swift: {handler: wait, with: {seconds: 1}}", "2:12:", "unknown option seconds"),
        ("steps:\n  - swift: wait", "2:12:", "`milliseconds` is a whole number from 1 to 10000"),
        (
            "steps:\n  - swift: {handler: wait, with: {milliseconds: 10001}}", "2:12:",
            "`milliseconds` is a whole number"
        ),
        ("steps:\n  - forward: {to: '@staff'}", "2:19:", "whole number"),
        ("steps:\n  - hand_off: {release_after: 91d}", "2:31:", "at most 90d"),
        ("steps:\n  - set: {Size: xl}", "2:11:", "no attribute"),
        ("steps:\n  - webhook: https://example.com", "2:5:", "needs a `name`"),
        ("steps:\n  - {name: a, webhook: 'https://u:p@example.com'}", "2:24:", "credentials"),
        ("steps:\n  - {name: a, webhook: {mode: notify}}", "2:24:", "needs `url`"),
        ("steps:\n  - {name: a, webhook: {url: 'https://a.de', timeout: 31s}}", "2:55:", "1s to 30s"),
        ("steps:\n  - {name: a, webhook: {url: 'https://a.de', hold: 1m}}", "2:52:", "ordered: true"),
        ("steps:\n  - {name: a, webhook: {url: 'https://a.de', mode: notify, ordered: true}}", "2:69:", "notify"),
        (
            "steps:\n  - {name: a, webhook: 'https://a.de'}\n  - {name: a, webhook: 'https://b.de'}", "3:1:",
            "two webhooks have the name"
        ),
        ("steps:\n  - when: {kind: foto}\n    stop: true", "2:18:", "did you mean `photo`?"),
    ])
    func `a problem is told where it is, in one line`(text: String, place: String, words: String) throws {
        let problems = Scene.problems(text)
        let first = try #require(problems.first)
        #expect(problems.contains { $0.hasPrefix(place) && $0.contains(words) }, "\(problems)")
        #expect(!first.contains("\n"))
    }

    @Test func `a file that would grow without end is refused before it grows`() {
        var bomb = "a0: &a0 [x, x]\n"
        for level in 1...60 { bomb += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n" }
        #expect(Scene.problems(bomb + "? *a60 : x\n").first?.contains("anchors") == true)
        let deep = String(repeating: "[", count: 200_000)
        #expect(Scene.problems("steps: " + deep).count == 1)
        #expect(Scene.problems("steps:\n" + String(repeating: "- ", count: 100_000)).count == 1)
        let long = "steps:\n" + String(repeating: "  - stop: true\n", count: 20_000)
        #expect(Scene.problems(long).first?.contains("262144") == true)
        let many = "steps:\n" + String(repeating: "  - stop: true\n", count: 201)
        #expect(Scene.problems(many).first?.contains("here are 201") == true)
        let globs = (1...100).map { "\"*\($0)*\"" }.joined(separator: ", ")
        let patterned = "steps:\n" + String(repeating: "  - {when: {text: {glob: [\(globs)]}}, stop: true}\n", count: 5)
        #expect(Scene.problems(patterned) == [])
        let full = patterned + "  - {when: {text: {contains: [x, y]}}, stop: true}\n"
        #expect(
            Scene.problems(full).count == 1 && Scene.problems(full).first?.contains("pattern 501 of the file") == true
        )
        let wrong = "steps:\n" + String(repeating: "  - stopp: true\n", count: 200)
        #expect(Scene.problems(wrong).count == 100)
    }

    @Test func `ampersands and asterisks of a text are no anchors`() throws {
        let text = "steps:\n  - reply: |\n      Fish &amp chips &amp; *new* and &c\n"
        #expect(Scene.problems(text) == [])
    }
}
