internal import ByteIO
internal import Checkpoints
internal import Hub
internal import PatchEngine

/// The files of a package and where their bytes come from (Formats/hub.md, section 5).
struct PackageFiles {
  enum Source {
    case text(String)
    case file(MappedFile)
  }

  /// By the bytes of their names.
  let files: [(name: String, source: Source)]
  let card: ModelCard
  /// Those of the card, and what the licence asks for and is not here.
  let notes: [String]

  /// - Throws: ``PatchError`` if a file of the base that belongs in it cannot be read.
  init(_ facts: CardFacts, licenseFile: String?) throws(PatchError) {
    let picture = facts.subject.picture
    card = ModelCard(facts, picture: picture.map { _ in Self.pictureName })
    var notes = facts.notes
    var files = facts.subject.files(facts)
    files.append(("README.md", .text(card.text)))
    if let picture { files.append((Self.pictureName, .text(picture))) }
    files += try Self.legal(facts, licenseFile: licenseFile, &notes)
    self.files = files.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    self.notes = notes
  }

  private static let pictureName = "changes.svg"

  // MARK: Licence

  /// The base's licence and what comes with it, and the notice that the licence asks for.
  private static func legal(
    _ facts: CardFacts, licenseFile: String?, _ notes: inout [String]
  ) throws(PatchError) -> [(name: String, source: Source)] {
    var files: [(name: String, source: Source)] = []
    if let licenseFile {
      files.append(("LICENSE", .file(try file(at: licenseFile))))
    }
    if let folder = facts.baseFolder, let entries = try? Folder.entries(in: folder) {
      // PATH/snapshots/COMMIT
      let repository = try? FileStatus(path: Folder.parent(of: Folder.parent(of: folder)))
      for entry in entries where entry.kind == .file && isLegal(entry.name) {
        // The publisher's own text goes before that of the base.
        if licenseFile != nil, isLicense(entry.name) { continue }
        let path = Folder.join(folder, entry.name)
        guard let repository, Folder.enclosing(path).contains(repository.identity) else {
          throw PatchError(
            .badInput, path: path,
            "this link leads out of the repository's folder in the cache, so it may show anything",
            remedy: "remove the link, and get the file again")
        }
        files.append((entry.name, .file(try file(at: path))))
      }
    }
    guard let terms = facts.terms else { return files }
    files.removeAll { $0.name.uppercased() == "NOTICE" }
    files.append(("NOTICE", .text(terms.notice + "\n")))
    if !files.contains(where: { isLicense($0.name) }) {
      notes.append(
        "the \(terms.name) wants a copy of itself in the package; name one with --license-file, or "
          + "have it in the cache: hf download \(facts.baseName) --include 'LICENSE*' 'USE_POLICY*'"
      )
    }
    return files
  }

  private static func isLicense(_ name: String) -> Bool {
    ["LICENSE", "LICENCE"].contains { name.uppercased().hasPrefix($0) }
  }

  private static func isLegal(_ name: String) -> Bool {
    isLicense(name) || ["USE_POLICY", "NOTICE"].contains { name.uppercased().hasPrefix($0) }
  }

  private static func file(at path: String) throws(PatchError) -> MappedFile {
    try PatchError.opening { () throws(CheckpointError) in
      try CheckpointError.attributing(path) { () throws(SystemError) in
        try MappedFile(path: path)
      }
    }
  }
}
