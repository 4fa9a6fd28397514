internal import ByteIO
internal import Checkpoints
internal import Hub
package import PatchEngine
package import PatchFormat

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

  /// The command line that uploads it.
  public var uploadCommand: String {
    "hf upload \(card.repository) \(Shell.quoted(path)) ."
  }
}

extension PatchPackage {
  /// Makes the folder. The same patch, details and base give the same bytes.
  ///
  /// - Parameters:
  ///   - patch: the patch.
  ///   - details: what the publisher says.
  ///   - licenseFile: the path of a licence text to bring instead of the base's.
  ///   - output: the folder to make.
  ///   - overwrites: whether it may exist. It is replaced as a whole.
  /// - Throws: ``PatchError``; nothing then has the output's name.
  /// - Complexity: O(bytes of the patch).
  package init(
    of patch: PatchFile, _ details: CardDetails, licenseFile: String?, output: String,
    overwrites: Bool
  ) throws(PatchError) {
    try Self.checkIsPackage(output, overwrites: overwrites)
    let facts = try CardFacts(patch, details)
    let package = try PackageFiles(facts, licenseFile: licenseFile)
    if overwrites {
      let names = package.files.map(\.name) + [Self.sumsName, Self.signatureName]
      try ReplacedFolder.check(output, holdsOnly: names + Self.namesOfOlderPackage(in: output))
    }
    let folder = try PatchError.writing(output) { () throws(SystemError) in
      try OutputFolder(path: output, overwrites: overwrites)
    }
    var files: [File] = []
    for (name, source) in package.files {
      files.append(try Self.write(source, to: name, in: folder, output))
    }
    let sums = files.map { FileDigest(name: $0.name, sha256: $0.sha256).line + "\n" }.joined()
    files.append(try Self.write(.text(sums), to: Self.sumsName, in: folder, output))
    try PatchError.writing(output) { () throws(SystemError) in try folder.publish() }
    path = output
    self.files = files
    card = package.card
    notes = package.notes
  }

  /// Refuses to replace a folder that is no package.
  private static func checkIsPackage(
    _ output: String, overwrites: Bool
  ) throws(PatchError) {
    guard overwrites, FileStatus.exists(output) else { return }
    let names = try? Folder.names(in: output)
    guard !(names?.isEmpty ?? false) else { return }
    guard let names, names.contains(PatchFile.defaultName), names.contains(sumsName) else {
      throw PatchError(
        .cannotCreate, path: output, "there is something of this name that is no package",
        remedy: "remove it yourself, or choose another name for the output")
    }
  }

  /// The files that the package in the output's place lists.
  private static func namesOfOlderPackage(in output: String) -> [String] {
    guard let sums = try? MappedFile(path: Folder.join(output, sumsName)) else { return [] }
    return String(decoding: sums.bytes.array, as: UTF8.self).split(separator: "\n").map {
      String($0.drop { $0 != " " }.drop { $0 == " " })
    }
  }

  private static func write(
    _ source: PackageFiles.Source, to name: String, in folder: OutputFolder, _ output: String
  ) throws(PatchError) -> File {
    func write(_ bytes: RawSpan) throws(PatchError) {
      try PatchError.writing(output) { () throws(SystemError) in
        let file = try folder.createFile(name)
        try file.write(bytes, at: 0)
      }
    }
    switch source {
    case .text(let text):
      let bytes = Array(text.utf8)
      try write(bytes.rawSpan)
      let digest = SHA256()
      digest.update(bytes.rawSpan)
      return File(name: name, byteCount: bytes.count, sha256: digest.finish())
    case .file(let file):
      try write(file.bytes)
      return File(name: name, byteCount: file.byteCount, sha256: file.sha256())
    }
  }
}
