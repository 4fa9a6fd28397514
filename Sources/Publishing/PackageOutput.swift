internal import ByteIO
internal import PatchEngine
internal import PatchFormat

/// Where a package goes: a new folder, or one that is there and keeps all that is not the package's
/// (Formats/outputs.md, section 3).
struct PackageOutput {
  /// What lies in the folder and stays.
  let kept: [String]
  private let path: String
  /// What an older package left there and this one has not.
  private let obsolete: [String]
  private let isFolder: Bool
  private let overwrites: Bool

  /// - Parameters:
  ///   - path: the folder.
  ///   - files: those of the package, without the list of their digests.
  ///   - overwrites: whether it may exist.
  /// - Throws: ``PatchError`` if it cannot be made, or a file in the way is not the package's.
  init(
    _ path: String, for files: [PatchPackage.File], overwrites: Bool
  ) throws(PatchError) {
    (self.path, self.overwrites) = (path, overwrites)
    let status = try? FileStatus(path: path)
    isFolder =
      overwrites && (status?.isFolder ?? false) && !FileStatus.isSymbolicLink(Folder.trimmed(path))
    guard isFolder else {
      if overwrites, status.map({ !$0.isFolder }) ?? false {
        throw PatchError(
          .cannotCreate, path: path, "there is a file of this name, but a package is a folder",
          remedy: "choose another name for the output")
      }
      (kept, obsolete) = ([], [])
      return
    }
    (kept, obsolete) = try Self.survey(path, files)
  }

  /// Tells what is in the folder at `path` apart.
  private static func survey(
    _ path: String, _ files: [PatchPackage.File]
  ) throws(PatchError) -> (kept: [String], obsolete: [String]) {
    let older = olderPackage(in: path)
    let names = Set(files.map(\.name))
    var own: [String: Set<String>] = [:]
    for file in older ?? [] { own[file.name, default: []].insert(file.sha256) }
    // Of a package that was interrupted while it was made, some files may be there already.
    for file in files { own[file.name, default: []].insert(file.sha256) }
    var (kept, obsolete): ([String], [String]) = ([], [])
    let entries = try PatchError.writing(path) { () throws(SystemError) in
      try Folder.entries(in: path)
    }
    for entry in entries {
      let isOwn =
        switch entry.name {
        case PatchPackage.sumsName: older != nil
        // A signature of other bytes is worth nothing.
        case PatchPackage.signatureName: older != nil
        default:
          entry.kind == .file
            && (own[entry.name]?.contains(digest(of: Folder.join(path, entry.name))) ?? false)
        }
      if names.contains(entry.name) || entry.name == PatchPackage.sumsName {
        guard isOwn else {
          throw PatchError(
            .cannotCreate, path: path,
            "its '\(entry.name)' is not as a package left it, and would be lost",
            remedy:
              "move it elsewhere; what a card should say besides goes into a file of its own, "
              + "which is appended to the card")
        }
      } else if isOwn {
        obsolete.append(entry.name)
      } else {
        kept.append(entry.name)
      }
    }
    return (kept, obsolete)
  }

  /// The files that the package in the folder at `path` lists; nil if there is no such list.
  private static func olderPackage(in path: String) -> [FileDigest]? {
    guard let sums = try? MappedFile(path: Folder.join(path, PatchPackage.sumsName)),
      sums.byteCount <= 1 << 20
    else { return nil }
    let text = String(decoding: sums.bytes.array, as: UTF8.self)
    return [FileDigest](lines: text.hasSuffix("\n") ? String(text.dropLast()) : text)
  }

  private static func digest(of path: String) -> String {
    (try? MappedFile(path: path))?.sha256() ?? ""
  }

  /// Writes the files and gives them their names: in a new folder all at once, in one that is there
  /// as a set that its list of digests, the first of `files`, makes a package.
  ///
  /// - Throws: ``PatchError``; what is there is then as it was.
  func write(_ files: [(name: String, source: PackageFiles.Source)]) throws(PatchError) {
    try PatchError.writing(path) { () throws(SystemError) in
      guard isFolder else {
        let folder = try OutputFolder(path: path, overwrites: overwrites)
        for (name, source) in files { try source.write(to: folder.createFile(name)) }
        return try folder.publish()
      }
      let outputs = try files.map { (file) throws(SystemError) in
        let output = try OutputFile(path: Folder.join(path, file.name), overwrites: true)
        try file.source.write(to: output.contents)
        return output
      }
      try OutputFile.publish(outputs)
      for name in obsolete { try Folder.removeFile(Folder.join(path, name)) }
    }
  }
}

extension PackageFiles.Source {
  fileprivate func write(to file: WritableFile) throws(SystemError) {
    switch self {
    case .text(let text): try file.write(Array(text.utf8).rawSpan, at: 0)
    case .file(let source): try file.write(source.bytes, at: 0)
    }
  }

  /// The file that it becomes under a name.
  func file(named name: String) -> PatchPackage.File {
    switch self {
    case .text(let text):
      let bytes = Array(text.utf8)
      let digest = SHA256()
      digest.update(bytes.rawSpan)
      return PatchPackage.File(name: name, byteCount: bytes.count, sha256: digest.finish())
    case .file(let file):
      return PatchPackage.File(name: name, byteCount: file.byteCount, sha256: file.sha256())
    }
  }
}
