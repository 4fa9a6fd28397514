internal import ByteIO
internal import PatchEngine

/// The folder and the GGUF adapter, in it or elsewhere, under temporary names.
package struct AdapterOutputs {
  let path: String
  let folder: OutputFolder
  let gguf: GGUF?

  /// The GGUF adapter.
  struct GGUF {
    let path: String
    let contents: WritableFile
    /// Its name in the folder; nil elsewhere.
    let name: String?
    /// Nil in the folder.
    fileprivate let file: OutputFile?
  }

  init(_ path: String, _ ggufPath: String?, overwrites: Bool) throws(PatchError) {
    self.path = path
    let name = ggufPath.flatMap { Self.name(of: $0, in: path) }
    if overwrites {
      try ReplacedFolder.check(path, holdsOnly: Self.fileNames + [name].compactMap { $0 })
    }
    let folder = try PatchError.writing(path) { () throws(SystemError) in
      try OutputFolder(path: path, overwrites: overwrites)
    }
    self.folder = folder
    gguf = try ggufPath.map { (path) throws(PatchError) in
      try PatchError.writing(path) { () throws(SystemError) in
        if let name {
          return GGUF(path: path, contents: try folder.createFile(name), name: name, file: nil)
        }
        let file = try OutputFile(path: path, overwrites: overwrites)
        return GGUF(path: path, contents: file.contents, name: nil, file: file)
      }
    }
  }

  private static let fileNames = [
    AdapterFolder.factorsName, AdapterFolder.configurationName, AdapterFolder.cardName,
  ]

  /// The name that a GGUF adapter at `path` has in the adapter's folder, if it is to lie there.
  package static func name(of path: String, in folder: String) -> String? {
    let isInFolder =
      path.hasSuffix(AdapterFolder.ggufSuffix)
      && Folder.trimmed(Folder.parent(of: path)) == Folder.trimmed(folder)
    return isInFolder ? Folder.lastComponent(of: path) : nil
  }

  /// Gives them their names: at once if all is in the folder, and otherwise one after the other.
  func publish() throws(PatchError) {
    try PatchError.writing(path) { () throws(SystemError) in try folder.publish() }
    if let gguf, let file = gguf.file {
      try PatchError.writing(gguf.path) { () throws(SystemError) in try file.publish() }
    }
  }
}
