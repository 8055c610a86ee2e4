/// Reading of `multipart/form-data`.
///
/// **Source:** tdlib `HttpReader.cpp`, `parse_multipart_form_data`: a part with a file name, be it an empty one, is a file, another a
/// parameter; what is not as it should be is a 400 without a text, and more than 50 files or 1 MiB of parameters a 413.
extension Parameters {
    /// More files in one call are refused with 413.
    static let maximumFiles = 50

    mutating func addParts(of body: [UInt8], contentType: String) throws(BodyRefusal) {
        guard let boundary = Self.boundary(contentType) else { throw BodyRefusal(status: 400) }
        let mark = Array("--\(boundary)".utf8)
        let lineMark = Array("\r\n".utf8) + mark
        guard var index = Self.find(mark, in: body, from: 0).map({ $0 + mark.count }) else {
            throw BodyRefusal(status: 400)
        }
        var total = 0
        while !body[index...].starts(with: "--".utf8) {
            guard body[index...].starts(with: "\r\n".utf8),
                let end = Self.find(Array("\r\n\r\n".utf8), in: body, from: index), end > index
            else { throw BodyRefusal(status: 400) }
            let part = try Self.part(String(decoding: body[(index + 2)..<end], as: UTF8.self))
            guard let next = Self.find(lineMark, in: body, from: end + 2) else { throw BodyRefusal(status: 400) }
            let bytes = Array(body[min(end + 4, next)..<next])
            if let file = part.file {
                guard uploads < Self.maximumFiles else { throw BodyRefusal(status: 413) }
                add(part.name, Upload(name: file, contentType: part.contentType, bytes: bytes))
            } else {
                total += bytes.count + part.name.utf8.count
                guard total <= Self.maximumBytes else { throw BodyRefusal(status: 413) }
                add(part.name, String(decoding: bytes, as: UTF8.self))
            }
            index = next + lineMark.count
        }
    }

    private static func boundary(_ contentType: String) -> String? {
        guard let start = contentType.firstRange(of: "boundary=")?.upperBound else { return nil }
        var text = contentType[start...].prefix { $0 != ";" && $0 != "," }
        if text.hasPrefix("\""), text.hasSuffix("\""), text.count > 1 { text = text.dropFirst().dropLast() }
        return text.isEmpty ? nil : String(text)
    }

    private static func part(
        _ headers: String
    ) throws(BodyRefusal) -> (name: String, file: String?, contentType: String) {
        var name: String?
        var file: String?
        var contentType = ""
        for line in headers.split(separator: "\r\n") {
            let colon = line.firstIndex(of: ":") ?? line.endIndex
            let value = line[colon...].dropFirst().drop { $0 == " " }
            switch line[..<colon].lowercased() {
            case "content-disposition":
                guard value.hasPrefix("form-data") else { throw BodyRefusal(status: 400) }
                name = attribute("name", of: value)
                file = attribute("filename", of: value)
            case "content-type": contentType = String(value)
            default: break
            }
        }
        guard let name, !name.isEmpty else { throw BodyRefusal(status: 400) }
        return (name, file, contentType)
    }

    /// The value of `; name="…"`, with its escapes undone.
    private static func attribute(_ name: String, of value: Substring) -> String? {
        var rest = value
        while let semicolon = rest.firstIndex(of: ";") {
            rest = rest[rest.index(after: semicolon)...].drop { $0 == " " }
            guard rest.hasPrefix(name + "=") else { continue }
            rest = rest.dropFirst(name.count + 1)
            guard rest.first == "\"" else { return String(rest.prefix { $0 != ";" }) }
            var text = ""
            var isEscaped = false
            for character in rest.dropFirst() {
                if isEscaped {
                    text.append(character)
                    isEscaped = false
                } else if character == "\\" {
                    isEscaped = true
                } else if character == "\"" {
                    break
                } else {
                    text.append(character)
                }
            }
            return text
        }
        return nil
    }

    private static func find(_ needle: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
        guard let first = needle.first, bytes.count >= needle.count else { return nil }
        var index = start
        while index <= bytes.count - needle.count {
            if bytes[index] == first, bytes[index..<(index + needle.count)].elementsEqual(needle) { return index }
            index += 1
        }
        return nil
    }
}
