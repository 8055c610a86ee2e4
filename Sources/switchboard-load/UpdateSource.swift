import NIOCore
import Telegram

/// One update that was sent.
///
/// With the source's constant parts it gives the same bytes again, so a repeat is a true repeat.
struct SentUpdate: Equatable {
    var bot: Int32
    var chat: Int32
    var updateID: Int32
    var messageID: Int32
    var date: Int32
}

/// What traffic looks like; the same seed gives the same updates.
struct TrafficSettings: Sendable {
    var chats: Int
    var duplicates: Double
    var seed: UInt64
    /// Whose customers write; with it they take turns, every update has a number of its own, and its times are kept.
    var cast: SendCast? = nil
    /// Which of the cast's bots the target's first is.
    var firstBot = 0
}

/// When an update was to be sent and when its first 200 came, in nanoseconds of uptime.
struct UpdateTimes: Sendable {
    var intended: UInt64
    var acknowledged: UInt64
}

/// The updates of some of a target's bots: makes new ones, repeats old ones, and knows which were acknowledged.
///
/// It belongs to one event loop, and no bot belongs to two sources. It lives as long as the target, over all phases.
final class UpdateSource {
    private struct ChatLane {
        let body: [UInt8]
    }

    private struct BotLane {
        let head: [UInt8]
        let firstUpdateID: Int32
        var nextUpdateID: Int32
        /// Telegram numbers the private chats of a bot in one row.
        var nextMessageID: Int32
        var chats: [ChatLane]
        /// One bit per update, from `firstUpdateID`.
        var acknowledged: [UInt64] = []
        /// Of each update, from `firstUpdateID`; empty without a cast.
        var times: [UpdateTimes] = []
    }

    private static let recentCount = 4096

    private var bots: [BotLane]
    private let endings: [MessageTexts.Ending]
    private var random: SeededRandom
    private let duplicateThreshold: UInt64
    /// The latest new updates, a ring; a repeat is drawn from it and may still be in flight the first time.
    private var recent: [SentUpdate] = []
    private var recentIndex = 0
    /// Updates that got no 200; they go again first, as Telegram would do it.
    private(set) var unanswered: [SentUpdate] = []
    /// Unix seconds at uptime 0.
    private let wallOffset: UInt64
    private let takesTurns: Bool
    private var turn = 0

    /// Takes the bots whose index is `shard` modulo `shards`.
    init(target: Target, texts: MessageTexts, settings: TrafficSettings, shard: Int, of shards: Int, wallOffset: UInt64)
    {
        endings = texts.endings
        random = SeededRandom(seed: settings.seed &+ UInt64(shard) &* 0x1_0001)
        duplicateThreshold = UInt64(settings.duplicates * 0x1p32)
        self.wallOffset = wallOffset
        takesTurns = settings.cast != nil
        let count = target.webhooks.count
        bots = stride(from: shard, to: count, by: shards).map { index in
            let member = index + settings.firstBot
            var random = SeededRandom(seed: settings.seed &+ UInt64(index + 1) &* 7_919)
            let first = settings.cast?.firstUpdate(member) ?? Int32(100_000_000 + random.below(100_000_000))
            let chats =
                settings.cast?.chats(ofBot: member)
                ?? settings.chats / count + (index < settings.chats % count ? 1 : 0)
            return BotLane(
                head: Self.head(of: target, webhook: target.webhooks[index]),
                firstUpdateID: first,
                nextUpdateID: first,
                nextMessageID: settings.cast.map { _ in SendCast.firstWritten } ?? Int32(1 + random.below(1_000_000)),
                chats: (0..<max(1, chats)).map { chat in
                    let id =
                        settings.cast?.person(ofBot: member, chat: chat)
                        ?? 5_000_000_000 + Int64(index) * 1_000_000 + Int64(chat)
                    return Self.makeChat(id: id, bot: index, chat: chat, &random)
                }
            )
        }
    }

