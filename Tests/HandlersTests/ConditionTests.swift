import Gateway
import Testing

@testable import Handlers

@Suite("Conditions", .timeLimit(.minutes(1)))
struct ConditionTests {
    @Test(arguments: [
        ("{text: {equals: cafe}}", "  CAFÉ ", true), ("{text: {equals: cafe}}", "cafes", false),
        ("{text: {equals: елка}}", "Ёлка", true), ("{text: {equals: strasse}}", "Straße", true),
        ("{text: {equals: ΟΔΟΣ}}", "οδός", true), ("{text: {equals: lodz}}", "Łódź", true),
        ("{text: {equals: ABC}}", "ａｂｃ", true), ("{text: {equals: I'm here}}", "i’m  here", true),
        ("{text: {equals: की}}", "क", false),
        ("{text: {contains: '@example'}}", "me@example.com", true), ("{text: {contains: aab}}", "aaab", true),
        ("{text: {contains: [x, y]}}", "zzz", false),
        ("{text: {any_word: price}}", "Price?", true), ("{text: {any_word: price}}", "prices", false),
        ("{text: {any_word: money back}}", "my MONEY, back!", true),
        ("{text: {any_word: money back}}", "money is back", false),
        ("{text: {any_word: don't}}", "I don’t know", true), ("{text: {any_word: don}}", "I don't know", false),
        ("{text: {any_word: price}}", "ok.price", true), ("{text: {any_word: '3.14'}}", "pi=3.14.", true),
        ("{text: {any_word: 退款}}", "我要退款吗", true), ("{text: {any_word: 退款}}", "退我款", false),
        ("{text: {any_word: ราคา}}", "ขอราคาหน่อย", true),
        ("{text: {glob: '*order*#*'}}", "My ORDER is # 5", true), ("{text: {glob: order}}", "my order", false),
        ("{text: {glob: 'a?c'}}", "a👨‍👩‍👧c", true), ("{text: {glob: 'a?c'}}", "ac", false),
        ("{text: {glob: '\\*'}}", "*", true), ("{text: {glob: '\\*'}}", "x", false),
        ("{text: {equals: a, contains: b}}", "a", false),
        ("{command: start}", "/Start", true), ("{command: /start}", "/start@shop_bot x", true),
        ("{command: start}", "/start@other_bot", false), ("{command: start}", "/starting", false),
        ("{command: start}", "start", false), ("{command: start}", " /start", false),
        ("{command: start, payload: 'flyer-*'}", "/start flyer-7", true),
        ("{command: start, payload: 'flyer-*'}", "/start Flyer-7", false),
        ("{command: start, payload: ''}", "/start", true), ("{command: start, payload: ''}", "/start x", false),
        ("{payload: x}", "/any x", true),
        ("{kind: text}", "x", true), ("{kind: [photo, button]}", "x", false),
        ("{chat: private}", "x", true), ("{chat: [group, supergroup]}", "x", false),
        ("{language: ru}", "x", true), ("{language: [de, en]}", "x", false),
        ("{bot: '@shop_bot'}", "x", true), ("{bot: bot_3}", "x", true), ("{bot: '@shop'}", "x", false),
        ("{first_contact: false}", "x", true), ("{first_contact: true}", "x", false),
        ("{callback: '*'}", "x", false),
    ])
    func `a condition holds for what users expect`(when: String, text: String, holds: Bool) throws {
        #expect(try Scene.holds(when, Scene.text(text)) == holds)
    }

    @Test func `a button, labels, attributes and languages are looked at`() throws {
        #expect(try Scene.holds("{callback: 'buy:*'}", Scene.press("buy:1")))
        #expect(try !Scene.holds("{callback: 'buy:*'}", Scene.press("Buy:1")))
        #expect(try Scene.holds("{kind: button}", Scene.press("x")))
        #expect(try !Scene.holds("{text: {contains: x}}", Scene.press("x")))
        var context = Scene.text("x")
        #expect(try !Scene.holds("{label: vip}", context))
        context.labels = ["vip"]
        #expect(try Scene.holds("{label: [new, vip]}", context))
        context.attributes[try #require(AttributeName("customer.tier"))] = "gold"
        #expect(try Scene.holds("{attribute: {customer.tier: [silver, gold]}}", context))
        #expect(try Scene.holds("{attribute: {customer.tier: '*'}}", context))
        #expect(try !Scene.holds("{attribute: {customer.tier: Gold}}", context))
        #expect(try !Scene.holds("{attribute: {tier: '*'}}", context))
        context.customer.language = "pt-BR"
        #expect(try Scene.holds("{language: pt}", context))
        #expect(try Scene.holds("{language: pt-br}", context))
        #expect(try !Scene.holds("{language: pt-pt}", context))
        context.customer.language = nil
        #expect(try !Scene.holds("{language: pt}", context))
    }

    @Test func `unless takes a step back only when all of it holds`() throws {
        let file = "steps:\n  - unless: {label: vip, chat: private}\n    label: hit\n"
        var context = Scene.text("x")
        #expect(try Scene.pipeline(file).evaluate(context).change.labels == ["hit": true])
        context.labels = ["vip"]
        #expect(try Scene.pipeline(file).evaluate(context).change.labels == [:])
    }

    /// A pattern that makes a matcher that tries again take longer than anybody waits.
    @Test func `no pattern and no text is slow`() throws {
        let pattern = String(repeating: "a*", count: 120) + "b"
        let glob = try #require(Glob(pattern))
        let text = String(repeating: "a", count: 4096)
        let clock = ContinuousClock()
        let took = clock.measure {
            for _ in 0..<20 { #expect(!glob.matches(text)) }
            #expect(glob.matches(text + "b"))
            let needle = Needle(Array((String(repeating: "a", count: 199) + "b").utf8))
            #expect(!needle.isIn(text.utf8))
        }
        #expect(took < .seconds(10))
    }

    @Test func `a glob agrees with one that is read off the definition`() throws {
        /// Tries everything: for short texts alone.
        func fits(_ pattern: Substring, _ text: Substring) -> Bool {
            guard let sign = pattern.first else { return text.isEmpty }
            if sign == "*" {
                return fits(pattern.dropFirst(), text) || (!text.isEmpty && fits(pattern, text.dropFirst()))
            }
            guard let first = text.first else { return false }
            return (sign == "?" || sign == first) && fits(pattern.dropFirst(), text.dropFirst())
        }
        func words(_ alphabet: [Character], upTo length: Int) -> [String] {
            var all = [""]
            var last = [""]
            for _ in 0..<length {
                last = last.flatMap { word in alphabet.map { word + String($0) } }
                all += last
            }
            return all
        }
        let texts = words(["a", "b"], upTo: 4)
        for pattern in words(["a", "b", "*", "?"], upTo: 4) {
            let glob = try #require(Glob(pattern))
            for text in texts { #expect(glob.matches(text) == fits(pattern[...], text[...]), "\(pattern) \(text)") }
        }
    }

    @Test func `a pattern of more than 64 places crosses its words`() throws {
        let long = String(repeating: "ab?", count: 40)
        let glob = try #require(Glob(long + "*" + long))
        let text = String(repeating: "abc", count: 40)
        #expect(glob.matches(text + text))
        #expect(glob.matches(text + "xyz" + text))
        #expect(!glob.matches(text + text.dropLast()))
        #expect(Glob(String(repeating: "a", count: 256))?.matches(String(repeating: "a", count: 256)) == true)
        #expect(Glob(String(repeating: "a", count: 257)) == nil)
        #expect(Glob("a\\") == nil)
    }
}
