import Testing

@testable import Handlers

@Suite("Where webhooks may be", .timeLimit(.minutes(1)))
struct WebhookURLTests {
    private static func problem(_ text: String, _ rules: WebhookRules = WebhookRules()) -> String? {
        do throws(WebhookURL.Fault) { return rules.objection(to: try WebhookURL(text)) } catch {
            return error.description
        }
    }

    private static func rules(_ texts: String...) throws -> WebhookRules {
        WebhookRules(exceptions: try texts.map { try #require(WebhookRules.Exception($0), "\($0)") })
    }

    @Test func `a URL is read into what a request needs`() throws {
        let url = try WebhookURL("HTTPS://Shop.Example.com:8443/hook/a?b=c%20d")
        #expect(url.host == "shop.example.com" && url.port == 8443 && url.isSecure)
        #expect(url.target == "/hook/a?b=c%20d" && url.authority == "shop.example.com:8443")
        #expect(try WebhookURL("https://a.example?x=1").target == "/?x=1")
        #expect(try WebhookURL("https://a.example").authority == "a.example")
        let six = try WebhookURL("http://[2606:4700:0:0::1111]:81/")
        #expect(six.authority == "[2606:4700::1111]:81" && six.address != nil)
        #expect(try WebhookURL("https://xn--mller-kva.example/").host == "xn--mller-kva.example")
    }

    @Test(arguments: [
        "", "example.com", "ftp://example.com", "https://", "https:///x", "https://user@example.com",
        "https://u:p@example.com/", "https://example.com@127.0.0.1/", "https://example.com/#x", "https://exa mple.com",
        "https://example.com\\@127.0.0.1", "https://müller.example", "https://example.com.", "https://-a.example",
        "https://a..example", "https://example.com:0", "https://example.com:65536", "https://example.com:080",
        "https://example.com:", "https://example.com:8a", "https://[::1", "https://[fe80::1%25eth0]/",
        "https://[::1]x/", "https://[1.2.3.4]/", "https://%31%32%37.0.0.1/", "https://127.0.0.1%00.example.com",
        "https://a.example/\n", "https://\(String(repeating: "a", count: 64)).example", "https://a.example/\u{7F}",
    ])
    func `what is no strict URL is refused`(text: String) { #expect(Self.problem(text) != nil) }

    @Test(arguments: [
        "2130706433", "017700000001", "0x7f000001", "0x7f.1", "127.1", "127.0.1", "0177.0.0.1", "127.0.0.01",
        "127.000.000.001", "0x7f.0x0.0x0.0x1", "0", "0x0", "1.1.1.1.1", "256.1.1.1", "a.example.1", "1.1.1.1.",
        "8.8.8.010", "134744072", "0x08080808",
    ])
    func `an address in any spelling but the plain one is refused, public or not`(host: String) {
        #expect(Self.problem("https://\(host)/") != nil)
    }

    @Test(arguments: [
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1",
        "127.255.255.254", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.255", "192.0.2.1",
        "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1",
        "239.255.255.255", "240.0.0.1", "255.255.255.255", "[::]", "[::1]", "[::ffff:8.8.8.8]", "[::ffff:7f00:1]",
        "[::8.8.8.8]", "[::ffff:0:8.8.8.8]", "[64:ff9b::8.8.8.8]", "[64:ff9b::7f00:1]", "[64:ff9b:1::1]", "[100::1]",
        "[2001::1]", "[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "[2001:10::1]", "[2001:20::1]", "[2001:db8::1]",
        "[2002:7f00:1::]", "[2002:808:808::1]", "[3fff::1]", "[5f00::1]", "[fc00::1]", "[fdff::1]", "[fe80::1]",
        "[febf::1]", "[fec0::1]", "[ff02::1]", "[4000::1]", "[::ffff:a9fe:a9fe]", "[0:0:0:0:0:0:0:1]",
    ])
    func `an address that is not public is refused`(host: String) {
        #expect(Self.problem("https://\(host)/")?.contains("its host is a") == true)
    }

    @Test(arguments: [
        "1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "169.253.0.1",
        "192.0.1.0", "192.167.1.1", "198.17.255.255", "198.20.0.0", "223.255.255.255", "[2606:4700::1111]",
        "[2001:200::1]", "[2a00:1450:4001::1]", "[2003::1]",
    ])
    func `a public address is taken`(host: String) { #expect(Self.problem("https://\(host)/") == nil) }

    @Test func `the tables of addresses have no misspelt line`() {
        #expect(AddressRules.lineCounts == [15, 17])
    }

    @Test func `http and addresses that are not public are the operator's to allow`() throws {
        #expect(Self.problem("http://hooks.example/")?.contains("not https") == true)
        let named = try Self.rules("hooks.internal:8080", "10.1.2.3", "[fd00::1]:9000")
        #expect(Self.problem("http://hooks.internal:8080/x", named) == nil)
        #expect(Self.problem("http://hooks.internal/x", named)?.contains("not https") == true)
        #expect(Self.problem("http://10.1.2.3:77/x", named) == nil)
        #expect(Self.problem("https://10.1.2.4/x", named) != nil)
        #expect(Self.problem("http://[fd00:0::1]:9000/x", named) == nil)
        #expect(Self.problem("http://[fd00::1]/x", named) != nil)
        let block = try Self.rules("10.1.0.0/16", "fd00::/8")
        #expect(Self.problem("http://10.1.255.255/", block) == nil)
        #expect(Self.problem("http://10.2.0.0/", block) != nil)
        #expect(Self.problem("https://[fd12::1]/", block) == nil)
    }

    @Test(arguments: [
        "", "*", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "fd00::/129", "http://a.example", "a/b",
        "a.example:0", "a.example:x", "a b", "u@a.example", "127.1", "/8", "a.example/",
    ])
    func `an exception that says nothing is refused`(text: String) {
        #expect(WebhookRules.Exception(text) == nil)
    }

    @Test func `one address among several that may not be called is enough`() throws {
        let url = try WebhookURL("https://hooks.example/")
        let (good, bad) = (try #require(IPAddress("8.8.8.8")), try #require(IPAddress("10.0.0.1")))
        #expect(WebhookRules().objection(to: url, at: [good]) == nil)
        #expect(WebhookRules().objection(to: url, at: [good, bad])?.contains("private") == true)
        #expect(try Self.rules("hooks.example").objection(to: url, at: [good, bad]) == nil)
        let plain = try WebhookURL("http://hooks.example/")
        #expect(try Self.rules("10.0.0.0/8").objection(to: plain, at: [bad]) == nil)
        #expect(try Self.rules("10.0.0.0/8").objection(to: plain, at: [good]) != nil)
    }
}