    /// The next update to send; nil if there is nothing to settle.
    ///
    /// - Parameter settling: only what has not been acknowledged, nothing new.
    func next(now: UInt64, settling: Bool) -> (update: SentUpdate, isRepeat: Bool)? {
        if let again = unanswered.popLast() { return (again, true) }
        if settling { return nil }
        if !recent.isEmpty, random.next() >> 32 < duplicateThreshold {
            return (recent[random.below(recent.count)], true)
        }
        let bot = takesTurns ? turn % bots.count : random.below(bots.count)
        let chats = bots[bot].chats.count
        let chat =
            takesTurns ? Int(bots[bot].nextUpdateID - bots[bot].firstUpdateID) % chats : random.below(chats)
        turn += 1
        let update = SentUpdate(
            bot: Int32(truncatingIfNeeded: bot),
            chat: Int32(truncatingIfNeeded: chat),
            updateID: bots[bot].nextUpdateID,
            messageID: bots[bot].nextMessageID,
            date: Int32(truncatingIfNeeded: wallOffset + now / 1_000_000_000)
        )
        bots[bot].nextUpdateID += 1
        bots[bot].nextMessageID += 1
        remember(update)
        return (update, false)
    }

    private func remember(_ update: SentUpdate) {
        guard recent.count == Self.recentCount else { return recent.append(update) }
        recent[recentIndex] = update
        recentIndex = (recentIndex + 1) % Self.recentCount
    }

    /// Notes a 200.
    func acknowledge(_ update: SentUpdate) {
        let bot = Int(update.bot)
        let offset = Int(update.updateID - bots[bot].firstUpdateID)
        let word = offset >> 6
        while bots[bot].acknowledged.count <= word { bots[bot].acknowledged.append(0) }
        bots[bot].acknowledged[word] |= 1 << UInt64(offset & 63)
    }

    /// Notes when an update that a cast's customer wrote got its first 200.
    func time(_ update: SentUpdate, _ times: UpdateTimes) {
        guard takesTurns else { return }
        let bot = Int(update.bot)
        let offset = Int(update.updateID - bots[bot].firstUpdateID)
        while bots[bot].times.count <= offset { bots[bot].times.append(UpdateTimes(intended: 0, acknowledged: 0)) }
        if bots[bot].times[offset].acknowledged == 0 { bots[bot].times[offset] = times }
    }

    /// The times of every update that got a 200, by its number; empty without a cast.
    var times: [Int64: UpdateTimes] {
        var all: [Int64: UpdateTimes] = [:]
        for bot in bots {
            for (offset, times) in bot.times.enumerated() where times.acknowledged > 0 {
                all[Int64(bot.firstUpdateID) + Int64(offset)] = times
            }
        }
        return all
    }

    /// Notes that an update got no 200; it is sent again unless another copy of it was acknowledged.
    func fail(_ update: SentUpdate) {
        let bot = bots[Int(update.bot)]
        let offset = Int(update.updateID - bot.firstUpdateID)
        let word = offset >> 6
        if word < bot.acknowledged.count, bot.acknowledged[word] & (1 << UInt64(offset & 63)) != 0 { return }
        unanswered.append(update)
    }

    /// Different updates that got a 200 at least once.
    var acknowledgedCount: Int {
        bots.reduce(0) { $0 + $1.acknowledged.reduce(0) { $0 + $1.nonzeroBitCount } }
    }

    /// Different updates that were sent at least once.
    var sentCount: Int { bots.reduce(0) { $0 + Int($1.nextUpdateID - $1.firstUpdateID) } }

