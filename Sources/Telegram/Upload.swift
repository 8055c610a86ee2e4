import Foundation
import NIOCore

/// A file that goes with a call.
public struct Upload: Sendable {
    /// The parameter that it is the value of, such as `photo`.
    public let field: String
    /// Its name, as the customer sees it.
    public let name: String
    /// How many bytes there are.
    public let size: Int
    private let handle: FileHandle

    /// Takes an open file, from its beginning; it is closed when nobody holds it any more.
    public init(field: String, name: String, size: Int, handle: FileHandle) {
        self.field = field
        self.name = name
        self.size = size
        self.handle = handle
    }

    /// What an upload is allowed beside a call's own time: a slow line's.
    var allowance: Duration { .seconds(size / 100_000) }

    /// The call's parameters and the file, as a form.
    ///
    /// **Source:** RFC 7578; Bot API, "Making requests".
    func form(_ parameters: JSON, boundary: String) -> (length: Int64, body: Form) {
        var head = ""
        if case .object(let members)? = parameters.whole {
            for member in members where member.name != field {
                let value: String
                if case .string(let text) = member.value { value = text } else { value = member.value.text }
                head +=
                    "--\(boundary)\r\nContent-Disposition: form-data; name=\"\(Self.quoted(member.name))\"\r\n\r\n\(value)\r\n"
            }
        }
        head +=
            "--\(boundary)\r\nContent-Disposition: form-data; name=\"\(Self.quoted(field))\"; filename=\"\(Self.quoted(name))\"\r\n"
        head += "Content-Type: application/octet-stream\r\n\r\n"
        let tail = "\r\n--\(boundary)--\r\n"
        let length = Int64(head.utf8.count + size + tail.utf8.count)
        return (length, Form(head: head, handle: handle, size: size, tail: tail))
    }

    /// **Source:** WHATWG HTML, "Multipart form data": what a name must not hold.
    private static func quoted(_ text: String) -> String {
        text.replacing("\"", with: "%22").replacing("\r", with: "%0D").replacing("\n", with: "%0A")
    }

    /// The bytes of a form, the file's read as they are wanted.
    struct Form: AsyncSequence, Sendable {
        let head: String
        let handle: FileHandle
        let size: Int
        let tail: String

        struct Iterator: AsyncIteratorProtocol {
            let form: Form
            var left: Int
            var part = 0

            mutating func next() async throws -> ByteBuffer? {
                switch part {
                case 0:
                    part = 1
                    return ByteBuffer(string: form.head)
                case 1 where left > 0:
                    let data = try form.handle.read(upToCount: Swift.min(left, 64 << 10)) ?? Data()
                    // It has become shorter: what was announced cannot be kept.
                    guard !data.isEmpty else { throw CocoaError(.fileReadCorruptFile) }
                    left -= data.count
                    return ByteBuffer(bytes: data)
                case 1:
                    part = 2
                    return ByteBuffer(string: form.tail)
                default: return nil
                }
            }
        }

        func makeAsyncIterator() -> Iterator { Iterator(form: self, left: size) }
    }
}
