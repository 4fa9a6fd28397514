internal import ByteIO
internal import PatchEngine

/// The folder and the file, under temporary names.
struct AdapterOutputs {
  let path: String
  let folder: OutputFolder
  let ggufPath: String?
  let gguf: OutputFile?

  init(_ path: String, _ ggufPath: String?, overwrites: Bool) throws(PatchError) {
    (self.path, self.ggufPath) = (path, ggufPath)
    if overwrites { try ReplacedFolder.check(path, holdsOnly: Self.fileNames) }
    folder = try PatchError.writing(path) { () throws(SystemError) in
      try OutputFolder(path: path, overwrites: overwrites)
    }
    gguf = try ggufPath.map { (path) throws(PatchError) in
      try PatchError.writing(path) { () throws(SystemError) in
        try OutputFile(path: path, overwrites: overwrites)
      }
    }
  }

  private static let fileNames = [
    AdapterFolder.factorsName, AdapterFolder.configurationName, AdapterFolder.cardName,
  ]

  /// Gives them their names, one after the other.
  func publish() throws(PatchError) {
    try PatchError.writing(path) { () throws(SystemError) in try folder.publish() }
    if let gguf, let ggufPath {
      try PatchError.writing(ggufPath) { () throws(SystemError) in try gguf.publish() }
    }
  }
}
