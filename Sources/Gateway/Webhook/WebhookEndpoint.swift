import Telegram

/// A webhook of a business: what steps of its pipeline call by their name.
public struct WebhookEndpoint: Hashable, Sendable {
    /// Whether it is called.
    public enum State: Hashable, Sendable {
        case on
        /// Nothing goes there until somebody turns it on again; why.
        case off(String)
    }

    /// The id.
    public var id: WebhookEndpointID
    /// Whose it is.
    public var business: BusinessID
    /// The name of the step.
    public var step: String
    /// Where it is.
    public var url: String
    /// Whether it is called.
    public var state: State
    /// What signs, sealed; nil until one is made.
    public var secret: Sealed?
    /// What signs beside it, and until when.
    public var previous: (secret: Sealed, until: Timestamp)?
    /// Since when every try has failed; nil while the last one did not.
    public var failingSince: Timestamp?
    /// Whether the pipeline in force calls it; if not, what waits for it is told to nobody.
    public var isInForce: Bool
    /// Rises when it is turned on, gets another address or another secret: what failed before says nothing any more.
    public var renewal: Int64

    /// An endpoint that has failed for so long without one success is turned off.
    ///
    /// **Source:** Svix, `worker.rs`: 120 hours.
    public static let longestFailure = Duration.seconds(120 * 3600)
    /// How long an old secret signs beside a new one by itself.
    ///
    /// **Source:** Svix: 24 hours.
    public static let overlap = Duration.seconds(24 * 3600)

    /// Makes an endpoint from its row.
    public init(
        id: WebhookEndpointID,
        business: BusinessID,
        step: String,
        url: String,
        state: State,
        secret: Sealed?,
        previous: (secret: Sealed, until: Timestamp)?,
        failingSince: Timestamp?,
        isInForce: Bool = true,
        renewal: Int64 = 0
    ) {
        self.id = id
        self.business = business
        self.step = step
        self.url = url
        self.state = state
        self.secret = secret
        self.previous = previous
        self.failingSince = failingSince
        self.isInForce = isInForce
        self.renewal = renewal
    }

    /// Two are the same if all but their sealed bytes is.
    public static func == (left: Self, right: Self) -> Bool {
        left.id == right.id && left.business == right.business && left.step == right.step && left.url == right.url
            && left.state == right.state && left.secret?.version == right.secret?.version
            && left.previous?.until == right.previous?.until && left.failingSince == right.failingSince
            && left.isInForce == right.isInForce && left.renewal == right.renewal
    }

    /// By the id.
    public func hash(into hasher: inout Hasher) { hasher.combine(id) }

    /// Opens what signs at a moment.
    ///
    /// - Throws: `GatewayError.noSigningSecret`, `.badKey`.
    public func secrets(at now: Timestamp, _ sealer: Sealer) throws(GatewayError) -> SigningSecrets {
        guard let secret else { throw .noSigningSecret(step) }
        let present = try sealer.openSigningSecret(secret, of: id)
        guard let previous, now < previous.until else { return SigningSecrets(present) }
        return SigningSecrets(present, previous: try sealer.openSigningSecret(previous.secret, of: id))
    }

    /// The shape of `--json`.
    public var json: JSON {
        var (state, why): (String, String?) = ("on", nil)
        if case .off(let reason) = self.state { (state, why) = ("off", reason) }
        return [
            "id": .string(id.description), "step": .string(step), "url": .string(url), "state": .string(state),
            "off_reason": .optional(why), "has_secret": .bool(secret != nil),
            "previous_secret_until": .optional(previous?.until.rfc3339),
            "failing_since": .optional(failingSince?.rfc3339), "in_force": .bool(isInForce),
        ]
    }
}

/// The webhooks of businesses.
///
/// Every method is bound to one business in its SQL.
public protocol WebhookDirectory: Sendable {
    /// The webhooks of a business by their names.
    func webhooks(of business: BusinessID) async throws -> [WebhookEndpoint]
    /// The webhook that steps of that name call. Throws `GatewayError.unknownWebhook`.
    func webhook(_ step: String, of business: BusinessID) async throws -> WebhookEndpoint
    /// Notes where a pipeline's steps lead; what is there keeps its secret and its state.
    ///
    /// Throws `GatewayError.unknownBusiness`, `.businessIsRemoved`.
    func noteWebhooks(_ calls: [WebhookCall], of business: BusinessID, at now: Timestamp) async throws
    /// Gives a webhook a new secret; `sealing` gets its id and the secret's version and may be called twice.
    ///
    /// - Parameters:
    ///   - isNew: it must have none yet. Throws `GatewayError.hasSigningSecret`.
    ///   - overlap: until when the present secret signs beside the new one; nil for not at all.
    /// - Throws: `GatewayError.unknownWebhook`.
    func setSecret(
        of step: String,
        business: BusinessID,
        isNew: Bool,
        overlap: Timestamp?,
        sealing: @escaping @Sendable (WebhookEndpointID, Int64) throws -> Sealed
    ) async throws -> WebhookEndpoint
    /// Turns a webhook on or off. Throws `GatewayError.unknownWebhook`.
    func setState(
        _ state: WebhookEndpoint.State,
        of step: String,
        business: BusinessID
    ) async throws
        -> WebhookEndpoint
}
