import Telegram
import Testing

@Suite("Members by a set of names")
struct JSONNamesTests {
    private static let names = JSONNames(["id", "text", "reply_to_message", "ключ"])

    private static func found(_ text: String, in names: JSONNames = names) throws -> [String] {
        var found: [String] = []
        try JSONDocument(Array(text.utf8)).root.forEachMember(of: names) { index, name, value in
            found.append("\(index.map { names.names[$0] } ?? "-\(name.rawText)")=\(value.rawText)")
        }
        return found
    }

    @Test func `every member is given once, in the order of the text`() throws {
        let text = #"{"text":"a","x":{"id":9},"id":1,"reply_to_message":[],"ключ":null}"#
        #expect(
            try Self.found(text) == [#"text="a""#, #"-"x"={"id":9}"#, "id=1", "reply_to_message=[]", "ключ=null"]
        )
    }

    @Test func `a name is the same however it is escaped`() throws {
        #expect(try Self.found(#"{"\u0069d":1,"te\u0078t":2,"i\u0000d":3}"#) == ["id=1", "text=2", #"-"i\u0000d"=3"#])
    }

    @Test func `of members with one name the first counts, but what is not in the set comes each time`() throws {
        #expect(try Self.found(#"{"id":1,"x":1,"id":2,"x":2}"#) == ["id=1", #"-"x"=1"#, #"-"x"=2"#])
    }

    @Test(arguments: ["[]", "7", "\"id\"", "null", "{}"])
    func `anything but an object has none`(text: String) throws {
        #expect(try Self.found(text) == [])
    }

    @Test func `a full set finds each of its names, and no other`() throws {
        let all = (0..<JSONNames.maximumCount).map { "name_\($0)" }
        let names = JSONNames(all + ["beyond"])
        #expect(names.names == all)
        let text = "{\((all + ["beyond", "name_255"]).map { "\"\($0)\":0" }.joined(separator: ","))}"
        #expect(try Self.found(text, in: names) == all.map { "\($0)=0" } + [#"-"beyond"=0"#, #"-"name_255"=0"#])
        #expect(try Self.found(text, in: JSONNames([])).count == all.count + 2)
    }
}
