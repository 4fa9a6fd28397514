internal import ByteIO
internal import Checkpoints

/// Keeps what only reads checkpoints away from those that are half changed.
enum UnfinishedChange {
  /// Looks for a journal that lists a file of `checkpoint`.
  ///
  /// - Throws: ``PatchError`` of kind `unfinished` if there is one.
  static func check(_ checkpoint: Checkpoint) throws(PatchError) {
    for (folder, names) in places(of: checkpoint) {
      // Whoever may not list a folder cannot have begun a change in it.
      for entry in (try? Folder.names(in: folder)) ?? []
      where entry.hasPrefix(".") && entry.hasSuffix(ChangeJournal.ending) {
        let path = Folder.join(folder, entry)
        guard let header = try? ChangeJournal.header(at: path) else {
          guard names.contains(where: { ChangeJournal.path(in: folder, for: $0) == path }) else {
            continue
          }
          _ = try ChangeJournal.header(at: path)
          continue
        }
        guard header.fileNames.contains(where: names.contains) else { continue }
        let isRunning = DiskFile.isLocked(Folder.join(folder, header.fileNames[0]))
        throw refusal(checkpoint, header, path, isRunning: isRunning)
      }
    }
  }

  /// The folders in which the files really lie, and their names there.
  private static func places(of checkpoint: Checkpoint) -> [String: Set<String>] {
    var places: [String: Set<String>] = [:]
    for file in checkpoint.files {
      guard let path = Folder.resolved(file.mapped.path) else { continue }
      places[Folder.parent(of: path), default: []].insert(Folder.lastComponent(of: path))
    }
    return places
  }

  private static func refusal(
    _ checkpoint: Checkpoint, _ header: JournalHeader, _ path: String, isRunning: Bool
  ) -> PatchError {
    guard !isRunning else {
      return PatchError(
        .unfinished, path: checkpoint.path,
        "another gradiend-patch is changing this checkpoint in place",
        remedy: "wait until it has ended")
    }
    return PatchError(
      .unfinished, path: checkpoint.path,
      "\(header.direction.command) --in-place was interrupted here, so some tensors may be the "
        + "base's and others the result's", remedy: remedy(header, path))
  }

  /// What to do about a change that was interrupted.
  static func remedy(_ header: JournalHeader, _ path: String) -> String {
    "run the same command again to finish it, or with --rollback to undo it; if the files were "
      + "replaced since, remove \(path)"
  }
}

extension CheckpointPatching.Direction {
  /// The command's name.
  var command: String { self == .apply ? "apply" : "strip" }
}
