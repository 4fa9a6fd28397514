internal import Checkpoints
internal import Hub
internal import PatchFormat

/// Writes the model card of a patch.
public struct CardWriting: Sendable {
  /// The patch, or its name on the Hub.
  public var patch: String
  /// What the publisher says.
  public var details: CardDetails
  /// Where the card goes; nil to only have it.
  public var output: String?
  /// Whether ``output`` may exist.
  public var overwrites = false

  /// Writes the card of `patch`.
  public init(patch: String, details: CardDetails = CardDetails(), output: String? = nil) {
    self.patch = patch
    self.details = details
    self.output = output
  }

  /// - Throws: ``PatchError``; nothing then has the output's name.
  /// - Complexity: O(bytes of the patch).
  public func run() throws(PatchError) -> ModelCard {
    let file = try InputName(patch).patch()
    if let output { try OutputGuard([], files: [file.file]).check(output) }
    let facts = try CardFacts(file, details)
    var card = ModelCard(facts, picture: nil)
    if let output {
      try TextOutput(card.text, to: output, overwrites: overwrites)
      card.output = output
    }
    return card
  }
}

/// The card of a patch: what the Hub shows of it.
public struct ModelCard: Sendable {
  /// YAML for the Hub, then Markdown for people.
  public let text: String
  /// Where the patch is to be published: `owner/name`, or a name in the publisher's own space.
  public let repository: String
  /// The base's name on the Hub.
  public let base: String
  /// As the Hub spells it; nil if it is not known.
  public let license: String?
  /// What the publisher should know, in sentences without a full stop.
  public let notes: [String]
  /// The file that it was written to.
  public internal(set) var output: String?

  /// - Parameters:
  ///   - facts: all that it says.
  ///   - picture: name of a picture beside it.
  init(_ facts: CardFacts, picture: String?) {
    text = Self.frontMatter(facts) + CardText(facts, picture: picture).text
    repository = "\(facts.repository)"
    base = "\(facts.base)"
    license = facts.license.identifier
    notes = facts.notes
  }

  /// What the Hub reads.
  private static func frontMatter(_ facts: CardFacts) -> String {
    var text = "---\n"
    func add(_ key: String, _ value: String?) {
      if let value { text += YAMLText.member(key, value) }
    }
    add("license", facts.license.identifier)
    add("license_name", facts.license.name)
    add("license_link", facts.license.link)
    text += YAMLText.member("language", facts.languages)
    add("library_name", "gradiend-patch")
    add("pipeline_tag", facts.pipelineTag)
    add("base_model", "\(facts.base)")
    add("base_model_relation", "adapter")
    text += YAMLText.member("datasets", facts.details.datasets)
    text += YAMLText.member("tags", tags(facts))
    return text + "---\n\n"
  }

  private static func tags(_ facts: CardFacts) -> [String] {
    var tags = ["gradiend-patch"]
    if case .gradiend = facts.patch.metadata.source { tags.append("gradiend") }
    for tag in facts.details.tags where !tags.contains(tag) { tags.append(tag) }
    return tags
  }
}
