internal import ByteIO
internal import Checkpoints

/// The checkpoint that an operation writes: files in the image of its input's.
///
/// A file becomes a file and a folder a folder, with the same names, the same headers and the same
/// order of tensors; only tensors' bytes are written here.
struct CheckpointOutput: Sendable {
  let path: String
  private let target: Target
  private let files: [WritableFile]

  private enum Target: Sendable {
    case file(OutputFile)
    case folder(OutputFolder)
  }

  /// Makes the temporary files, reserves their space and writes their headers.
  ///
  /// - Throws: ``PatchError`` if the output exists, cannot be made or has no room.
  init(
    _ path: String, for input: Checkpoint, overwrites: Bool, synchronises: Bool
  ) throws(PatchError) {
    self.path = path
    if overwrites, let status = try? FileStatus(path: path), status.isFolder != input.isFolder {
      throw PatchError(
        .cannotCreate, path: path,
        input.isFolder
          ? "there is a file of this name, but the output is a folder"
          : "there is a folder of this name, but the output is a file")
    }
    if input.isFolder {
      let folder = try PatchError.writing(path) { () throws(SystemError) in
        try OutputFolder(path: path, overwrites: overwrites, synchronises: synchronises)
      }
      target = .folder(folder)
      files = try input.files.map { (file) throws(PatchError) in
        try PatchError.writing(path) { () throws(SystemError) in
          try folder.createFile(file.name)
        }
      }
    } else {
      let file = try PatchError.writing(path) { () throws(SystemError) in
        try OutputFile(path: path, overwrites: overwrites, synchronises: synchronises)
      }
      target = .file(file)
      files = [file.contents]
    }
    for (file, source) in zip(files, input.files) {
      try PatchError.writing(path) { () throws(SystemError) in
        try file.reserve(source.mapped.byteCount)
        try file.write(source.mapped.bytes.extracting(0..<source.header.payloadOffset), at: 0)
      }
    }
  }

  /// Writes bytes of a tensor.
  func write(_ bytes: RawSpan, file index: Int, at offset: Int) throws(PatchError) {
    try PatchError.writing(path) { () throws(SystemError) in
      try files[index].write(bytes, at: offset)
    }
  }

  /// Adds what a folder holds besides weights, so that the output loads as it is.
  func copyCompanions(of input: Checkpoint) throws(PatchError) {
    guard case .folder(let folder) = target else { return }
    for name in try CompanionFiles.names(of: input) {
      let source = Folder.join(input.path, name)
      let file = try PatchError.opening { () throws(CheckpointError) in
        try CheckpointError.attributing(source) { () throws(SystemError) in
          try MappedFile(path: source)
        }
      }
      try PatchError.writing(path) { () throws(SystemError) in
        try folder.createFile(name).write(file.bytes, at: 0)
      }
    }
  }

  /// Gives the output its name, once all of it is on the disk.
  func publish() throws(PatchError) {
    try PatchError.writing(path) { () throws(SystemError) in
      switch target {
      case .file(let file): try file.publish()
      case .folder(let folder): try folder.publish()
      }
    }
  }
}
