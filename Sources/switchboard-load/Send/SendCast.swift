import Telegram

/// Who takes part in a `send` run, as both processes know it: bots, and people who each have a private chat with one of them.
///
/// The tokens come from the seed, so that none has to be handed over.
struct SendCast: Sendable {
    let bots: Int
    let chats: Int
    let seed: UInt64

    static let firstBot: Int64 = 7_100_000_000
    /// The simulator's first person.
    static let firstPerson: Int64 = 500_000_001

    func botID(_ bot: Int) -> Int64 { Self.firstBot + Int64(bot) }

    /// As long as Telegram's own.
    func token(_ bot: Int) throws -> BotToken {
        var random = SeededRandom(seed: seed &+ UInt64(bot) &* 7_919)
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        let secret = String((0..<33).map { _ in alphabet[random.below(alphabet.count)] })
        return try BotToken("\(botID(bot)):AA\(secret)")
    }

    /// What Telegram sends along with the updates of a bot; as long as the server's own.
    func secret(_ bot: Int) -> String {
        var random = SeededRandom(seed: seed &+ UInt64(bot) &* 6_101 &+ 17)
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        return String((0..<43).map { _ in alphabet[random.below(alphabet.count)] })
    }

    func person(_ chat: Int) -> Int64 { Self.firstPerson + Int64(chat) }

    /// The person of a bot's chat, counted within the bot.
    func person(ofBot bot: Int, chat: Int) -> Int64 { person(chat * bots + bot) }

    /// So many updates of one bot have numbers of their own.
    static let updatesOfBot: Int64 = 1_000_000
    /// The message ids of what customers write lie beyond those that the simulated Telegram gives out.
    static let firstWritten: Int32 = 1_000_000_000

    /// The number of a bot's first update: no two bots have the same numbers.
    func firstUpdate(_ bot: Int) -> Int32 { Int32(clamping: Int64(bot + 1) * Self.updatesOfBot) }

    /// Whose update has that number; nil for none's.
    func writer(ofUpdate number: Int64) -> (bot: Int, chat: Int)? {
        let bot = Int(number / Self.updatesOfBot) - 1
        guard (0..<bots).contains(bot) else { return nil }
        return (bot, Int(number % Self.updatesOfBot) % chats(ofBot: bot) * bots + bot)
    }

    /// How many chats a bot has; at least one.
    func chats(ofBot bot: Int) -> Int { max(1, chats / bots + (bot < chats % bots ? 1 : 0)) }

    func bot(ofChat chat: Int) -> Int { chat % bots }

    /// The number of the message by which the chat was begun: a bot's private chats are numbered in one row.
    func firstMessage(_ chat: Int) -> Int64 { Int64(chat / bots + 1) }
}

/// The texts that are sent: each ends with its own number, by which it is found again.
enum SendText {
    private static let beginnings = [
        "Ваш заказ собран и передан в доставку, курьер позвонит за час до приезда. Заказ №",
        "Дякуємо! Ми отримали ваше замовлення і вже готуємо його до відправлення. Номер",
        "Good news: the item you asked about is back in stock, and we have put one aside for you until Friday 🎁. Reference",
        "Здравствуйте! Да, размер есть в наличии. Оплатить можно картой или наличными при получении. Ответ",
        "Your table for two is booked for tonight at 19:30. See you soon! Booking",
        "OK",
        "Напоминаем о записи на завтра в 12:00. Если планы изменились, просто напишите нам сюда, и мы подберём другое время; адрес прежний. Запись",
        "The parcel has left our warehouse and will be with you in two to three days; you can follow it on the carrier's page. Parcel",
    ]

    static func text(_ number: Int64) -> String { "\(beginnings[Int(number) % beginnings.count]) \(number)" }

    /// The number at the end of a text; nil if it has none.
    static func number(of text: String) -> Int64? {
        guard let space = text.utf8.lastIndex(of: UInt8(ascii: " ")) else { return nil }
        return Int64(text[text.utf8.index(after: space)...])
    }
}
