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
      try TextOutput(output, overwrites: overwrites).publish(card.text)
      card.output = output
    }
    return card
  }
}
