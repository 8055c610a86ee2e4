import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import Telegram

/// A request's context that knows its connection, so that a fault can cut it.
struct CallContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }
}

/// Answers one request: a call of the Bot API, a download, or one of a person who plays.
struct Responder: Sendable {
    let telegram: SimulatedTelegram
    let channel: any Channel

    /// The connection was cut on purpose.
    private struct Cut: Error {}

    func respond(to request: Request) async throws -> Response {
        // Source: tdlib `HttpConnectionBase`: errors of HTTP itself have no body, and end the connection.
        guard request.method == .get || request.method == .post else { return Self.bare(501) }
        if let encoding = request.headers[.contentEncoding], encoding.lowercased() != "identity" {
            return Self.bare(415)
        }
        let body: [UInt8]
        do {
            body = Array(buffer: try await request.body.collect(upTo: SimulatorServer.maximumBodyBytes))
        } catch is NIOTooManyBytesError {
            return Self.bare(413)
        }
        let parts = request.uri.string.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = Parameters.percentDecoded((parts.first ?? "/").utf8, plusIsSpace: false)
        let query = parts.count > 1 ? String(parts[1]) : ""
        if path.hasPrefix("/simulator/") {
            let call = ControlCall(method: request.method, path: path, query: query, body: body)
            let (code, json) = call.answer(telegram)
            return Self.response(code, json.encoded() + [UInt8(ascii: "\n")])
        }
        if path.hasPrefix("/file/bot") { return download(path.dropFirst(9)) }
        let parameters: Parameters
        do throws(Parameters.BodyRefusal) {
            parameters = try Parameters(query: query, contentType: request.headers[.contentType] ?? "", body: body)
        } catch {
            return Self.bare(error.status)
        }
        guard let call = BotCall(path: path, parameters) else { return Self.response(to: .failure(404, "Not Found")) }
        return try await response(to: call)
    }

    private func response(to call: BotCall) async throws -> Response {
        let fault = telegram.change { state, _ in state.takeFault(token: call.token, method: call.method) }
        switch fault {
        case nil: return Self.response(to: observed(await reply(to: call), of: call))
        case .refusal(let status, let description, let retryAfterSeconds):
            let reply = Reply(
                status: status,
                description: description,
                retryAfterSeconds: retryAfterSeconds.map { Int64($0) }
            )
            return Self.response(to: observed(reply, of: call))
        case .delay(let delay):
            return Self.response(to: observed(try await late(call, by: delay), of: call))
        case .cutBefore:
            observe(ObservedCall(call, status: 0, isCarriedOut: false, isAnswered: false))
            throw await cut()
        case .cutAfter:
            _ = observed(await reply(to: call), of: call, isAnswered: false)
            throw await cut()
        case .lyingLength(let off): return lying(observed(await reply(to: call), of: call, isAnswered: false), by: off)
        case .frontEnd(let status, let isCarriedOut):
            if isCarriedOut {
                _ = observed(await reply(to: call), of: call, isAnswered: false)
            } else {
                observe(ObservedCall(call, status: status, isCarriedOut: false, isAnswered: false))
            }
            return Self.page(status)
        }
    }

    private func observed(_ reply: Reply, of call: BotCall, isAnswered: Bool = true) -> Reply {
        observe(
            ObservedCall(call, status: reply.status, isCarriedOut: reply.result != nil, isAnswered: isAnswered)
        )
        return reply
    }

    private func observe(_ call: @autoclosure () -> ObservedCall) {
        if let onCall = telegram.onCall { onCall(call()) }
    }

    /// Carries a call out.
    private func reply(to call: BotCall) async -> Reply {
        let answer = telegram.change { state, effects in
            state.answer(token: call.token, method: call.method, call.parameters, &effects)
        }
        // A server that is told to stop does not wait for those who wait.
        return switch answer {
        case .now(let reply): reply
        case .later(let outcome): await cancelWhenGracefulShutdown { await telegram.reply(outcome) }
        case .poll(let id, let botID, let until):
            await cancelWhenGracefulShutdown { await telegram.outcome(ofPoll: id, of: botID, until: until) }
        }
    }

