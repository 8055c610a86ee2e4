import Foundation
import Subprocess
import SystemPackage
import Testing

/// Whether our signatures are what others take for Standard Webhooks: by the library of that name, and by the snippets of the reference.
@Suite("Verifying webhooks, as their receivers do", .serialized, .timeLimit(.minutes(3)))
struct WebhookVerifierTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    // MARK: The library

    /// `deploy/test.sh` puts the library there where the machine has none.
    private static let library = root.appendingPathComponent(".build/python").path

    private static let hasLibrary: Bool = {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["PYTHONPATH=\(library)", "python3", "-c", "import standardwebhooks"]
        process.standardError = FileHandle.nullDevice
        do { try process.run() } catch { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()

    /// Says of each request what the library makes of it, and of what might have been made of it on its way.
    private static let receiver = """
        import http.server, json, os, sys
        from standardwebhooks import Webhook

        def taken(secret, body, headers):
            try:
                Webhook(secret).verify(body, headers)
                return True
            except Exception as error:
                return type(error).__name__

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                headers = {name: self.headers[name] for name in ("webhook-id", "webhook-timestamp", "webhook-signature")}
                old, new = os.environ["OLD"], os.environ["NEW"]
                sent = int(headers["webhook-timestamp"])
                verdict = {
                    "old": taken(old, body, headers), "new": taken(new, body, headers),
                    "altered": taken(new, body.replace("maier", "mayer"), headers),
                    "another": taken(new, body, {**headers, "webhook-id": "msg_another"}),
                    "late": taken(new, body, {**headers, "webhook-timestamp": str(sent - 400)}),
                    "stranger": taken("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", body, headers),
                    "signatures": len(headers["webhook-signature"].split()),
                }
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(verdict).encode())

        http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
        """

    @Test(.enabled(if: hasLibrary, "needs standardwebhooks of PyPI"))
    func `the library standardwebhooks takes our calls, with both secrets of a rotation, and refuses what was altered`()
        async throws
    {
        let binary = try RealBinary()
        let port = try freePort()
        let (config, file, script) = (
            binary.folder + "/settings.yaml", binary.folder + "/shop.yaml", binary.folder + "/receiver.py"
        )
        try Data("webhook_allow: 127.0.0.1:\(port)\n".utf8).write(to: URL(fileURLWithPath: config))
        // What it answers is the verdict, and no actions.
        try Data("steps:\n  - name: desk\n    webhook: {url: \"http://127.0.0.1:\(port)/\", mode: notify}\n".utf8)
            .write(to: URL(fileURLWithPath: file))
        try Data(Self.receiver.utf8).write(to: URL(fileURLWithPath: script))
        try await binary.succeed("init")
        try await binary.succeed("business", "add", "Maier")
        try await binary.succeed("pipeline", "set", "maier", file, "--config", config)
        func secret(_ more: String...) async throws -> String {
            let outcome = try await binary.run(["webhook", "secret", "maier", "desk", "--json"] + more)
            return try #require(try outcome.json()["secret"] as? String)
        }
        let old = try await secret()
        let new = try await secret("--rotate")
        let result = try await Subprocess.run(
            .name("python3"),
            arguments: [script, String(port)],
            environment: .inherit.updating(["OLD": old, "NEW": new, "PYTHONPATH": Self.library]),
            input: .none,
            output: .discarded,
            error: .discarded
        ) { execution in
            defer { kill(execution.processIdentifier.value, SIGTERM) }
            while true {
                let outcome = try await binary.run("webhook", "test", "maier", "desk", "--json", "--config", config)
                if outcome.code == 0 { return outcome }
                try #require(outcome.output.contains("connection refused"), "\(outcome.output) \(outcome.errors)")
            }
        }
        let answer = try #require(try result.takeClosureResult().json()["answer"] as? String)
        let verdict = try #require(try JSONSerialization.jsonObject(with: Data(answer.utf8)) as? [String: Any])
        #expect(verdict["old"] as? Bool == true && verdict["new"] as? Bool == true)
        #expect(verdict["signatures"] as? Int == 2)
        for wrong in ["altered", "another", "late", "stranger"] {
            #expect(verdict[wrong] as? String == "WebhookVerificationError", "\(wrong)")
        }
    }

    // MARK: The snippets

    /// A language of the reference, and a program that reads cases and says what its snippet makes of each.
    struct Language: Sendable, CustomTestStringConvertible {
        var name: String
        /// The words behind the three backticks.
        var fence: String
        var tool: String
        var file: String
        /// What stands around the snippet; `SNIPPET` is where it goes.
        var program: String
        var arguments: [String]

        var testDescription: String { name }

        var isThere: Bool { FileManager.default.isExecutableFile(atPath: "/usr/bin/" + tool) }
    }

    static let languages = [
        Language(
            name: "Python",
            fence: "python",
            tool: "python3",
            file: "verify.py",
            program: """
                SNIPPET
                import sys
                for line in sys.stdin:
                    secret, event, sent, signatures, body, now = line.rstrip("\\n").split("\\t")
                    print("true" if verify(secret, event, sent, signatures, body.encode(), int(now)) else "false")
                """,
            arguments: ["verify.py"]
        ),
        Language(
            name: "JavaScript",
            fence: "javascript",
            tool: "node",
            file: "verify.js",
            program: """
                SNIPPET
                for (const line of require("node:fs").readFileSync(0, "utf8").trimEnd().split("\\n")) {
                  const [secret, event, sent, signatures, body, now] = line.split("\\t");
                  console.log(verify(secret, event, sent, signatures, Buffer.from(body), Number(now)));
                }
                """,
            arguments: ["verify.js"]
        ),
        Language(
            name: "Go",
            fence: "go",
            tool: "go",
            file: "verify.go",
            program: """
                package main

                import (
                	"bufio"
                	"crypto/hmac"
                	"crypto/sha256"
                	"encoding/base64"
                	"fmt"
                	"os"
                	"strconv"
                	"strings"
                	"time"
                )

                SNIPPET

                func main() {
                	lines := bufio.NewScanner(os.Stdin)
                	for lines.Scan() {
                		part := strings.Split(lines.Text(), "\\t")
                		now, _ := strconv.ParseInt(part[5], 10, 64)
                		fmt.Println(verify(part[0], part[1], part[2], part[3], []byte(part[4]), time.Unix(now, 0)))
                	}
                }
                """,
            arguments: ["run", "verify.go"]
        ),
        Language(
            name: "PHP",
            fence: "php",
            tool: "php",
            file: "verify.php",
            program: """
                <?php
                SNIPPET
                while (($line = fgets(STDIN)) !== false) {
                    [$secret, $event, $sent, $signatures, $body, $now] = explode("\\t", rtrim($line, "\\n"));
                    echo verify($secret, $event, $sent, $signatures, $body, (int) $now) ? "true" : "false", "\\n";
                }
                """,
            arguments: ["verify.php"]
        ),
        Language(
            name: "Java",
            fence: "java",
            tool: "java",
            file: "Verify.java",
            program: """
                class Verify {
                SNIPPET
                    public static void main(String[] arguments) throws Exception {
                        var lines = new java.io.BufferedReader(new java.io.InputStreamReader(System.in));
                        for (var line = lines.readLine(); line != null; line = lines.readLine()) {
                            var part = line.split("\\t", -1);
                            System.out.println(
                                verify(part[0], part[1], part[2], part[3], part[4].getBytes(), Long.parseLong(part[5])));
                        }
                    }
                }
                """,
            arguments: ["Verify.java"]
        ),
    ]

    /// **Source:** the known answer of Standard Webhooks' libraries.
    private static let known = (
        secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", id: "msg_p5jXN8AQM9LWM0D4loKWxJek", sent: "1614265330",
        body: #"{"test": 2432232314}"#, signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )

    /// Cases with what a receiver must make of them: secret, id, timestamp, signatures, body, now.
    private static let cases: [(line: [String], isOurs: Bool)] = {
        let good = [known.secret, known.id, known.sent, known.signature, known.body, known.sent]
        func but(_ index: Int, _ value: String) -> [String] {
            var line = good
            line[index] = value
            return line
        }
        return [
            (good, true),
            (but(3, "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= " + known.signature), true),
            (but(3, known.signature + " v1,AAAA"), true),
            (but(5, "1614265629"), true),
            (but(5, "1614265031"), true),
            (but(0, "whsec_AfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), false),
            (but(1, "msg_another"), false),
            (but(4, #"{"test": 2432232315}"#), false),
            (but(3, "v1,h0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="), false),
            (but(3, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="), false),
            (but(3, ""), false),
            (but(5, "1614265631"), false),
            (but(5, "1614265029"), false),
            (but(2, "1614265331"), false),
            (but(2, "yesterday"), false),
            (but(2, ""), false),
        ]
    }()

    /// Python is there wherever the tests run; of the others those that are.
    @Test(arguments: languages.filter { $0.isThere || $0.name == "Python" })
    func `the reference's snippet takes what is ours, and nothing that is altered, old or malformed`(
        language: Language
    ) async throws {
        let page = try String(
            contentsOf: Self.root.appendingPathComponent("deploy/webhooks/README.md"),
            encoding: .utf8
        )
        let snippet = try #require(
            page.components(separatedBy: "```\(language.fence)\n").dropFirst().first?.components(separatedBy: "\n```")
                .first
        )
        let folder = NSTemporaryDirectory() + "switchboard-verify-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data(language.program.replacing("SNIPPET", with: snippet).utf8)
            .write(to: URL(fileURLWithPath: folder + "/" + language.file))
        let result = try await Subprocess.run(
            .path(FilePath("/usr/bin/" + language.tool)),
            arguments: .init(language.arguments),
            environment: .inherit.updating(["GOCACHE": folder + "/cache", "GO111MODULE": "off", "GOFLAGS": ""]),
            workingDirectory: FilePath(folder),
            input: .string(Self.cases.map { $0.line.joined(separator: "\t") + "\n" }.joined()),
            output: .string(limit: 1 << 16),
            error: .string(limit: 1 << 16)
        )
        let verdicts = result.standardOutput.split(separator: "\n").map { $0 == "true" }
        #expect(verdicts == Self.cases.map(\.isOurs), "\(result.standardOutput) \(result.standardError)")
    }
}
