/// Makes the first try of a call, for a pipeline that waits for the answer.
public struct WebhookDesk: Sendable {
    /// What a first try gives.
    public struct FirstTry: Hashable, Sendable {
        /// For the pipeline.
        public var answer: StepAnswer
        /// For the row of the event, which is kept in the transaction that ends the job.
        public var end: DeliveryEnd
    }

    private let directory: any WebhookDirectory
    private let caller: any WebhookCaller
    private let reader: any WebhookAnswerReading
    private let sealer: Sealer
    private let gate: WebhookGate
    private let now: @Sendable () -> Timestamp

    /// Makes a desk.
    ///
    /// - Parameter gate: the same as the sender of later tries has.
    public init(
        directory: any WebhookDirectory,
        caller: any WebhookCaller,
        reader: any WebhookAnswerReading,
        sealer: Sealer,
        gate: WebhookGate,
        now: @escaping @Sendable () -> Timestamp = Timestamp.now
    ) {
        self.directory = directory
        self.caller = caller
        self.reader = reader
        self.sealer = sealer
        self.gate = gate
        self.now = now
    }

    /// Calls a handler once and reads what it answers.
    ///
    /// What cannot be called says so: one that is off is not tried later either; one that has no secret yet or is left alone for a while is.
    ///
    /// - Parameter context: what the step saw; the answer's actions are checked against it.
    /// - Throws: what the store throws; nothing was called then.
    public func firstTry(
        _ call: WebhookCall,
        _ event: WebhookEvent,
        of business: BusinessID,
        _ context: PipelineContext
    ) async throws -> FirstTry {
        let endpoint: WebhookEndpoint
        let secrets: SigningSecrets
        do {
            endpoint = try await directory.webhook(call.step, of: business)
            secrets = try endpoint.secrets(at: now(), sealer)
        } catch GatewayError.unknownWebhook(let step), GatewayError.noSigningSecret(let step) {
            return .init(later: now(), "not called yet: \(GatewayError.noSigningSecret(step))")
        } catch let error as GatewayError {
            return .init(never: error.description)
        }
        if case .off(let why) = endpoint.state { return .init(never: "the webhook is off: \(why)") }
        switch gate.enter(endpoint.id, of: business, as: .lane, renewal: endpoint.renewal, at: now()) {
        case .busy: return .init(later: now(), "not called yet: so many calls are under way")
        case .probing: return .init(later: now(), "not called yet: its last tries have failed, and one is under way")
        case .open(let until): return .init(later: until, "not called yet: its last tries have failed")
        case .go: break
        }
        let result = await caller.call(
            WebhookRequest(
                of: business,
                url: call.url,
                headers: secrets.headers(id: event.id, at: now(), body: event.body),
                body: event.body,
                timeout: .seconds(call.timeoutSeconds)
            )
        )
        var generator = SystemRandomNumberGenerator()
        let verdict = WebhookVerdict(result, tries: 1, at: now(), using: &generator)
        gate.leave(
            endpoint.id,
            of: business,
            as: .lane,
            renewal: endpoint.renewal,
            isSuccess: verdict.isSuccess,
            at: now()
        )
        return read(verdict, DeliveryEnd(verdict, result, at: now()), context)
    }

    private func read(_ verdict: WebhookVerdict, _ end: DeliveryEnd, _ context: PipelineContext) -> FirstTry {
        guard case .delivered(let body) = verdict else {
            return FirstTry(answer: .failure(StepFailure(end.problem ?? "it was interrupted")), end: end)
        }
        do throws(StepFailure) {
            return FirstTry(answer: .success(try reader.effects(of: body, context)), end: end)
        } catch {
            var end = end
            end.problem = "the answer was refused: \(error)"
            return FirstTry(answer: .failure(StepFailure("the answer was refused: \(error)")), end: end)
        }
    }
}

extension WebhookDesk.FirstTry {
    fileprivate init(never why: String) {
        self.init(answer: .failure(StepFailure(why)), end: DeliveryEnd(.failed, isTry: false, problem: why))
    }

    fileprivate init(later time: Timestamp, _ why: String) {
        self.init(answer: .failure(StepFailure(why)), end: DeliveryEnd(.waiting(time), isTry: false, problem: why))
    }
}

extension WebhookVerdict {
    /// What it says about the handler's health.
    var isSuccess: Bool? {
        switch self {
        case .delivered: true
        case .interrupted: nil
        // It is alive, and never called again.
        case .gone: true
        case .again, .exhausted: false
        }
    }
}
