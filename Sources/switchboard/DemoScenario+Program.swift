import Gateway
import Handlers
import Simulator
import Storage
import Telegram

/// What a business's own program does: the support desk's answers come from it.
extension DemoScenario {
    /// The file in `deploy/pipelines`, compiled in.
    private static let program = String(decoding: PackageResources.program_yaml, as: UTF8.self)
    private static let addressInFile = "https://support.example.com/telegram"
    /// The webhook's name in that file.
    private static let webhook = "answers"

    /// Lets the support desk answer by the handler of `deploy/webhooks`, and checks what arrived; leaves that out where there is no Python.
    func playProgram(_ cafe: Side, _ sealer: Sealer, _ folder: String, _ checks: inout Checks) async throws {
        printer.heading("The support desk's answers come from a program of its own, deploy/webhooks/handler.py:")
        let before = try await store.activePipeline(of: cafe.business.id)?.number
        let secret = SigningSecret()
        let answered = try await DemoProgram.running(secret: secret, in: folder) { program in
            try await use(program, secret, cafe, sealer)
            return try await ask(cafe)
        }
        guard let answered else { return printer.note("left out: there is no python3 on this machine") }
        let deliveries = try await store.deliveries(of: cafe.business.id, failedOnly: false, page: Page()).elements
        printer.heading("Checked:")
        checks.expect(
            "the program was told each message with our signature, and what it answered was done",
            answered.seen == ["You wrote: Do you sell vases?", "One moment, a colleague will write to you."]
                && deliveries.count == 2 && deliveries.allSatisfy { $0.state == .done && $0.attempts == 1 }
        )
        checks.expect("the program handed the conversation to people", answered.conversation.handledBy == "people")
        // For whoever tries the demo further: the program has ended.
        try await store.usePipeline(before, calling: [], of: cafe.business.id, at: .now())
        try await registry.refresh(from: store)
    }

    private func use(_ program: DemoProgram, _ secret: SigningSecret, _ cafe: Side, _ sealer: Sealer) async throws {
        guard Self.program.ranges(of: "webhook: " + Self.addressInFile).count == 1 else {
            throw Failure(.failed, "program.yaml has no single step that calls \(Self.addressInFile)")
        }
        let text = Self.program.replacing(Self.addressInFile, with: program.url)
        let calls = try PipelineFile(webhooks: DemoProgram.rules).pipeline(text).webhooks
        try await store.noteWebhooks(calls, of: cafe.business.id, at: .now())
        _ = try await store.setSecret(of: Self.webhook, business: cafe.business.id, isNew: true, overlap: nil) {
            try sealer.seal(secret, for: $0, version: $1)
        }
        try await use(text, "program.yaml, with the program's address in it", of: cafe)
    }

    /// What was seen of the program.
    private struct Answered {
        var seen: [String?]
        var conversation: Conversation
    }

    private func ask(_ cafe: Side) async throws -> Answered {
        let eva = telegram.addPerson(firstName: "Eva", languageCode: "en")
        var evas = view(of: eva, cafe)
        try say("Do you sell vases?", eva, cafe)
        var seen = try await arrived(1, &evas)
        try say("I want to talk to a human", eva, cafe)
        seen += try await arrived(1, &evas)
        return Answered(seen: seen.map(\.text), conversation: try await conversation(with: eva, cafe))
    }
}