    /// Writes the whole request; the buffer's storage is reused.
    func render(_ update: SentUpdate, into buffer: inout ByteBuffer) {
        let bot = Int(update.bot)
        let chat = Int(update.chat)
        let hash = SeededRandom.mixed(UInt64(truncatingIfNeeded: update.updateID) << 20 ^ UInt64(bot))
        let ending = endings[Int(hash % UInt64(endings.count))]
        let updateID = Digits(update.updateID)
        let messageID = Digits(update.messageID)
        let date = Digits(update.date)
        let body = bots[bot].chats[chat].body
        let length =
            Self.updateStart.utf8CodeUnitCount + updateID.count + Self.messageStart.utf8CodeUnitCount + messageID.count
            + body.count + date.count + 1 + ending.beforeNumber.count + updateID.count + ending.afterNumber.count

        buffer.clear()
        buffer.writeBytes(bots[bot].head)
        Digits(Int32(truncatingIfNeeded: length)).write(to: &buffer)
        buffer.writeStaticString(Self.headEnd)
        buffer.writeStaticString(Self.updateStart)
        updateID.write(to: &buffer)
        buffer.writeStaticString(Self.messageStart)
        messageID.write(to: &buffer)
        buffer.writeBytes(body)
        date.write(to: &buffer)
        buffer.writeStaticString(",")
        buffer.writeBytes(ending.beforeNumber)
        updateID.write(to: &buffer)
        buffer.writeBytes(ending.afterNumber)
    }

    // MARK: The constant parts

    private static let updateStart: StaticString = "{\"update_id\":"
    private static let messageStart: StaticString = ",\n\"message\":{\"message_id\":"
    private static let headEnd: StaticString = "\r\nConnection: keep-alive\r\nAccept-Encoding: gzip, deflate\r\n\r\n"

    /// The headers in Telegram's order up to the number of `Content-Length`.
    ///
    /// **Source:** facts of tdlib's `WebhookActor.cpp`.
    private static func head(of target: Target, webhook: Webhook) -> [UInt8] {
        let host = target.host.contains(":") ? "[\(target.host)]" : target.host
        let port = target.port == 80 ? "" : ":\(target.port)"
        let lines = [
            "POST \(webhook.path) HTTP/1.1",
            "Host: \(host)\(port)",
            "X-Telegram-Bot-Api-Secret-Token: \(webhook.secret)",
            "Content-Type: application/json",
            "Content-Length: ",
        ]
        return Array(lines.joined(separator: "\r\n").utf8)
    }

    private static let firstNames = ["Олександра", "Мария", "Иван", "Дмитрий", "Anna", "Олег", "Екатерина", "Max"]
    private static let lastNames = ["Шевченко", "Иванова", "Кузнецов", "Smith", "Петренко", "Смирнова", "Müller"]

    private static func makeChat(id: Int64, bot: Int, chat: Int, _ random: inout SeededRandom) -> ChatLane {
        let id = JSON.int(id)
        let names: [JSON.Member] = [
            .init("first_name", .string(firstNames[random.below(firstNames.count)])),
            .init("last_name", .string(lastNames[random.below(lastNames.count)])),
            .init("username", .string("customer_\(bot)_\(chat)")),
        ]
        let from = JSON.object(
            [.init("id", id), .init("is_bot", false)] + names + [.init("language_code", chat % 4 == 0 ? "en" : "ru")]
        )
        let inChat = JSON.object([.init("id", id)] + names + [.init("type", "private")])
        var body = Array(",\"from\":".utf8) + from.encoded(escapingNonASCII: true)
        body += Array(",\"chat\":".utf8) + inChat.encoded(escapingNonASCII: true)
        body += Array(",\"date\":".utf8)
        return ChatLane(body: body)
    }
}

/// A number's decimal digits without a heap allocation; the number is not negative.
private struct Digits {
    private var packed: (UInt64, UInt64) = (0, 0)
    let count: Int

    init(_ value: Int32) {
        var rest = UInt32(clamping: value)
        var count = 0
        repeat {
            // The last digit is written first: shifting puts every later one in front of it.
            packed.1 = packed.1 << 8 | packed.0 >> 56
            packed.0 = packed.0 << 8 | UInt64(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
            count += 1
        } while rest > 0
        self.count = count
    }

    func write(to buffer: inout ByteBuffer) {
        let start = buffer.writerIndex
        buffer.writeInteger(packed.0, endianness: .little)
        buffer.writeInteger(packed.1, endianness: .little)
        buffer.moveWriterIndex(to: start + count)
    }
}
