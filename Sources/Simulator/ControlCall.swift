import HTTPTypes
import Telegram

/// A request under `/simulator/`, by which a person plays Telegram without writing Swift.
struct ControlCall: Sendable {
    let method: HTTPRequest.Method
    let path: String
    let query: String
    let body: [UInt8]

    /// What is wrong with a request, and the mend.
    private struct Mistake: Error {
        let text: String
    }

    func answer(_ telegram: SimulatedTelegram) -> (code: Int, json: JSON) {
        do {
            switch (method, path) {
            case (.post, "/simulator/bots"): return (200, try addBot(telegram))
            case (.get, "/simulator/bots"): return (200, Self.bots(telegram))
            case (.post, "/simulator/people"): return (200, try addPerson(telegram))
            case (.post, "/simulator/say"): return (200, try say(telegram))
            case (.get, "/simulator/chats"): return (200, try chat(telegram))
            default:
                let text =
                    "there are POST and GET /simulator/bots, POST /simulator/people, POST /simulator/say, GET /simulator/chats"
                return (404, ["error": .string(text)])
            }
        } catch let mistake as Mistake {
            return (400, ["error": .string(mistake.text)])
        } catch {
            return (400, ["error": .string("\(error)")])
        }
    }

    private func addBot(_ telegram: SimulatedTelegram) throws -> JSON {
        let fields = try fields()
        let bot = try telegram.addBot(name: text("name", in: fields), username: text("username", in: fields))
        return ["id": .int(bot.id), "username": .string(bot.username), "token": .string(bot.token.reveal())]
    }

    private static func bots(_ telegram: SimulatedTelegram) -> JSON {
        .array(
            telegram.bots.map { bot in
                let counts = telegram.counts(of: bot.id)
                return [
                    "id": .int(bot.id), "name": .string(bot.name), "username": .string(bot.username),
                    "pending": .int(Int64(counts.pending)), "delivered": .int(Int64(counts.delivered)),
                    "failed": .int(Int64(counts.failed)),
                ]
            }
        )
    }

    private func addPerson(_ telegram: SimulatedTelegram) throws -> JSON {
        let fields = try fields()
        let person = telegram.addPerson(
            firstName: try text("first_name", in: fields),
            lastName: fields["last_name"]?.string,
            username: fields["username"]?.string,
            languageCode: fields["language_code"]?.string
        )
        return ["id": .int(person.id)]
    }

    private func say(_ telegram: SimulatedTelegram) throws -> JSON {
        let fields = try fields()
        let bot = try botID(fields["bot"]?.string ?? fields["bot"]?.int64.map(String.init) ?? "", telegram)
        guard let id = fields["person"]?.int64 else { throw Mistake(text: "\"person\" is missing: give a person's id") }
        let person = try telegram.person(id)
        let update = try telegram.say(text("text", in: fields), from: person, to: bot)
        return ["update_id": .optional(update)]
    }

    private func chat(_ telegram: SimulatedTelegram) throws -> JSON {
        let parameters = Parameters(query: query, contentType: "", body: [])
        let bot = try botID(parameters["bot"], telegram)
        guard let person = Int64(parameters["person"]) else {
            throw Mistake(text: "\"person\" is missing: give the id of a person or a group, as in ?bot=…&person=…")
        }
        return .array(
            telegram.messages(in: person, of: bot).map { message in
                [
                    "message_id": .int(message.messageID), "date": .int(message.date),
                    "from": message.isFromBot ? "bot" : "person", "text": .optional(message.text),
                ]
            }
        )
    }

    private func fields() throws -> JSONView {
        guard let root = (try? JSONDocument(body))?.root, root.isObject else {
            throw Mistake(text: "the body is not a JSON object: send one, as in -d '{\"name\": \"Shop\"}'")
        }
        return root
    }

    private func text(_ name: String, in fields: JSONView) throws -> String {
        guard let text = fields[named: name]?.string, !text.isEmpty else {
            throw Mistake(text: "\"\(name)\" is missing: give it as a text that is not empty")
        }
        return text
    }

    private func botID(_ text: String, _ telegram: SimulatedTelegram) throws -> Int64 {
        guard !text.isEmpty else { throw Mistake(text: "\"bot\" is missing: give a bot's id or username") }
        let name = (text.hasPrefix("@") ? String(text.dropFirst()) : text).lowercased()
        let bot = telegram.bots.first { String($0.id) == text || $0.username.lowercased() == name }
        guard let bot else { throw SimulatorError.unknownBot(text) }
        return bot.id
    }
}

extension SimulatedTelegram {
    /// The person with that id.
    public func person(_ id: Int64) throws(SimulatorError) -> Person {
        let person = read { state in state.people[id] }
        guard let person else { throw .unknownPerson(id) }
        return person
    }
}
