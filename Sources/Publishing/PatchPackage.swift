internal import ByteIO
internal import Hub
package import PatchEngine
internal import PatchFormat

/// A folder that is ready for the Hub.
public struct PatchPackage: Sendable {
  /// A file of the folder.
  public struct File: Sendable {
    /// Its name in the folder.
    public let name: String
    /// Its length.
    public let byteCount: Int
    /// As `sha256sum` writes it.
    public let sha256: String
  }

  /// Where it is.
  public let path: String
  /// By their names, the list of their digests last.
  public let files: [File]
  /// The card, which is its `README.md`.
  public let card: ModelCard
  /// What the publisher should know, in sentences without a full stop.
  public let notes: [String]

  static let sumsName = "SHA256SUMS"
  /// What a publisher adds (Formats/pipeline.md). Of other bytes, it is worth nothing.
  static let signatureName = "model.sig"

  /// The command line that uploads it, in place of what is there: a file of an earlier package would be
  /// one that no signature covers.
  public var uploadCommand: String {
    "hf upload \(card.repository) \(Shell.quoted(path)) . --delete '*'"
  }
}

extension PatchPackage {
  /// Makes the folder. The same inputs and details give the same bytes.
  ///
  /// - Parameters:
  ///   - publication: what it is of.
  ///   - details: what the publisher says.
  ///   - licenseFile: the path of a licence text to bring instead of the base's.
  ///   - output: the folder to make.
  ///   - overwrites: whether it may exist. What is not a package's stays in it.
  ///   - execution: on which threads the update is measured.
  /// - Throws: ``PatchError``; nothing then has the output's name.
  /// - Complexity: O(bytes of what it is of), and of the base where it is in the cache.
  package init(
    of publication: Publication, _ details: CardDetails, licenseFile: String?, output: String,
    overwrites: Bool, _ execution: Execution
  ) throws(PatchError) {
    var facts = try CardFacts(
      publication.subject, details, olderCard: overwrites ? Folder.join(output, "README.md") : nil)
    try facts.measure(execution)
    let package = try PackageFiles(facts, licenseFile: licenseFile)
    var files = package.files.map { $0.source.file(named: $0.name) }
    let place = try PackageOutput(output, for: files, overwrites: overwrites)
    let sums = files.map { FileDigest(name: $0.name, sha256: $0.sha256).line + "\n" }.joined()
    files.append(PackageFiles.Source.text(sums).file(named: Self.sumsName))
    try place.write([(Self.sumsName, .text(sums))] + package.files)
    path = output
    self.files = files
    card = package.card
    notes =
      place.kept.isEmpty
      ? package.notes
      : package.notes + [
        "kept in the folder, as no part of the package: \(place.kept.joined(separator: ", "))"
      ]
  }
}
