import NIOCore
import Telegram
import Testing

@testable import switchboard_load

@Suite("The updates that are sent")
struct UpdateSourceTests {
    private func makeSource(duplicates: Double = 0, shard: Int = 0, of shards: Int = 1) throws -> UpdateSource {
        let target = try Target(
            name: "test",
            host: "127.0.0.1",
            port: 8080,
            webhooks: (0..<4).map { Webhook(path: "/telegram/hook\($0)", secret: "secret\($0)") },
            allowedHost: nil
        )
        return UpdateSource(
            target: target,
            texts: MessageTexts(seed: 1),
            settings: TrafficSettings(chats: 10, duplicates: duplicates, seed: 1),
            shard: shard,
            of: shards,
            wallOffset: 1_700_000_000
        )
    }

    private func rendered(_ update: SentUpdate, by source: UpdateSource) -> (head: [String], body: [UInt8]) {
        var buffer = ByteBuffer()
        source.render(update, into: &buffer)
        let text = String(buffer: buffer)
        let parts = text.split(separator: "\r\n\r\n", maxSplits: 1).map(String.init)
        return (parts[0].split(separator: "\r\n").map(String.init), Array(parts[1].utf8))
    }

    @Test func `a request has Telegram's headers in Telegram's order`() throws {
        let source = try makeSource()
        let update = try #require(source.next(now: 0, settling: false)).update
        let (head, body) = rendered(update, by: source)
        #expect(
            head == [
                "POST /telegram/hook\(update.bot) HTTP/1.1", "Host: 127.0.0.1:8080",
                "X-Telegram-Bot-Api-Secret-Token: secret\(update.bot)", "Content-Type: application/json",
                "Content-Length: \(body.count)", "Connection: keep-alive", "Accept-Encoding: gzip, deflate",
            ]
        )
    }

    @Test func `a body is ASCII JSON of a realistic size`() throws {
        let source = try makeSource()
        var sizes: [Int] = []
        for _ in 0..<2_000 {
            let update = try #require(source.next(now: 5_000_000_000, settling: false)).update
            let body = rendered(update, by: source).body
            sizes.append(body.count)
            #expect(body.allSatisfy { $0 < 0x80 })
            let root = try JSONDocument(body).root
            #expect(root["update_id"]?.int64 == Int64(update.updateID))
            let message = try #require(root["message"])
            #expect(message["message_id"]?.int64 == Int64(update.messageID))
            #expect(message["date"]?.int64 == 1_700_000_005)
            #expect(message["text"]?.string?.hasSuffix(" \(update.updateID)") == true)
            #expect(message["from"]?["id"]?.int64 == message["chat"]?["id"]?.int64)
        }
        let mean = sizes.reduce(0, +) / sizes.count
        #expect((900...1_100).contains(mean))
    }

    @Test func `ids rise, each by one, in a bot: Telegram numbers its private chats in one row`() throws {
        let source = try makeSource()
        var updateIDs: [Int32: Int32] = [:]
        var messageIDs: [Int32: Int32] = [:]
        var chats: Set<[Int32]> = []
        for _ in 0..<1_000 {
            let update = try #require(source.next(now: 0, settling: false)).update
            if let last = updateIDs.updateValue(update.updateID, forKey: update.bot) {
                #expect(update.updateID == last + 1)
            }
            if let last = messageIDs.updateValue(update.messageID, forKey: update.bot) {
                #expect(update.messageID == last + 1)
            }
            chats.insert([update.bot, update.chat])
        }
        #expect(updateIDs.count == 4)
        #expect(chats.count == 10)
    }

    @Test func `a repeat is the same bytes and is counted once`() throws {
        let source = try makeSource(duplicates: 0.3)
        var bodies: [[Int32]: [UInt8]] = [:]
        var repeats = 0
        for _ in 0..<2_000 {
            let (update, isRepeat) = try #require(source.next(now: 0, settling: false))
            let body = rendered(update, by: source).body
            let before = bodies.updateValue(body, forKey: [update.bot, update.updateID])
            #expect((before != nil) == isRepeat)
            if isRepeat {
                #expect(before == body)
                repeats += 1
            }
            source.acknowledge(update)
        }
        #expect((500...700).contains(repeats))
        #expect(source.acknowledgedCount == bodies.count)
        #expect(source.sentCount == bodies.count)
    }

    @Test func `what got no 200 goes again until it did`() throws {
        let source = try makeSource()
        let first = try #require(source.next(now: 0, settling: false)).update
        source.fail(first)
        #expect(source.acknowledgedCount == 0)
        let again = try #require(source.next(now: 0, settling: true))
        #expect(again.update == first)
        #expect(again.isRepeat)
        source.acknowledge(first)
        source.fail(first)
        #expect(source.next(now: 0, settling: true) == nil)
        #expect(source.acknowledgedCount == 1)
    }

    @Test func `two event loops never share a bot`() throws {
        let first = try makeSource(shard: 0, of: 2)
        let second = try makeSource(shard: 1, of: 2)
        func paths(_ source: UpdateSource) throws -> Set<String> {
            try Set(
                (0..<100).map { _ in
                    rendered(try #require(source.next(now: 0, settling: false)).update, by: source).head[0]
                }
            )
        }
        #expect(try paths(first).count == 2)
        #expect(try paths(first).isDisjoint(with: try paths(second)))
    }

    @Test(arguments: ["127.0.0.1", "127.9.9.9", "localhost", "::1"])
    func `loopback may be loaded`(_ host: String) throws {
        _ = try Target(name: "x", host: host, port: 1, webhooks: [], allowedHost: nil)
    }

    @Test(arguments: ["api.telegram.org", "10.0.0.1", "127.0.0.1.example.org", "127.evil"])
    func `another host may be loaded only if it was named`(_ host: String) throws {
        #expect(throws: LoadFailure.self) {
            try Target(name: "x", host: host, port: 1, webhooks: [], allowedHost: "example.org")
        }
        _ = try Target(name: "x", host: host, port: 1, webhooks: [], allowedHost: host)
    }

    @Test func `a webhook's URL is taken apart`() throws {
        let parts = try #require(Target.parts(ofURL: "http://127.0.0.1:8080/telegram/abc"))
        #expect(parts == ("127.0.0.1", 8080, "/telegram/abc"))
        #expect(Target.parts(ofURL: "https://127.0.0.1/x") == nil)
        #expect(Target.parts(ofURL: "http://127.0.0.1:x/") == nil)
    }
}
