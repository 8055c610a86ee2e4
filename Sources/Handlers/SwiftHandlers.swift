import Gateway

/// The handlers that are compiled in, by the names that pipeline files call them by.
///
/// To add one: write a type that conforms to `Handler`, and give it a line in `builtIn`.
public struct SwiftHandlers: Sendable {
    /// Makes a handler of the options under `with`.
    ///
    /// - Throws: `StepFailure` that names what is wrong with the options.
    public typealias Maker = @Sendable (_ options: [String: String]) throws(StepFailure) -> any Handler

    private let makers: [String: Maker]

    /// The table with these handlers.
    public init(_ makers: [String: Maker] = Self.builtIn) { self.makers = makers }

    /// What the program comes with.
    public static let builtIn: [String: Maker] = [
        "order_number": { options throws(StepFailure) in try OrderNumberHandler(options) },
        "wait": { options throws(StepFailure) in try WaitHandler(options) },
    ]

    /// The names, sorted.
    public var names: [String] { makers.keys.sorted() }

    /// A handler; nil if there is none of that name.
    func handler(_ name: String, _ options: [String: String]) throws(StepFailure) -> (any Handler)? {
        guard let maker = makers[name] else { return nil }
        return try maker(options)
    }
}

/// Finds the number of an order in the text and notes it as an attribute: the example of a handler in Swift.
///
/// Options: `prefix`, what stands before the digits (`#` by itself); `attribute`, where it is noted (`order_number` by itself). A text without such a
/// number changes nothing.
struct OrderNumberHandler: Handler {
    private let prefix: String
    private let attribute: AttributeName

    /// No order has more digits.
    private static let mostDigits = 20

    init(_ options: [String: String]) throws(StepFailure) {
        let unknown = options.keys.filter { $0 != "prefix" && $0 != "attribute" }.sorted()
        guard unknown.isEmpty else {
            throw StepFailure("unknown option \(unknown.joined(separator: ", ")); known: attribute, prefix")
        }
        prefix = MessageText.folded(options["prefix"] ?? "#")
        guard !prefix.isEmpty, prefix.count <= 20 else { throw StepFailure("`prefix` has 1 to 20 characters") }
        guard let attribute = AttributeName(options["attribute"] ?? "order_number") else {
            throw StepFailure("`attribute` is 1 to 40 of a-z, 0-9 and _, a letter first")
        }
        self.attribute = attribute
    }

    func handle(_ context: PipelineContext) async throws(StepFailure) -> StepEffects {
        var effects = StepEffects()
        let text = context.message.reading.folded
        var rest = Substring(text)
        while let start = rest.firstRange(of: prefix) {
            let digits = rest[start.upperBound...].prefix { $0.isASCII && $0.isNumber }
            if (1...Self.mostDigits).contains(digits.count) {
                effects.attributes[attribute] = String(digits)
                return effects
            }
            rest = rest[start.upperBound...]
        }
        return effects
    }
}

/// Lets the steps behind it wait, so that an answer does not come faster than a person could have written it.
///
/// Option: `milliseconds`, 1 to 10000. The conversation waits with it; the others of the business go on, as far as they do not wait for the same step.
struct WaitHandler: Handler {
    private let milliseconds: Int

    /// Longer waits would hold up a business's other handlers.
    private static let longest = 10_000

    init(_ options: [String: String]) throws(StepFailure) {
        let unknown = options.keys.filter { $0 != "milliseconds" }.sorted()
        guard unknown.isEmpty else {
            throw StepFailure("unknown option \(unknown.joined(separator: ", ")); known: milliseconds")
        }
        guard let text = options["milliseconds"], let milliseconds = Int(text),
            (1...Self.longest).contains(milliseconds)
        else { throw StepFailure("`milliseconds` is a whole number from 1 to \(Self.longest)") }
        self.milliseconds = milliseconds
    }

    func handle(_ context: PipelineContext) async throws(StepFailure) -> StepEffects {
        do { try await Task.sleep(for: .milliseconds(milliseconds)) } catch {
            throw StepFailure("it was stopped while it waited")
        }
        return StepEffects()
    }
}
