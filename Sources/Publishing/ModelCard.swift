package import Adapter
internal import Hub
package import PatchEngine
internal import PatchFormat

/// The card of a patch or an adapter: what the Hub shows of it.
public struct ModelCard: Sendable {
  /// YAML for the Hub, then Markdown for people.
  public let text: String
  /// Where it is to be published: `owner/name`, or a name in the publisher's own space.
  public let repository: String
  /// The base's name on the Hub.
  public let base: String
  /// As the Hub spells it; nil if it is not known.
  public let license: String?
  /// What the publisher should know, in sentences without a full stop.
  public let notes: [String]
  /// The file that it was written to.
  public internal(set) var output: String?

  /// Writes the card of what is to be published.
  ///
  /// - Parameters:
  ///   - publication: what it is.
  ///   - details: what the publisher says.
  ///   - output: where the card goes; nil to only have it.
  ///   - overwrites: whether `output` may exist.
  /// - Throws: ``PatchError``; nothing then has the output's name.
  package init(
    of publication: Publication, _ details: CardDetails, output: String?, overwrites: Bool
  ) throws(PatchError) {
    self.init(try CardFacts(publication.subject, details), picture: nil)
    if let output {
      try TextOutput(output, overwrites: overwrites).publish(text)
      self.output = output
    }
  }

  /// The text of the card of an adapter that is being made at `path`.
  ///
  /// - Throws: ``PatchError`` if a file of the base in the cache cannot be read.
  package static func text(
    of adapter: AdapterDescription, at path: String
  ) throws(PatchError) -> String {
    let subject = PublishedAdapter(adapter, path: path)
    return ModelCard(try CardFacts(subject, CardDetails(), needsBase: false), picture: nil).text
  }

  /// - Parameters:
  ///   - facts: all that it says.
  ///   - picture: name of a picture beside it.
  init(_ facts: CardFacts, picture: String?) {
    text = Self.frontMatter(facts) + CardText(facts, picture: picture).text
    repository = "\(facts.repository)"
    base = facts.baseName
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
    add("library_name", facts.subject.library)
    add("pipeline_tag", facts.pipelineTag)
    add("base_model", facts.base.map { "\($0)" })
    add("base_model_relation", "adapter")
    text += YAMLText.member("datasets", facts.details.datasets)
    text += YAMLText.member("tags", tags(facts))
    text += facts.results?.modelIndex(name: facts.repository.name) ?? ""
    return text + "---\n\n"
  }

  private static func tags(_ facts: CardFacts) -> [String] {
    var tags = facts.subject.tags
    for tag in facts.details.tags where !tags.contains(tag) { tags.append(tag) }
    return tags
  }
}
