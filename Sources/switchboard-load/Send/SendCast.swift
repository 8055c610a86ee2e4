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

    func person(_ chat: Int) -> Int64 { Self.firstPerson + Int64(chat) }

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
