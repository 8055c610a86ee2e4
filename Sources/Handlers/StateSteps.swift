import Gateway
import Telegram

/// Puts labels on the conversation and takes them away.
struct LabelStep: Step {
    let added: [String]
    let removed: [String]

    func run(_ context: PipelineContext) throws(StepFailure) -> StepEffects {
        var effects = StepEffects()
        effects.addedLabels = added
        effects.removedLabels = removed
        return effects
    }
}

/// Sets attributes; a nil value takes one away, as does a text that is empty with its values.
struct SetStep: Step {
    let values: [AttributeName: Template?]

    func run(_ context: PipelineContext) throws(StepFailure) -> StepEffects {
        var effects = StepEffects()
        for (name, template) in values {
            let text = try template?.rendered(context) ?? ""
            guard text.unicodeScalars.count <= AttributeName.longestValue else {
                throw StepFailure("the attribute \(name) would have more than \(AttributeName.longestValue) characters")
            }
            effects.attributes.updateValue(text.isEmpty ? nil : text, forKey: name)
        }
        return effects
    }
}

/// Names who takes care of the conversation, or nobody.
struct AssignStep: Step {
    let assignee: String?

    func run(_ context: PipelineContext) throws(StepFailure) -> StepEffects {
        var effects = StepEffects()
        effects.assignee = .some(assignee)
        return effects
    }
}

/// Hands the conversation to people.
struct HandOffStep: Step {
    let releaseAfterSeconds: Int64?

    func run(_ context: PipelineContext) throws(StepFailure) -> StepEffects {
        var effects = StepEffects()
        effects.handOff = StepEffects.HandOff(releaseAfterSeconds: releaseAfterSeconds)
        return effects
    }
}

/// Gives the conversation back to the pipeline, if people have it.
struct ReleaseStep: Step {
    func run(_ context: PipelineContext) throws(StepFailure) -> StepEffects {
        var effects = StepEffects()
        effects.releases = context.conversation.isHandledByPeople
        return effects
    }
}

/// Sends the message on to a chat of the staff.
struct ForwardStep: Step {
    let forward: StepEffects.Forward

    var staffChat: Int64? { forward.chat }

    func run(_ context: PipelineContext) throws(StepFailure) -> StepEffects {
        var effects = StepEffects()
        effects.forward = forward
        return effects
    }
}

/// Ends the pipeline for this message.
struct StopStep: Step {
    func run(_ context: PipelineContext) throws(StepFailure) -> StepEffects {
        var effects = StepEffects()
        effects.stops = true
        return effects
    }
}

/// Does what another step does, and ends the pipeline for this message.
struct StoppingStep: Step {
    let first: any Step

    var staffChat: Int64? { first.staffChat }

    func run(_ context: PipelineContext) throws(StepFailure) -> StepEffects {
        var effects = try first.run(context)
        effects.stops = true
        return effects
    }
}

/// Agrees to a payment, or says why not.
struct CheckoutStep: Step {
    /// Nil agrees.
    let refusal: Template?

    func run(_ context: PipelineContext) throws(StepFailure) -> StepEffects {
        guard context.message.kind == PipelineContext.checkout else {
            throw StepFailure("nobody pays here: give the step `when: {kind: checkout}`")
        }
        var effects = StepEffects()
        effects.checkoutAnswer = .accept
        if let refusal {
            let why = try refusal.rendered(context)
            guard !why.allSatisfy(\.isWhitespace) else { throw StepFailure("the refusal is empty with its values") }
            effects.checkoutAnswer = .refuse(why)
        }
        return effects
    }
}
