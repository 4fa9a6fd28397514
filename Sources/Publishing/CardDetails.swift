internal import PatchEngine

/// What a publisher says of a patch or an adapter, and it cannot know.
public struct CardDetails: Sendable {
  /// Where it is published: `owner/name`, or a name in the publisher's own space. Nil for a
  /// name made from that of the base.
  public var repository: String?
  /// The base's name on the Hub. Nil for the one that is recorded.
  public var base: String?
  /// What the GRADIEND is about, such as `gender`, for people.
  public var feature: String?
  /// The licence, as the Hub spells it. Nil for that of the base.
  public var license: String?
  /// The name of a licence that the Hub does not know, where ``license`` is `other`.
  public var licenseName: String?
  /// Where that licence can be read.
  public var licenseLink: String?
  /// Language codes; none for those of the base.
  public var languages: [String] = []
  /// Names on the Hub of the data sets that the GRADIEND was made with.
  public var datasets: [String] = []
  /// Tags besides those that every one has.
  public var tags: [String] = []

  /// Path of a text in Markdown that ends the card: evaluation, intended use, citation.
  public var appendix: String?
  /// Path of a file of evaluation results (Formats/hub.md, section 4.1).
  public var results: String?
  /// Where people get this tool. Nil for the project's own address, as far as it has one.
  public var toolAddress: String?

  /// Leaves everything to the patch and to the base's own card.
  public init() {}
}
