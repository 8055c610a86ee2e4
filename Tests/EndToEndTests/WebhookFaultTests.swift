import Foundation
import Simulator
import Subprocess
import SystemPackage
import Telegram
import Testing

@Suite("What a business sees of a handler that misbehaves, as real processes", .serialized, .timeLimit(.minutes(2)))
struct WebhookFaultTests {
    /// Does what the customer's text says, on bare sockets.
    private static let handler = """
        import json, socket, struct, sys, threading, time

        def serve(connection):
            data = b""
            while b"\\r\\n\\r\\n" not in data:
                data += connection.recv(65536)
            head, body = data.split(b"\\r\\n\\r\\n", 1)
            length = next(int(line.split(b":")[1]) for line in head.split(b"\\r\\n") if line.lower().startswith(b"content-length"))
            while len(body) < length:
                body += connection.recv(65536)
            deed = json.loads(body)["data"].get("message", {"text": "page"})["text"]
            def answer(status, text="", more=""):
                connection.sendall(f"HTTP/1.1 {status}\\r\\n{more}content-length: {len(text)}\\r\\n\\r\\n{text}".encode())
            if deed == "hang":
                time.sleep(5)
            elif deed == "dribble":
                connection.sendall(b"HTTP/1.1 200 OK\\r\\ncontent-length: 1000\\r\\n\\r\\n")
                for _ in range(100):
                    connection.sendall(b" ")
                    time.sleep(0.05)
            elif deed == "huge":
                connection.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\n" + b"x" * (10 << 20))
            elif deed == "long":
                answer("200 OK", "y" * 30000)
            elif deed == "page":
                answer("200 OK", "<html>Welcome</html>")
            elif deed == "wrong":
                answer("200 OK", '{"actions": [{"label": "vip"}, {"rply": "hello"}]}')
            elif deed == "moved":
                answer("302 Found", more="location: http://127.0.0.1:1/\\r\\n")
            elif deed == "busy":
                at = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 90))
                answer("429 Too Many Requests", more=f"retry-after: {at}\\r\\n")
            elif deed == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif deed == "cut":
                connection.sendall(b"HTTP/1.1 200 OK\\r\\ncontent-length: 100\\r\\n\\r\\n{}")
            elif deed == "noise":
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\\r\\n")
            elif deed == "gone":
                answer("410 Gone")
            else:
                answer("200 OK")
            connection.close()

        listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=64)
        print("listening", flush=True)
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
        """

    /// What a handler does, and what is to be seen of it.
    private struct Deed {
        var name: String
        var state: String
        var status: Int?
        /// Words of the reason; nil for none.
        var problem: String?
        /// Seconds from the first try to the next; nil for none.
        var again: ClosedRange<Double>?
    }

    private static let soon = 2.0...7.0

    private static let deeds = [
        Deed(name: "hang", state: "waiting", problem: "no whole answer in time", again: 50...74),
        Deed(name: "dribble", state: "waiting", problem: "no whole answer in time", again: 50...74),
        Deed(name: "huge", state: "waiting", problem: "more than 1048576 bytes", again: soon),
        Deed(name: "moved", state: "waiting", status: 302, problem: "302", again: soon),
        Deed(name: "busy", state: "waiting", status: 429, problem: "429", again: 80...95),
        Deed(name: "reset", state: "waiting", problem: "the connection ended", again: soon),
        Deed(name: "cut", state: "waiting", problem: "the connection ended", again: soon),
        Deed(name: "noise", state: "waiting", problem: "no HTTP", again: soon),
        Deed(name: "long", state: "done", status: 200, problem: "the answer was refused"),
        Deed(name: "page", state: "done", status: 200, problem: "the answer was refused"),
        Deed(name: "wrong", state: "done", status: 200, problem: "did you mean `reply`"),
        Deed(name: "fine 1", state: "done", status: 200), Deed(name: "fine 2", state: "done", status: 200),
        Deed(name: "fine 3", state: "done", status: 200),
    ]

