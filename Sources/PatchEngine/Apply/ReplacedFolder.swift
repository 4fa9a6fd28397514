internal import ByteIO
internal import Checkpoints

/// A folder that an output replaces, with all that it holds.
package enum ReplacedFolder {
  /// Refuses to replace the folder at `path` if it holds, hidden or in a subfolder, anything but files
  /// of these names.
  ///
  /// - Parameters:
  ///   - path: the output. If it is a link, only the link is replaced.
  ///   - names: the paths in it of what the output has, and of what nobody misses.
  /// - Throws: ``PatchError`` of kind `cannotCreate`.
  package static func check(_ path: String, holdsOnly names: [String]) throws(PatchError) {
    guard !FileStatus.isSymbolicLink(Folder.trimmed(path)),
      (try? FileStatus(path: path))?.isFolder ?? false
    else { return }
    let known = Set(names)
    guard let lost = try first(in: path, "", notIn: known) else { return }
    throw PatchError(
      .cannotCreate, path: path,
      "there is a folder of this name, and its '\(lost)' would be lost: the output has no such file",
      remedy: "remove the folder yourself, or choose another name for the output")
  }

  /// The files with the weights of the model that lies in the folder at `path`.
  package static func weights(in path: String) -> [String] {
    guard let old = try? Checkpoint(path: path) else { return [] }
    return old.files.map(\.name) + [old.indexName].compactMap { $0 }
  }

  /// The first file of the folder at `path` that is not one of `names`.
  private static func first(
    in path: String, _ prefix: String, notIn names: Set<String>
  ) throws(PatchError) -> String? {
    let entries = try PatchError.writing(path) { () throws(SystemError) in
      try Folder.entries(in: path)
    }
    for entry in entries {
      let name = prefix + entry.name
      switch entry.kind {
      case .folder:
        let folder = Folder.join(path, entry.name)
        if let lost = try first(in: folder, name + "/", notIn: names) { return lost }
      case .file, .other: if !names.contains(name) { return name }
      }
    }
    return nil
  }
}
