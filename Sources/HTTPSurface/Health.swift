import Gateway
import HTTPTypes
import Hummingbird
import NIOCore
import Telegram

/// `/healthz` and `/readyz`, for the platform that runs the server.
struct Health: Sendable {
    let readiness: Readiness

    func addRoutes<Context: RequestContext>(to router: Router<Context>) {
        router.get("healthz") { _, _ in Self.answer(.ok, ["status": "up"]) }
        router.get("readyz") { _, _ in
            let problems = await readiness.problems()
            guard !problems.isEmpty else { return Self.answer(.ok, ["status": "ready"]) }
            let reasons = JSON.array(problems.map { .string($0) })
            return Self.answer(.serviceUnavailable, ["status": "not ready", "reasons": reasons])
        }
    }

    private static func answer(_ status: HTTPResponse.Status, _ body: JSON) -> Response {
        Response(
            status: status,
            headers: [.contentType: "application/json"],
            body: .init(byteBuffer: ByteBuffer(bytes: body.encoded() + [UInt8(ascii: "\n")]))
        )
    }
}

/// Asks the store for its condition, at most once a second however often somebody looks.
actor Readiness {
    private let condition: any StoreCondition
    private var last: (at: ContinuousClock.Instant, problems: [String])?

    init(condition: any StoreCondition) { self.condition = condition }

    func problems() async -> [String] {
        if let last, ContinuousClock.now - last.at < .seconds(1) { return last.problems }
        let problems = await condition.problems()
        last = (ContinuousClock.now, problems)
        return problems
    }
}
