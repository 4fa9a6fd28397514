internal import ByteIO
package import Checkpoints
internal import DeltaCoding

/// Keeps what only reads checkpoints away from those that are half changed.
package enum UnfinishedChange {
  /// Keeps changes in place away from `checkpoint` for as long as its files are mapped, and looks for
  /// one that was interrupted.
  ///
  /// - Throws: ``PatchError`` of kind `unfinished` if there is one, or one is under way.
  package static func keepAway(from checkpoint: Checkpoint) throws(PatchError) {
    for file in checkpoint.files {
      let isLocked = try PatchError.opening { () throws(CheckpointError) in
        try CheckpointError.attributing(file.mapped.path) { () throws(SystemError) in
          try file.mapped.lockForReading()
        }
      }
      guard isLocked else {
        throw PatchError(
          .unfinished, path: checkpoint.path,
          "another gradiend-patch is changing this checkpoint in place",
          remedy: "wait until it has ended")
      }
    }
    try check(checkpoint)
  }

  /// Looks for a journal that lists a file of `source`.
  ///
  /// Whoever has read a checkpoint looks again before anything comes of it: locks of a file system on
  /// a network may reach no other machine.
  ///
  /// - Throws: ``PatchError`` of kind `unfinished` if there is one.
  package static func check(_ source: any TensorSource) throws(PatchError) {
    for (folder, names) in try places(of: source) {
      let ours = names.map(JournalHeader.name)
      // A folder that cannot be listed may hold them all the same.
      for entry in (try? Folder.names(in: folder)) ?? ours where JournalHeader.isName(entry) {
        let path = Folder.join(folder, entry)
        let header: JournalHeader?
        do throws(PatchError) {
          header = try JournalHeader.read(at: path)
        } catch {
          // What cannot be read counts as the journal of those that it is called after.
          guard ours.contains(entry) else { continue }
          throw error
        }
        guard let header, header.fileNames.contains(where: names.contains) else { continue }
        throw PatchError(
          .unfinished, path: source.path, interruption(of: header),
          remedy: remedy(header, path), option: .rollback(journal: path))
      }
    }
  }

  /// The folders in which the files really lie, and their names there.
  private static func places(
    of source: any TensorSource
  ) throws(PatchError) -> [String: Set<String>] {
    var places: [String: Set<String>] = [:]
    for filePath in source.mappedFiles.map(\.path) {
      let path = try PatchError.opening { () throws(CheckpointError) in
        try CheckpointError.attributing(filePath) { () throws(SystemError) in
          try Folder.following(filePath)
        }
      }
      places[Folder.parent(of: path), default: []].insert(Folder.lastComponent(of: path))
    }
    return places
  }

  /// What has happened to the checkpoint of a journal.
  package static func interruption(of header: JournalHeader) -> String {
    "\(header.direction.command) in place was interrupted here, so some tensors may be the base's "
      + "and others the result's"
  }

  /// What to do about a change that was interrupted.
  package static func remedy(_ header: JournalHeader, _ path: String) -> String {
    "run the same operation again to finish it, or roll it back; if the files were "
      + "replaced since, remove \(path)"
  }
}