    /// Carries a call out after a while; a `setWebhook` that another overtakes meanwhile is not.
    ///
    /// **Source:** telegram-bot-api `process_set_webhook_query`: the one that is being set is ended by the other.
    private func late(_ call: BotCall, by delay: Duration) async throws -> Reply {
        let botID = Int64(call.token.prefix { $0 != ":" })
        let isSetting = call.method == "setwebhook"
        let ticket = telegram.change { state, _ -> Int? in
            guard isSetting, let botID, state.bots[botID] != nil else { return nil }
            state.bots[botID]?.webhookTicket += 1
            return state.bots[botID]?.webhookTicket
        }
        try await cancelWhenGracefulShutdown { try await telegram.time.sleep(telegram.time.elapsed() + delay) }
        let now = telegram.read { state in botID.flatMap { state.bots[$0]?.webhookTicket } }
        if let ticket, ticket != now { return .failure(409, "Conflict: terminated by other setWebhook") }
        return await reply(to: call)
    }

    private func cut() async -> any Error {
        // A connection that is closed already is as good as cut.
        do { try await channel.close().get() } catch { return error }
        return Cut()
    }

    /// An answer whose length is not what it says; then the connection ends, or the other side would wait.
    private func lying(_ reply: Reply, by off: Int) -> Response {
        let body = reply.body
        let channel = self.channel
        return Response(
            status: .init(code: reply.status),
            headers: [.contentType: "application/json", .connection: "close"],
            body: .init(contentLength: max(body.count + off, 0)) { writer in
                try await writer.write(ByteBuffer(bytes: body))
                try await channel.close().get()
                throw Cut()
            }
        )
    }

    // MARK: Files

    /// A file, by the path that `getFile` gave.
    ///
    /// **Source:** the hosted service answers as JSON where there is none.
    private func download(_ rest: Substring) -> Response {
        guard let slash = rest.firstIndex(of: "/") else { return Self.response(to: .failure(404, "Not Found")) }
        let token = String(rest[..<slash])
        let path = String(rest[rest.index(after: slash)...])
        let now = telegram.time.elapsed()
        do throws(Reply) {
            let file = try telegram.read { (state) throws(Reply) in
                try state.download(path, token: token, now: now)
            }
            return Response(
                status: .ok,
                headers: [.contentType: "application/octet-stream"],
                body: .init(byteBuffer: ByteBuffer(bytes: file.bytes))
            )
        } catch {
            return Self.response(to: error)
        }
    }
}

extension Responder {
    static func response(to reply: Reply) -> Response {
        var fields: HTTPFields = [.contentType: "application/json"]
        if let seconds = reply.retryAfterSeconds { fields[.retryAfter] = String(seconds) }
        return Response(
            status: .init(code: reply.status),
            headers: fields,
            body: .init(byteBuffer: ByteBuffer(bytes: reply.body))
        )
    }

    static func response(_ code: Int, _ body: [UInt8]) -> Response {
        Response(
            status: .init(code: code),
            headers: [.contentType: "application/json"],
            body: .init(byteBuffer: ByteBuffer(bytes: body))
        )
    }

    /// An error of HTTP itself.
    static func bare(_ status: Int) -> Response {
        Response(status: .init(code: status), headers: [.connection: "close"])
    }

    /// What a front end says when nothing is behind it.
    static func page(_ status: Int) -> Response {
        let title = "\(status) \(HTTPResponseStatus(statusCode: status).reasonPhrase)"
        let text =
            "<html>\r\n<head><title>\(title)</title></head>\r\n<body>\r\n<center><h1>\(title)</h1></center>\r\n</body>\r\n</html>\r\n"
        return Response(
            status: .init(code: status),
            headers: [.contentType: "text/html"],
            body: .init(byteBuffer: ByteBuffer(string: text))
        )
    }
}

extension Simulation {
    /// The file at a path of a bot's downloads.
    func download(_ path: String, token: String, now: Duration) throws(Reply) -> StoredFile {
        guard let known = try? BotToken(token), let botID = botIDs[known] else {
            throw .failure(401, "Unauthorized")
        }
        guard let file = files.download(path, of: botID, now: now) else { throw .failure(404, "Not Found") }
        return file
    }
}
