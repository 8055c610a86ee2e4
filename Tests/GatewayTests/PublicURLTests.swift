import Testing

@testable import Gateway

@Suite("The public URL")
struct PublicURLTests {
    private static let hosted = "https://api.telegram.org"
    private static let local = "http://127.0.0.1:8081"

    @Test(arguments: [
        ("https://bots.example.com", "https://bots.example.com"),
        ("https://bots.example.com/", "https://bots.example.com"),
        ("https://bots.example.com:8443", "https://bots.example.com:8443"),
        ("https://x.example:443", "https://x.example:443"),
        ("https://x.example:80/a", "https://x.example:80/a"), ("https://x.example:88/a/b/", "https://x.example:88/a/b"),
        ("https://x.example//", "https://x.example"),
        ("https://xn--bcher-kva.example/tg", "https://xn--bcher-kva.example/tg"),
        ("https://203.0.113.7", "https://203.0.113.7"),
    ])
    func `https on the ports of Telegram is taken, without a slash at its end`(text: String, kept: String) throws {
        let url = try PublicURL(text, botAPI: Self.hosted)
        #expect(url.text == kept)
        #expect(url.webhook("h-1") == "\(kept)/telegram/h-1")
    }

    @Test(arguments: [
        "", "/", "bots.example.com", "https://", "https:///path", "http://bots.example.com", "ftp://x.example",
        "file:///x",
        "javascript:alert(1)", "https://x.example:8080", "https://x.example:0", "https://x.example:65536",
        "https://x.example:-1",
        "https://user@x.example", "https://user:pass@x.example", "https://:pass@x.example", "https://x.example?a=1",
        "https://x.example/?", "https://x.example#f", "https://x.example/#", "https://x.example/a b",
        " https://x.example",
        "https://x.example ", "https://x.example\n", "https://x.example/\u{7}", "https://x.example/ä",
        "https://x.example/%zz", "https://x y.example", "https://x.example/\"quoted\"", "http://127.0.0.1:8080",
        "http://localhost:8080",
    ])
    func `anything else is refused with what to mend`(text: String) {
        do {
            let url = try PublicURL(text, botAPI: Self.hosted)
            Issue.record("\(text.debugDescription) was taken as \(url)")
        } catch .badPublicURL(let why) {
            #expect(!why.isEmpty)
        } catch {
            Issue.record("\(error)")
        }
    }

    @Test(arguments: [
        "http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:9999", "http://127.1.2.3",
        "https://localhost:8080",
        "http://127.0.0.1:8080/path",
    ])
    func `http on any port is taken when both it and the Bot API are on loopback`(text: String) throws {
        for api in [Self.local, "http://localhost:1", "https://[::1]:8081"] {
            #expect(try PublicURL(text, botAPI: api).text == text)
        }
        #expect(throws: GatewayError.self) { try PublicURL(text, botAPI: Self.hosted) }
    }

    @Test(arguments: [
        "http://127.1", "http://127.0.0.1.example.com", "http://localhost.example.com", "http://x.example/127.0.0.1",
        "http://127.0.0.1@x.example", "http://localhost:80@x.example", "http://0x7f.0.0.1", "http://2130706433",
        "http://0.0.0.0",
        "http://127.0.0.256", "http://127.0.0.+1", "http://127.0.0.", "http://127..0.1", "http://128.0.0.1",
        "http://[::]",
        "http://[::2]", "http://[fe80::1]", "http://1270.0.0.1", "http://", "", "127.0.0.1", "localhost",
    ])
    func `what only looks like loopback is not`(text: String) {
        #expect(!PublicURL.isLoopback(text))
        #expect(throws: GatewayError.self) { try PublicURL(text, botAPI: Self.local) }
        #expect(throws: GatewayError.self) { try PublicURL("http://127.0.0.1:8080", botAPI: text) }
    }
}
