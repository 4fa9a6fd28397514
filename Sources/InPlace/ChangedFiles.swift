internal import ByteIO
internal import Checkpoints
internal import PatchEngine
internal import Synchronization

/// The weight files of a checkpoint, open for being changed, and locked against whoever reads or
/// changes them.
final class ChangedFiles: TensorSink {
  /// Where the journal of their change is.
  let journalPath: String
  let names: [String]
  private let disk: any Disk
  private let files: [DiskFile]
  /// Positions of files that were written since they were synchronised.
  private let written = Mutex<Set<Int>>([])

  /// Opens the files of `checkpoint` and locks them.
  ///
  /// - Throws: ``PatchError`` if one of them may not be written, shows under other names as well, or
  ///   is being read or changed by another process.
  init(_ checkpoint: Checkpoint, disk: any Disk) throws(PatchError) {
    self.disk = disk
    let paths = checkpoint.files.map(\.mapped.path)
    for path in paths { try Self.checkHasOneName(path) }
    files = try checkpoint.files.map { (source) throws(PatchError) in
      let path = source.mapped.path
      let file = try PatchError.writing(path) { () throws(SystemError) in
        try DiskFile(opening: path)
      }
      guard file.identity == source.mapped.identity else {
        throw PatchError(.inputOutput, path: path, "the file was replaced while it was opened")
      }
      let isLocked = try PatchError.writing(path) { () throws(SystemError) in
        try file.lockForChanging()
      }
      guard isLocked else {
        throw PatchError(
          .cannotOpen, path: path, "another gradiend-patch is reading or changing this file",
          remedy: "wait until it has ended")
      }
      return file
    }
    names = paths.map { Folder.lastComponent(of: $0) }
    guard let first = paths.first else {
      throw PatchError(.cannotOpen, path: checkpoint.path, "there are no weight files")
    }
    // None of them is a link, so this is the folder that they lie in, whatever its other names.
    journalPath = Folder.join(
      Folder.parent(of: first), JournalHeader.name(for: Folder.lastComponent(of: first)))
  }

  func write(_ bytes: RawSpan, to tensor: StoredTensor, at offset: Int) throws(PatchError) {
    let index = tensor.fileIndex
    let start = tensor.descriptor.byteRange.lowerBound
    written.withLock { _ = $0.insert(index) }
    try PatchError.writing(files[index].path) { () throws(SystemError) in
      try disk.write(bytes, to: files[index], at: start + offset)
    }
  }

  /// Returns once all that was written is durable.
  func synchronise() throws(PatchError) {
    for index in written.withLock({ $0.sorted() }) {
      try PatchError.writing(files[index].path) { () throws(SystemError) in
        try disk.synchronise(files[index])
      }
      written.withLock { _ = $0.remove(index) }
    }
  }

  private static func checkHasOneName(_ path: String) throws(PatchError) {
    guard !FileStatus.isSymbolicLink(path) else {
      throw PatchError(
        .cannotCreate, path: path,
        "this is a symbolic link, as in a hub's cache; changed in place, the file behind it would "
          + "change under all its names",
        remedy: "write new files, or copy the model first (cp -rL)", option: .newFiles)
    }
    guard let status = try? FileStatus(path: path), status.linkCount == 1 else {
      throw PatchError(
        .cannotCreate, path: path,
        "the file has other names (hard links), under which it would change as well",
        remedy: "write new files, or copy the model first", option: .newFiles)
    }
  }
}

/// Takes bytes that only need to be tried.
struct NoOutput: TensorSink {
  func write(_ bytes: RawSpan, to tensor: StoredTensor, at offset: Int) {}
}
