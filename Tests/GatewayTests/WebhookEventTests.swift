import Foundation
import Telegram
import Testing

@testable import Gateway

@Suite("What webhooks are told", .timeLimit(.minutes(1)))
struct WebhookEventTests {
    private static let noon = Timestamp(milliseconds: 1_795_435_200_000)
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("deploy/webhooks")

    private static func business() throws -> Business {
        Business(
            id: BusinessID(rawValue: 1),
            slug: try Slug("maier"),
            name: "Blumen Maier",
            state: .active,
            createdAt: noon
        )
    }

    private static func subject(
        kind: String = "text",
        text: String? = "an order",
        extra: String? = nil
    )
        -> PipelineSubject
    {
        PipelineSubject(
            message: Message(
                id: MessageID(rawValue: 9),
                conversationID: ConversationID(rawValue: 5),
                direction: .incoming,
                sender: .init(role: .customer, id: 501, name: "Anna Ivanova"),
                kind: kind,
                text: text,
                extra: extra,
                telegramMessageID: 77,
                replyTo: nil,
                sentAt: noon,
                receivedAt: noon,
                state: "received",
                raw: Array("{\"raw\":1}".utf8)
            ),
            conversation: Conversation(
                id: ConversationID(rawValue: 5),
                botID: BotID(rawValue: 3),
                space: "direct",
                chatID: 501,
                threadID: nil,
                kind: "private",
                title: "Anna Ivanova",
                customerID: CustomerID(rawValue: 4),
                status: "open",
                handledBy: "pipeline",
                blocked: false,
                lastMessageAt: noon,
                lastMessage: nil
            ),
            customer: .init(telegramID: 501, name: "Anna Ivanova", username: "anna", language: "ru"),
            bot: .init(id: BotID(rawValue: 3), username: "maier_bot", name: "Maier"),
            isFirstContact: false,
            notes: ConversationNotes(
                labels: ["vip"],
                attributes: [AttributeName("size"): "xl", AttributeName("customer.tier"): "gold"]
                    .reduce(into: [:]) { if let name = $1.key { $0[name] = $1.value } }
            )
        )
    }

    private static func event(
        _ subject: PipelineSubject,
        update: Int64 = 12,
        step: String = "orders"
    ) throws
        -> WebhookEvent
    {
        let context = try subject.context(businessName: "Blumen Maier", now: noon)
        return WebhookEvent(subject, context, of: try business(), step: step, update: KeptUpdateID(rawValue: update))
    }

    /// What of a JSON Schema is not so, with its place; of the words that ours use.
    private static func faults(_ value: JSONView, _ schema: JSONView, _ place: String = "$") -> [String] {
        var faults: [String] = []
        if let types = schema["type"] {
            let names = types.elements.map { $0.compactMap(\.string) } ?? [types.string ?? ""]
            if !names.contains(where: { has(value, type: $0) }) { return ["\(place) is not \(names)"] }
        }
        if let choices = schema["enum"]?.elements.map({ $0.compactMap(\.string) }),
            !choices.contains(value.string ?? "")
        {
            faults.append("\(place) is none of \(choices)")
        }
        for name in schema["required"]?.elements.map({ $0.compactMap(\.string) }) ?? [] where value[named: name] == nil
        {
            faults.append("\(place) has no \(name)")
        }
        guard let members = value.members else { return faults }
        for (name, member) in members {
            if let inner = schema["properties"]?[named: name] {
                faults += Self.faults(member, inner, "\(place).\(name)")
            } else if schema["additionalProperties"]?.bool == false {
                faults.append("\(place) has \(name) besides")
            }
        }
        return faults
    }

    private static func has(_ value: JSONView, type: String) -> Bool {
        switch type {
        case "object": value.isObject
        case "array": value.isArray
        case "string": value.isString
        case "integer": value.int64 != nil
        case "boolean": value.bool != nil
        default: value.isNull
        }
    }

    private static func read(_ name: String) throws -> String {
        try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
    }

    /// What an order, its correction, a pressed button and a trial make.
    private static func examples() throws -> [WebhookEvent] {
        var edited = subject(text: "an order, please")
        edited.message.editedAt = noon.advanced(by: .seconds(60))
        let query = #"{"service":"callback_query","callback_query":{"id":"4711"}}"#
        return [
            try event(subject()), try event(edited),
            try event(subject(kind: "service", text: "buy:roses", extra: query)),
            WebhookEvent(testing: "orders", of: try business(), at: noon),
        ]
    }

    @Test func `the examples of the reference are what is really made, one of each kind`() throws {
        let page = try Self.read("README.md")
        let shown = page.matches(of: /```json\n(\{"type".*)\n```/).map { String($0.1) }
        let made = try Self.examples()
        #expect(made.map { String(decoding: $0.body, as: UTF8.self) } == shown)
        #expect(made.map(\.kind) == WebhookEvent.Kind.allCases)
        for kind in WebhookEvent.Kind.allCases { #expect(page.contains("| `\(kind.rawValue)` |"), "\(kind)") }
    }

    @Test func `every kind of event is as the schema says`() throws {
        let schema = try JSONDocument(Array(try Self.read("event.schema.json").utf8)).root
        let events = try Self.examples() + [try Self.event(Self.subject(kind: "photo", text: nil))]
        #expect(
            events.map(\.kind) == [.messageReceived, .messageEdited, .callbackReceived, .test, .messageReceived]
        )
        for event in events { #expect(Self.faults(try JSONDocument(event.body).root, schema) == []) }
        let callback = try JSONDocument(events[2].body).root
        #expect(callback["data"]?["callback"]?["data"]?.string == "buy:roses")
        #expect(try JSONDocument(events[1].body).root["timestamp"]?.string == "2026-11-23T12:01:00.000Z")
        // The check can fail.
        let wrong = try JSONDocument(Array(#"{"type":"x","timestamp":1,"data":{"step":"a"},"more":1}"#.utf8)).root
        #expect(Self.faults(wrong, schema).count == 4)
    }

    @Test func `an id is of the event, not of the try, and holds no point`() throws {
        let id = try Self.event(Self.subject()).id
        #expect(try Self.event(Self.subject()).id == id)
        #expect(try Self.event(Self.subject(), update: 13).id != id)
        #expect(try Self.event(Self.subject(), step: "support").id != id)
        #expect(id.wholeMatch(of: /msg_[A-Za-z0-9_-]{24}/) != nil)
        let test = WebhookEvent(testing: "orders", of: try Self.business(), at: Self.noon)
        #expect(test.id.wholeMatch(of: /msg_[A-Za-z0-9_-]{24}/) != nil)
    }

    @Test func `neither the raw update nor earlier versions are sent on`() throws {
        let body = String(decoding: try Self.event(Self.subject()).body, as: UTF8.self)
        #expect(!body.contains("\"raw\"") && body.contains("\"versions\":[]"))
    }
}
