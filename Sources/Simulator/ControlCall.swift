import HTTPTypes
import Telegram

/// A request under `/simulator/`, by which a person plays Telegram without writing Swift.
///
/// `bot` is a bot's id or username, `person` and `chat` are ids; `content` holds the members of a `Message`. What makes an update gives
/// `{"update_id": …}`, null if the bot did not want it.
/// - `POST bots` `{"name", "username", "abilities"?}` → `{"id", "username", "token"}`; `GET bots` → their counts, never tokens
/// - `POST people` `{"first_name", "last_name"?, "username"?, "language_code"?}` → `{"id"}`
/// - `POST groups` `{"title", "kind"?: group, supergroup or channel, "is_forum"?, "username"?}` → `{"id"}`
/// - `POST say` `{"bot", "person", "text", "chat"?}`; `POST send` `{"bot", "person", "content", "chat"?, "reply_to"?, "topic"?}`
/// - `POST edit` `{"bot", "person", "message_id", "content", "chat"?}`; `POST press` `{"bot", "person", "message_id", "data", "chat"?}`
/// - `POST react` `{"bot", "person", "message_id", "emoji": […], "chat"?}`; `POST block`, `POST unblock` `{"bot", "person"}`
/// - `POST membership` `{"bot", "person", "chat", "status", "of"?: bot or person}`; `POST migrate` `{"chat", "person"}` → `{"id"}`
/// - `POST channel-posts` `{"chat", "content"}`; `POST updates` `{"bot", "kind", "payload"}` for any kind of update
/// - `POST business` `{"bot", "person", "rights"?}` → `{"id"}`; `POST business/change` `{"id", "is_enabled", "rights"?}`;
///   `POST business/send` `{"id", "person", "content", "is_from_owner"?}`; `POST business/edit` `{"id", "person", "message_id", "content"}`;
///   `POST business/delete` `{"id", "person", "message_ids"}`
/// - `POST managed-bots` `{"name", "username", "person", "bot": the manager}`; `POST revoke` `{"bot"}` → the new token
/// - `POST faults/calls` `{"fault", "bot"?, "method"?, "times"?, "probability"?, …}`, `POST faults/clear` `{}`;
///   `POST faults/deliveries` `{"bot", "duplicate"?, "cut"?, "delay"?, "delay_seconds"?}`; `POST flood-limits` `{"is_on"}`
/// - `GET chats?bot=…&person=…` → the messages of the chat, both ways; `GET answers?bot=…` → how the bot answered queries
struct ControlCall: Sendable {
    let method: HTTPRequest.Method
    let path: String
    let query: String
    let body: [UInt8]

    /// What is wrong with a request, and the mend.
    struct Mistake: Error {
        let text: String
    }

    func answer(_ telegram: SimulatedTelegram) -> (code: Int, json: JSON) {
        do {
            let name = String(path.dropFirst("/simulator/".count))
            let answer = method == .get ? try look(name, telegram) : try act(name, telegram)
            guard let answer else {
                let text =
                    "there is no \(method.rawValue) /simulator/\(name): there are POST \(Self.actions.joined(separator: ", ")), and GET bots, chats, answers"
                return (404, ["error": .string(text)])
            }
            return (200, answer)
        } catch let mistake as Mistake {
            return (400, ["error": .string(mistake.text)])
        } catch {
            return (400, ["error": .string("\(error)")])
        }
    }

    private static let actions = [
        "bots", "people", "groups", "say", "send", "edit", "press", "react", "block", "unblock", "membership",
        "migrate",
        "channel-posts", "updates", "business", "business/change", "business/send", "business/edit", "business/delete",
        "managed-bots", "revoke", "faults/calls", "faults/clear", "faults/deliveries", "flood-limits",
    ]

    private func look(_ name: String, _ telegram: SimulatedTelegram) throws -> JSON? {
        let fields = ControlFields(query: Parameters(query: query), telegram)
        switch name {
        case "bots":
            return .array(
                telegram.bots.map { bot in
                    let counts = telegram.counts(of: bot.id)
                    return [
                        "id": .int(bot.id), "name": .string(bot.name), "username": .string(bot.username),
                        "pending": .int(Int64(counts.pending)), "delivered": .int(Int64(counts.delivered)),
                        "failed": .int(Int64(counts.failed)),
                        "sent": .int(Int64(telegram.sentCount(by: bot.id))),
                    ]
                }
            )
        case "chats":
            let bot = try fields.bot()
            let connection = try fields.optionalConnection()
            return .array(
                telegram.messages(in: try fields.number("person"), connection: connection, of: bot).map { message in
                    [
                        "message_id": .int(message.messageID), "date": .int(message.date),
                        "from": message.isFromBot ? "bot" : "person", "text": .optional(message.text),
                        "message": message.json,
                    ]
                }
            )
        case "answers":
            return .array(
                telegram.answers(of: try fields.bot()).map { answer in
                    let said = answer.parameters.sorted { $0.key < $1.key }
                    return [
                        "id": .string(answer.queryID), "kind": .string(answer.kind),
                        "said": .object(said.map { JSON.Member($0.key, .string($0.value)) }),
                    ]
                }
            )
        default: return nil
        }
    }

    private func act(_ name: String, _ telegram: SimulatedTelegram) throws -> JSON? {
        guard Self.actions.contains(name) else { return nil }
        guard let root = (try? JSONDocument(body))?.root, root.isObject else {
            throw Mistake(text: "the body is not a JSON object: send one, as in -d '{\"name\": \"Shop\"}'")
        }
        let fields = ControlFields(body: root, telegram)
        if let answer = try fields.arrange(name) { return answer }
        if let answer = try fields.doInBusiness(name) { return answer }
        return ["update_id": .optional(try fields.doInChat(name))]
    }
}
