import Gateway
import Handlers
import Telegram
import Testing

/// What tests try pipelines with.
enum Scene {
    /// Monday, 2026-11-23T12:00:00Z.
    static let noon = Timestamp(milliseconds: 1_795_435_200_000)

    /// A text message of Anna in a private chat.
    static func text(_ text: String) -> PipelineContext {
        context(.init(kind: "text", text: text, telegramMessageID: 9, sentAt: noon))
    }

    /// A pressed button.
    static func press(_ data: String) -> PipelineContext {
        context(
            .init(kind: "button", text: nil, callbackData: data, callbackID: "77", telegramMessageID: 9, sentAt: noon)
        )
    }

    static func context(_ message: PipelineContext.Incoming) -> PipelineContext {
        PipelineContext(
            message: message,
            customer: .init(telegramID: 501, name: "Anna Ivanova", username: "anna", language: "ru"),
            conversation: .init(title: "Anna Ivanova"),
            businessName: "Blumen & Töchter",
            bot: .init(id: BotID(rawValue: 3), username: "Shop_Bot", name: "Shop"),
            now: noon
        )
    }

    static func pipeline(_ text: String) throws -> Pipeline { try PipelineFile().pipeline(text) }

    /// Whether a step with this `when` runs.
    static func holds(_ when: String, _ context: PipelineContext) throws -> Bool {
        let outcome = try pipeline("steps:\n  - when: \(when)\n    label: hit\n").evaluate(context)
        return outcome.change.labels["hit"] == true
    }

    /// The problems of a file, as lines.
    static func problems(_ text: String) -> [String] {
        do throws(PipelineProblems) {
            _ = try PipelineFile().pipeline(text)
            return []
        } catch {
            return error.all.map(\.description)
        }
    }

    /// The texts that a pipeline sends.
    static func texts(_ outcome: PipelineOutcome) -> [String] {
        outcome.replies.compactMap { reply in
            switch reply.content {
            case .text(let text, _): text.text
            case .media(_, _, let caption): caption?.text
            }
        }
    }
}

extension Pipeline {
    /// The same without waiting, for pipelines that ask no handler.
    func evaluate(_ context: PipelineContext) -> PipelineOutcome {
        switch evaluate(context, answers: [:]) {
        case .complete(let outcome): return outcome
        case .handler(let step, _, _), .webhook(let step, _, _):
            Issue.record("step \(step + 1) asks a handler")
            return PipelineOutcome()
        }
    }
}
