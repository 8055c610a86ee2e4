/// One call of a handler.
public struct WebhookRequest: Sendable {
    /// Whose handler it is.
    public var business: BusinessID
    /// Where it goes.
    public var url: String
    /// The headers that make it a webhook's call.
    public var headers: [(name: String, value: String)]
    /// A JSON text.
    public var body: [UInt8]
    /// Name, connection, head and body of the answer must all be there within this.
    public var timeout: Duration

    /// Makes a call.
    public init(
        of business: BusinessID,
        url: String,
        headers: [(name: String, value: String)],
        body: [UInt8],
        timeout: Duration
    ) {
        self.business = business
        self.url = url
        self.headers = headers
        self.body = body
        self.timeout = timeout
    }
}

/// Calls handlers.
public protocol WebhookCaller: Sendable {
    /// Makes a call, once: no redirect is followed, no second address is tried once the request is written.
    ///
    /// Cancelling the task ends it with `WebhookFault.interrupted`.
    func call(_ request: WebhookRequest) async -> Result<WebhookResponse, WebhookFault>
}
