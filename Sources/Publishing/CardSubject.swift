package import Adapter
package import ByteIO
internal import Checkpoints
package import PatchEngine
package import PatchFormat

/// What can be published: a patch, or an adapter.
package struct Publication: Sendable {
  let subject: any CardSubject
  /// The files that it is read from.
  package let files: [MappedFile]

  /// - Throws: ``PatchError`` if a chunk's header is damaged, or the patch does not say for which files it is.
  package init(_ patch: PatchFile) throws(PatchError) {
    guard !patch.metadata.base.files.isEmpty else {
      throw PatchError(
        .badInput, path: patch.path,
        "the patch does not say for which files it was made, and who finds it has to know",
        remedy: "make it from files, with their SHA-256")
    }
    subject = try PublishedPatch(patch)
    files = [patch.file]
  }

  /// What `adapter` made.
  package init(_ adapter: AdapterFolder) {
    subject = PublishedAdapter(adapter)
    files = [adapter.factors] + adapter.ggufs
  }
}

/// What a card is about and a package holds. A card has the same parts for all, in ``CardText``; here is
/// where they differ.
protocol CardSubject: Sendable {
  /// Where it is, for messages.
  var path: String { get }
  /// What it is, in sentences and at the end of names.
  var noun: String { get }
  /// The program that loads it, as the Hub names it.
  var library: String { get }
  /// Those that it has by itself.
  var tags: [String] { get }
  /// How it was made.
  var source: PatchMetadata.Source { get }
  /// Where the base is, if that was recorded.
  var base: Provenance? { get }
  /// Where the finished model is that was compared with the base, if that was recorded.
  var result: Provenance? { get }
  /// The base's weight files; none where they are not known.
  var baseFiles: [FileDigest] { get }

  /// What it is, in a paragraph.
  func introduction(_ facts: CardFacts) -> String
  /// What it changes: rows of a table, in Markdown.
  var rows: [(String, String)] { get }
  /// How it is used: a section.
  func use(_ facts: CardFacts) -> String
  /// What can be checked of it, or what it misses: a section.
  var evidence: String { get }
  /// Items of the list of limits.
  var limits: [String] { get }

  /// Its files in a package.
  func files(_ facts: CardFacts) -> [(name: String, source: PackageFiles.Source)]
  /// A picture of what it changes, an SVG.
  var picture: String? { get }
  /// Measures the update against the base, if the picture wants that.
  mutating func measure(_ base: Checkpoint, _ execution: Execution) throws(PatchError)
}
