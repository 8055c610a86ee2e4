import Telegram
import Testing

@testable import Gateway

@Suite("A change of a profile")
struct ProfileChangeTests {
    private static func refusal(_ body: () throws(GatewayError) -> Void) -> String {
        do throws(GatewayError) { try body() } catch { return error.description }
        return ""
    }

    @Test func `limits are those of Telegram, counted as it counts`() throws {
        #expect(try ProfileChange(name: String(repeating: "🌷", count: 64)).name?.count == 64)
        #expect(try ProfileChange(description: String(repeating: "ä", count: 512)).description?.count == 512)
        let cases: [(String, String)] = [
            (
                Self.refusal { () throws(GatewayError) in _ = try ProfileChange(name: String(repeating: "a", count: 65))
                }, "64"
            ),
            (
                Self.refusal { () throws(GatewayError) in
                    _ = try ProfileChange(about: String(repeating: "a", count: 121))
                }, "120"
            ),
            (
                Self.refusal { () throws(GatewayError) in
                    _ = try ProfileChange(description: String(repeating: "a", count: 513))
                }, "512"
            ),
            (Self.refusal { () throws(GatewayError) in _ = try ProfileChange(name: "") }, "cannot be empty"),
            (Self.refusal { () throws(GatewayError) in _ = try ProfileChange(language: "deu") }, "two letters"),
        ]
        for (text, word) in cases { #expect(text.contains(word), "\(text)") }
    }

    @Test(arguments: [
        ("Start - x", "Start"), ("start - ", "line 1"), ("start", "line 1"), ("a - b\nc: d", "line 2"),
        ("a - b\na - c", "twice"), ("with space - b", "with space"),
    ])
    func `a menu that Telegram would refuse is told by what is wrong`(text: String, word: String) {
        let refusal = Self.refusal { () throws(GatewayError) in
            _ = try ProfileChange(commands: try ProfileChange.commands(text))
        }
        #expect(refusal.contains(word), "\(refusal)")
    }

    @Test func `a hundred commands are taken, one more is not`() throws {
        func menu(_ count: Int) -> [BotMenuCommand] {
            (0..<count).map { BotMenuCommand(command: "c\($0)", description: "d") }
        }
        #expect(try ProfileChange(commands: menu(100)).commands?.count == 100)
        #expect(throws: GatewayError.self) { try ProfileChange(commands: menu(101)) }
    }
}

@Suite("A link to a bot")
struct BotLinkTests {
    private static func bot(_ username: String) -> Bot {
        Bot(
            id: BotID(rawValue: 5),
            businessID: BusinessID(rawValue: 3),
            telegramID: 7,
            username: username,
            name: "Shop",
            state: .active,
            health: .ok,
            healthDetail: nil,
            healthAt: nil,
            hook: "hook",
            createdAt: Timestamp(milliseconds: 0)
        )
    }

    @Test func `a payload of up to 64 plain characters is a part of it`() throws {
        #expect(try Self.bot("shop_bot").link(payload: nil) == "https://t.me/shop_bot")
        #expect(try Self.bot("shop_bot").link(payload: "a-Z_9") == "https://t.me/shop_bot?start=a-Z_9")
        let longest = String(repeating: "x", count: 64)
        #expect(try Self.bot("shop_bot").link(payload: longest).hasSuffix("start=\(longest)"))
        for bad in ["", "a b", "ä", "x=1", "a\n", String(repeating: "x", count: 65)] {
            #expect(throws: GatewayError.badPayload) { try Self.bot("shop_bot").link(payload: bad) }
        }
        #expect(throws: GatewayError.noUsername(BotID(rawValue: 5))) { try Self.bot("").link(payload: nil) }
    }
}
