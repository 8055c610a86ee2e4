import Simulator
import Telegram
import Testing

@testable import Gateway

@Suite("Updates drawn at random")
struct GeneratedUpdatesTests {
    private static let count = 4000

    @Test func `equal seeds give equal updates, and the numbers count up`() throws {
        var one = GeneratedUpdates(seed: 7, firstUpdateID: 41)
        var two = GeneratedUpdates(seed: 7, firstUpdateID: 41)
        var other = GeneratedUpdates(seed: 8, firstUpdateID: 41)
        var same = 0
        for number: Int64 in 41..<91 {
            let update = one.next()
            let again = two.next()
            #expect(update.kind == again.kind && update.body == again.body)
            #expect(try UpdateEnvelope(update.body).updateID == number)
            if other.next().body == update.body { same += 1 }
        }
        #expect(same < 5)
    }

    @Test func `they hold every kind, every content and every service message, and reach every entry`() throws {
        var updates = GeneratedUpdates(seed: 20_261_123)
        var kinds: Set<String> = []
        var contents: Set<String> = []
        var services: Set<String> = []
        var entries: Set<String> = []
        for _ in 0..<Self.count {
            let update = updates.next()
            let record = Intake.record(of: update.body, for: ContentTests.bot, at: ContentTests.noon)
            kinds.insert(record.kind)
            entries.insert(String("\(record.entry)".prefix { $0 != "(" }))
            switch record.entry {
            case .message(let message), .edit(let message):
                contents.insert(message.kind)
                if let name = try ContentTests.extra(message)?["service"]?.string { services.insert(name) }
            default: break
            }
        }
        #expect(kinds.isSuperset(of: UpdateKind.allCases.map(\.rawValue)))
        #expect(contents.isSuperset(of: MessageFixture.contentFields) && contents.contains("unknown"))
        #expect(services.isSuperset(of: MessageFixture.serviceFields))
        #expect(
            entries == [
                "message", "edit", "deletion", "reaction", "poll", "pollAnswer", "businessConnection", "managedBot",
                "customerEvent", "rawOnly",
            ]
        )
    }

    @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
    func `each becomes an entry whose texts are whole, and which has its words`(seed: UInt64) throws {
        var updates = GeneratedUpdates(seed: seed)
        for number in 0..<Self.count / 5 {
            let update = updates.next()
            let record = Intake.record(of: update.body, for: ContentTests.bot, at: ContentTests.noon)
            let place = "update \(number) of seed \(seed): \(update.kind)"
            #expect(record.updateID != nil, "\(place)")
            switch record.entry {
            case .message(let message), .edit(let message): try Self.check(message, update.kind, place)
            case .rawOnly(let mark, let detail):
                #expect(mark == .unknownKind || mark == .keptRaw && detail != nil, "\(place)")
            case .customerEvent(let event):
                #expect(try JSONDocument(Array(event.details.utf8)).root.isObject, "\(place)")
            case .poll(let poll): #expect(try JSONDocument(Array(poll.json.utf8)).root.isObject, "\(place)")
            case .reaction(let change): #expect(change.reactions.allSatisfy { $0.count >= 0 }, "\(place)")
            case .deletion, .pollAnswer, .businessConnection, .managedBot: break
            }
        }
    }

    private static func check(_ message: IncomingMessage, _ kind: String, _ place: String) throws {
        var texts: [String?] = [
            message.space, message.chatKind, message.chatTitle, message.sender.name, message.kind, message.text,
            message.extra, message.albumID, message.pollID, message.customer?.name, message.customer?.username,
        ]
        for file in message.attachments {
            texts += [file.fileID, file.fileUniqueID, file.name, file.mime, file.details]
        }
        #expect(!texts.contains { $0?.utf8.contains(0) == true }, "\(place)")
        #expect(
            message.kind == "unknown" || message.kind == "service"
                || MessageFixture.contentFields.contains(message.kind),
            "\(place)"
        )
        #expect(message.attachments.map(\.position) == Array(message.attachments.indices), "\(place)")
        for details in message.attachments.compactMap(\.details) {
            #expect(try JSONDocument(Array(details.utf8)).root.isObject, "\(place)")
        }
        let extra = try ContentTests.extra(message)
        #expect(extra?.isObject != false, "\(place)")
        if message.kind == "service" {
            #expect(extra?["service"]?.string.map { ServiceKind.byName[$0] != nil } == true)
        }
        let words = ContentTests.stored(message).words(attachments: message.attachments)
        if message.kind != "text" { #expect(!words.contains(where: \.isNewline) && !words.isEmpty, "\(place)") }
        if kind.hasPrefix("edited_") { #expect(message.editedAt != nil, "\(place)") }
    }
}
