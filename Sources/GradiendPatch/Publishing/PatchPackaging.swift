internal import ByteIO
internal import Checkpoints
internal import Hub
internal import PatchFormat

/// Makes the folder of a patch that is ready for the Hub (Formats/hub.md, section 5).
public struct PatchPackaging: Sendable {
  /// The patch, or its name on the Hub.
  public var patch: String
  /// The folder to make.
  public var output: String
  /// What the publisher says.
  public var details: CardDetails
  /// A licence text to bring instead of the base's.
  public var licenseFile: String?
  /// Whether ``output`` may exist. It is replaced as a whole.
  public var overwrites = false

  /// Makes the folder `output` of `patch`.
  public init(patch: String, output: String, details: CardDetails = CardDetails()) {
    self.patch = patch
    self.output = output
    self.details = details
  }

  /// Writes the folder. The same patch, details and base give the same bytes.
  ///
  /// - Throws: ``PatchError``; nothing then has the output's name.
  /// - Complexity: O(bytes of the patch).
  public func run() throws(PatchError) -> PatchPackage {
    let patch = try InputName(self.patch).patch()
    try OutputGuard([], files: [patch.file]).check(output)
    try checkIsPackage()
    let facts = try CardFacts(patch, details)
    let package = try PackageFiles(facts, licenseFile: licenseFile)
    if overwrites {
      let names = package.files.map(\.name) + [PatchPackage.sumsName, PatchPackage.signatureName]
      try ReplacedFolder.check(output, holdsOnly: names + namesOfOlderPackage)
    }
    let folder = try PatchError.writing(output) { () throws(SystemError) in
      try OutputFolder(path: output, overwrites: overwrites)
    }
    var files: [PatchPackage.File] = []
    for (name, source) in package.files {
      files.append(try write(source, to: name, in: folder))
    }
    let sums = files.map { FileDigest(name: $0.name, sha256: $0.sha256).line + "\n" }.joined()
    files.append(try write(.text(sums), to: PatchPackage.sumsName, in: folder))
    try PatchError.writing(output) { () throws(SystemError) in try folder.publish() }
    return PatchPackage(
      path: output, files: files, card: package.card, notes: package.notes)
  }

  /// Refuses to replace a folder that is no package.
  private func checkIsPackage() throws(PatchError) {
    guard overwrites, FileStatus.exists(output) else { return }
    let names = try? Folder.names(in: output)
    guard !(names?.isEmpty ?? false) else { return }
    guard let names, names.contains(PatchFile.defaultName), names.contains(PatchPackage.sumsName)
    else {
      throw PatchError(
        .cannotCreate, path: output, "there is something of this name that is no package",
        remedy: "remove it yourself, or choose another name for the output")
    }
  }

  /// The files that the package in the output's place lists.
  private var namesOfOlderPackage: [String] {
    guard let sums = try? MappedFile(path: Folder.join(output, PatchPackage.sumsName)) else {
      return []
    }
    return String(decoding: sums.bytes.array, as: UTF8.self).split(separator: "\n").map {
      String($0.drop { $0 != " " }.drop { $0 == " " })
    }
  }

  private func write(
    _ source: PackageFiles.Source, to name: String, in folder: OutputFolder
  ) throws(PatchError) -> PatchPackage.File {
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
      return PatchPackage.File(name: name, byteCount: bytes.count, sha256: digest.finish())
    case .file(let file):
      try write(file.bytes)
      return PatchPackage.File(name: name, byteCount: file.byteCount, sha256: file.sha256())
    }
  }
}

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
