import Foundation
import Testing

@Suite("The pipeline commands, as real processes", .serialized, .timeLimit(.minutes(2)))
struct PipelineCommandTests {
    private static let file = """
        steps:
          - name: greeting
            when: {command: start}
            reply: Hello {{customer.first_name}}!
            stop: true
          - name: prices
            when: {text: {any_word: price}}
            reply: {text: 19 €, document: {file: menu.pdf}}
        """

    private static func write(_ text: String, _ binary: RealBinary, _ name: String = "shop.yaml") throws -> String {
        let path = binary.folder + "/" + name
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    @Test func `check tells every problem with its place, without a data directory`() async throws {
        let binary = try RealBinary()
        let good = try Self.write(Self.file, binary)
        #expect(try await binary.succeed("pipeline", "check", good).output.contains("2 step(s)"))
        #expect(try await binary.succeed("pipeline", "check", good, "--json").json()["ok"] as? Bool == true)
        let bad = try Self.write("steps:\n  - replyy: x\n  - label: ''\n", binary, "bad.yaml")
        let outcome = try await binary.run("pipeline", "check", bad)
        #expect(outcome.code == 1)
        #expect(outcome.output.isEmpty)
        let lines = outcome.errors.split(separator: "\n")
        #expect(lines.contains { $0.contains("bad.yaml:2:5: ") && $0.contains("`reply`") }, "\(outcome.errors)")
        #expect(lines.contains { $0.contains("bad.yaml:3:12: ") }, "\(outcome.errors)")
        let json = try await binary.run("pipeline", "check", bad, "--json")
        #expect(json.code == 1)
        #expect((try json.json()["problems"] as? [Any])?.count == lines.count)
        #expect(try await binary.run("pipeline", "check", binary.folder + "/none.yaml").code == 2)
        #expect(try await binary.run("pipeline", "check", binary.folder).code == 2)
    }

    @Test func `a file is set, shown, replaced, and gone back from`() async throws {
        let binary = try RealBinary()
        try await binary.succeed("init")
        try await binary.succeed("business", "add", "Maier")
        let file = try Self.write(Self.file, binary)
        #expect(try await binary.run("pipeline", "show", "maier").code == 3)
        let set = try await binary.succeed("pipeline", "set", "maier", file)
        #expect(set.output.hasPrefix("version 1 is the pipeline of maier"))
        #expect(try await binary.succeed("pipeline", "show", "maier").output == Self.file + "\n")
        let other = try Self.write("steps:\n  - stop: true\n", binary, "other.yaml")
        #expect(try await binary.succeed("pipeline", "set", "maier", other, "--json").json()["version"] as? Int == 2)
        let bad = try Self.write("steps: 1\n", binary, "bad.yaml")
        #expect(try await binary.run("pipeline", "set", "maier", bad).code == 1)
        let versions = try await binary.succeed("pipeline", "versions", "maier", "--json").list()
        #expect(versions.compactMap { $0["version"] as? Int } == [2, 1])
        #expect(versions.compactMap { $0["active"] as? Bool } == [true, false])
        try await binary.succeed("pipeline", "use", "maier", "1")
        #expect(try await binary.succeed("pipeline", "show", "maier", "--json").json()["version"] as? Int == 1)
        #expect(try await binary.run("pipeline", "use", "maier", "7").code == 3)
        #expect(try await binary.run("pipeline", "use", "maier", "last").code == 2)
        try await binary.succeed("pipeline", "use", "maier", "none")
        #expect(try await binary.run("pipeline", "try", "maier", "--active", "--message", "x").code == 3)
    }

    @Test func `try says which steps match, why the others do not, and what would be sent`() async throws {
        let binary = try RealBinary()
        try await binary.succeed("init")
        try await binary.succeed("business", "add", "Maier")
        let file = try Self.write(Self.file, binary)
        let start = try await binary.succeed("pipeline", "try", "maier", file, "--message", "/start").output
        #expect(start.contains("step 1 greeting (line 2, reply): matched"))
        #expect(start.contains("step 2 prices (line 6, reply): passed over: step 1 ended the pipeline"))
        #expect(start.contains("Hello Anna!"))
        let price = try await binary.succeed("pipeline", "try", "maier", file, "--message", "price?").output
        #expect(price.contains("step 1 greeting (line 2, reply): not matched: it is no command"))
        #expect(price.contains("note: the file "))
        try await binary.succeed("pipeline", "set", "maier", file)
        let json = try await binary.succeed("pipeline", "try", "maier", "--active", "--message", "/start", "--json")
            .json()
        #expect(json["started"] as? Bool == true)
        #expect(
            (json["steps"] as? [[String: any Sendable]])?.compactMap { $0["result"] as? String } == [
                "matched", "passed_over",
            ]
        )
        let update = try Self.write(
            #"{"update_id":1,"message":{"message_id":9,"date":100,"from":{"id":5,"is_bot":false,"first_name":"Zoë"},"chat":{"id":5,"type":"private","first_name":"Zoë"},"text":"/start"}}"#,
            binary,
            "update.json"
        )
        #expect(
            try await binary.succeed("pipeline", "try", "maier", file, "--update", update).output.contains("Hello Zoë!")
        )
        let payment = try Self.write(
            #"{"update_id":2,"pre_checkout_query":{"id":"8","from":{"id":5,"is_bot":false,"first_name":"Zoë"},"currency":"EUR","total_amount":1500,"invoice_payload":"sold-1"}}"#,
            binary,
            "payment.json"
        )
        let till = try Self.write(
            "steps:\n  - when: {checkout: \"sold-*\"}\n    checkout: {refuse: \"Sorry {{customer.first_name}}\"}\n  - when: {kind: checkout}\n    checkout: accept\n",
            binary,
            "till.yaml"
        )
        let refused = try await binary.succeed("pipeline", "try", "maier", till, "--update", payment).output
        #expect(refused.contains("would refuse the payment: Sorry Zoë"), "\(refused)")
        let poll = try Self.write(
            #"{"update_id":1,"poll":{"id":"5","question":"q","options":[]}}"#,
            binary,
            "poll.json"
        )
        #expect(
            try await binary.succeed("pipeline", "try", "maier", file, "--update", poll).output.contains(
                "no pipeline is started"
            )
        )
        #expect(try await binary.run("pipeline", "try", "maier", file, "--stored", "msg_1").code == 3)
        #expect(try await binary.run("pipeline", "try", "maier", file, "--stored", "msg_1", "--known").code == 64)
        #expect(try await binary.run("pipeline", "try", "maier", file).code == 64)
        #expect(try await binary.run("pipeline", "try", "maier", file, "--message", "x", "--at", "noon").code == 2)
    }
}
