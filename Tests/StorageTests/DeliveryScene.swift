import Synchronization
import Telegram
import Testing

@testable import Gateway
@testable import Storage

/// A business with a conversation and webhooks.
struct DeliveryScene: Sendable {
    let fixture: StoreFixture
    let shop: Shop
    let conversation: ConversationID

    static let noon = StoreFixture.noon

    /// Runs with a business of a new store.
    static func with(_ body: (DeliveryScene) async throws -> Void) async throws {
        try await StoreFixture.with { try await body(try await DeliveryScene($0)) }
    }

    init(_ fixture: StoreFixture, _ slug: String = "maier", telegramID: Int64 = 7_000_001) async throws {
        self.fixture = fixture
        shop = try await fixture.addShop(slug, telegramID: telegramID)
        await fixture.accept(UpdateText(number: 1), shop)
        conversation = try #require(try await fixture.conversations(shop.business).first?.id)
    }

    var store: SQLiteStore { fixture.store }
    var business: BusinessID { shop.business.id }

    static func call(_ step: String = "orders", hold: Int64? = nil, mode: WebhookCall.Mode = .answer) -> WebhookCall {
        WebhookCall(step: step, url: "https://\(step).example/hook", mode: mode, holdSeconds: hold)
    }

    /// A webhook with a secret.
    @discardableResult
    func addWebhook(_ step: String = "orders") async throws -> WebhookEndpoint {
        try await store.noteWebhooks([Self.call(step)], of: business, at: Self.noon)
        return try await setSecret(step)
    }

    @discardableResult
    func setSecret(
        _ step: String = "orders",
        isNew: Bool = true,
        overlap: Timestamp? = nil,
        _ secret: SigningSecret = SigningSecret()
    ) async throws -> WebhookEndpoint {
        let sealer = fixture.sealer
        return try await store.setSecret(of: step, business: business, isNew: isNew, overlap: overlap) {
            try sealer.seal(secret, for: $0, version: $1)
        }
    }

    func draft(
        _ number: Int,
        _ end: DeliveryEnd = DeliveryEnd(.waiting(noon), isTry: false),
        call: WebhookCall = call()
    ) -> DeliveryDraft {
        DeliveryDraft(
            business: business,
            call: call,
            event: WebhookEvent(
                id: "msg_\(shop.business.slug)_\(call.step)_\(number)",
                kind: .messageReceived,
                body: Array("{\"number\":\(number)}".utf8)
            ),
            conversation: conversation,
            message: nil,
            end: end
        )
    }

    @discardableResult
    func keep(
        _ number: Int,
        _ end: DeliveryEnd = DeliveryEnd(.waiting(noon), isTry: false),
        call: WebhookCall = call(),
        at now: Timestamp = noon
    ) async throws -> DeliveryID {
        try #require(try await store.keep(draft(number, end, call: call), at: now))
    }

    /// Where the webhook `orders` is.
    var url: String { Self.call().url }

    func endpoint(_ id: WebhookEndpointID) -> DueEndpoint { DueEndpoint(id: id, business: business) }

    func delivery(_ id: DeliveryID) async throws -> Delivery {
        try await store.delivery(id.description, of: business)
    }
}

/// Answers as a test says, and remembers which events it was told when.
final class ScriptedCaller: WebhookCaller {
    typealias Answer = @Sendable (_ host: String, _ id: String) async -> Result<WebhookResponse, WebhookFault>

    private let answer: Answer
    private let seen = Mutex<[(host: String, id: String)]>([])

    init(_ answer: @escaping Answer) { self.answer = answer }

    /// The hosts' first labels and the events, in the order of the calls.
    var calls: [(host: String, id: String)] { seen.withLock { $0 } }

    func call(_ request: WebhookRequest) async -> Result<WebhookResponse, WebhookFault> {
        let host = String(request.url.dropFirst("https://".count).prefix { $0 != "." })
        let id = request.headers.first { $0.name == "webhook-id" }?.value ?? ""
        seen.withLock { $0.append((host, id)) }
        return await answer(host, id)
    }
}
