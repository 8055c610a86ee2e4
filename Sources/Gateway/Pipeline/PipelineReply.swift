import Telegram

/// A message to the customer, without the place where it goes.
public struct PipelineReply: Hashable, Sendable {
    /// A file that a reply carries.
    public enum File: Hashable, Sendable {
        /// What Telegram has, or fetches itself.
        case telegram(OutgoingFile)
        /// A name within the business's own files folder; it is uploaded when it is sent.
        case own(name: String)
    }

    /// What it says.
    public enum Content: Hashable, Sendable {
        case text(FormattedText, linkPreview: BotCall.LinkPreview)
        case media(OutgoingMedia.Kind, File, caption: FormattedText?)
    }

    /// What it says.
    public var content: Content
    /// Buttons, silence, quotation.
    public var options: SendOptions

    /// Makes a reply.
    public init(_ content: Content, _ options: SendOptions = SendOptions()) {
        self.content = content
        self.options = options
    }

    /// The call that sends it.
    ///
    /// - Parameter resolve: says by what Telegram finds a file of the business's own folder.
    public func call<Failure: Error>(
        to target: MessageTarget,
        resolving resolve: (_ name: String) throws(Failure) -> OutgoingFile
    ) throws(Failure) -> BotCall {
        switch content {
        case .text(let text, let preview): return .sendText(target, text, linkPreview: preview, options)
        case .media(let kind, .telegram(let file), let caption):
            return .sendMedia(target, OutgoingMedia(kind, file, caption: caption), options)
        case .media(let kind, .own(let name), let caption):
            return .sendMedia(target, OutgoingMedia(kind, try resolve(name), caption: caption), options)
        }
    }

    /// The Bot API's method and its parameters without `chat_id`; a file of the business's own is shown by its name.
    public var json: JSON {
        // Any chat will do, it is taken out again; and a placeholder in the place of a file that has no file_id yet.
        let call = self.call(to: MessageTarget(.id(1))) { _ in .id("own") }
        var parameters = call.parameters
        parameters["chat_id"] = nil
        if case .media(let kind, .own(let name), _) = content { parameters[kind.rawValue] = ["file": .string(name)] }
        return ["method": .string(call.method), "parameters": parameters]
    }
}