    @Test func `each misbehaviour is told with its reason and its next try, and the pipeline goes on`() async throws {
        let binary = try RealBinary()
        let (port, program) = (try freePort(), try freePort())
        let (config, file, script) = (
            binary.folder + "/settings.yaml", binary.folder + "/shop.yaml", binary.folder + "/handler.py"
        )
        try Data("webhook_allow: 127.0.0.1:\(program)\n".utf8).write(to: URL(fileURLWithPath: config))
        let steps = """
            steps:
              - name: desk
                webhook: {url: "http://127.0.0.1:\(program)/", timeout: 2s}
              - reply: "still here"
            """
        try Data(steps.utf8).write(to: URL(fileURLWithPath: file))
        try Data(Self.handler.utf8).write(to: URL(fileURLWithPath: script))
        try await binary.succeed("init")
        try await binary.succeed("business", "add", "Maier")
        let telegram = SimulatedTelegram(seed: 47)
        let bot = try telegram.addBot(name: "Maier", username: "maier_bot")
        let people = Self.deeds.map { telegram.addPerson(firstName: $0.name) }
        let result = try await Subprocess.run(
            .name("python3"),
            arguments: [script, String(program)],
            input: .none,
            output: .sequence,
            error: .discarded
        ) { execution in
            defer { kill(execution.processIdentifier.value, SIGKILL) }
            for try await line in execution.standardOutput.strings() where line.contains("listening") { break }
            return try await SimulatorServer(telegram).whileRunning { simulator in
                let arguments = [
                    "--listen", "127.0.0.1:\(port)", "--public-url", "http://127.0.0.1:\(port)", "--bot-api",
                    "http://127.0.0.1:\(simulator)", "--config", config,
                ]
                return try await binary.serving(arguments) { _ in
                    try await binary.succeed("bot", "add", "maier", "--token-stdin", input: bot.token.reveal())
                    try await binary.succeed("pipeline", "set", "maier", file, "--config", config)
                    try await binary.succeed("webhook", "secret", "maier", "desk")
                    let tried = try await binary.run("webhook", "test", "maier", "desk", "--config", config)
                    #expect(tried.code == 1 && tried.errors.contains("its answer would be refused"), "\(tried.errors)")
                    #expect(tried.output.contains("<html>Welcome</html>"))
                    for (deed, person) in zip(Self.deeds, people) {
                        try telegram.say(deed.name, from: person, to: bot.id)
                    }
                    // The next steps run, whatever the handler did; what a whole answer was refused for alone is no reason to go on without.
                    for person in people {
                        while telegram.messages(in: person.id, of: bot.id).filter(\.isFromBot).isEmpty {
                            try Task.checkCancellation()
                            await Task.yield()
                        }
                        let shown = telegram.messages(in: person.id, of: bot.id).filter(\.isFromBot).map(\.text)
                        #expect(shown == ["still here"])
                    }
                    try await Self.expectDeliveries(binary)
                    try telegram.say("gone", from: people[0], to: bot.id)
                    while try await binary.succeed("webhook", "list", "maier", "--json").list()[0]["state"] as? String
                        == "on"
                    {
                        try Task.checkCancellation()
                    }
                    let gone = try #require(try await binary.succeed("deliveries", "maier", "--json").list().first)
                    #expect(gone["status"] as? Int == 410)
                    let shown = try await binary.succeed("webhook", "list", "maier").output
                    #expect(shown.contains("410"), "\(shown)")
                }
            }
        }
        #expect(result.takeClosureResult().code == 0)
    }

    private static func expectDeliveries(_ binary: RealBinary) async throws {
        let list = try await binary.succeed("deliveries", "maier", "--json").list()
        #expect(list.count == deeds.count)
        var left = deeds
        for row in list {
            let id = try #require(row["id"] as? String)
            let shown = try await binary.succeed("deliveries", "show", "maier", id, "--json").json()
            let body = shown["body"] as? [String: any Sendable]
            let data = body?["data"] as? [String: any Sendable]
            let text = (data?["message"] as? [String: any Sendable])?["text"] as? String
            let index = try #require(left.firstIndex { $0.name == text }, "\(text ?? "")")
            let deed = left.remove(at: index)
            #expect(
                row["state"] as? String == deed.state && row["status"] as? Int == deed.status,
                "\(deed.name): \(row)"
            )
            let problem = row["problem"] as? String
            if let words = deed.problem {
                #expect(problem?.contains(words) == true, "\(deed.name): \(problem ?? "")")
            } else {
                #expect(problem == nil, "\(deed.name)")
            }
            let moments = try ["created_at", "next_at"].map { name in
                try (row[name] as? String).map {
                    try Date($0, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
                }
            }
            if let range = deed.again, let from = moments[0], let to = moments[1] {
                // On a machine that is slow the second try is over too.
                let wait = to.timeIntervalSince(from)
                #expect(
                    row["attempts"] as? Int == 1 ? range.contains(wait) : (240...400).contains(wait),
                    "\(deed.name): \(row)"
                )
            } else {
                #expect(deed.again == nil && moments[1] == nil, "\(deed.name): \(row)")
            }
            if deed.name == "long" {
                let output = try await binary.succeed("deliveries", "show", "maier", id).output
                #expect(output.count { $0 == "y" } < 20_500 && output.count { $0 == "y" } >= 20_000)
            }
        }
    }
}
