import Foundation
import Gateway
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Telegram

/// An error as an answer.
///
/// **Source:** RFC 9457, `application/problem+json`.
struct Problem: Sendable {
    let status: HTTPResponse.Status
    let title: String
    let detail: String
    let requestID: String

    var response: Response {
        let body: JSON = [
            "type": "about:blank", "title": .string(title), "status": .int(Int64(status.code)),
            "detail": .string(detail),
            "request_id": .string(requestID),
        ]
        return Response(
            status: status,
            headers: [.contentType: "application/problem+json"],
            body: .init(byteBuffer: ByteBuffer(bytes: body.encoded()))
        )
    }
}

/// The outermost middleware: turns what is thrown into problems, and logs one line a request with the route's template.
struct ErrorBoundary<Context: RequestContext>: RouterMiddleware {
    let logger: Logger

    func handle(
        _ request: Request,
        context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let started = ContinuousClock.now
        var response: Response
        do {
            response = try await next(request, context)
        } catch let error as any HTTPResponseError {
            response = Self.problem(error.status, context.id).response
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            logger.error(
                "request failed",
                metadata: [LogKeys.requestID: "\(context.id)", LogKeys.errorKind: "\(type(of: error))"]
            )
            response = Self.problem(.internalServerError, context.id).response
        }
        response.headers[.cacheControl] = "no-store"
        logger.info(
            "request",
            metadata: [
                LogKeys.requestID: "\(context.id)",
                LogKeys.method: "\(request.method.rawValue)",
                LogKeys.route: "\(context.endpointPath ?? "none")",
                LogKeys.status: "\(response.status.code)",
                LogKeys.durationMS: "\((ContinuousClock.now - started) / .milliseconds(1))",
            ]
        )
        return response
    }

    private static func problem(_ status: HTTPResponse.Status, _ requestID: String) -> Problem {
        let detail =
            switch status {
            case .notFound: "there is no such route"
            case .methodNotAllowed: "this route has other methods"
            case .internalServerError: "the failure is logged under the request_id"
            default: status.reasonPhrase
            }
        return Problem(status: status, title: status.reasonPhrase, detail: detail, requestID: requestID)
    }
}
