package import ByteIO
internal import Checkpoints
internal import Hub
internal import PatchFormat

/// Applies a patch to its base, or strips it from its result, in the checkpoint's own files.
///
/// A journal beside them (Formats/journal.md) takes care that from any interruption the same
/// operation goes on, or undoes what was done, byte for byte.
public struct InPlacePatching: Sendable {
  /// Whether to apply or to strip.
  public var direction: CheckpointPatching.Direction
  /// Checkpoint file or folder; of a split set of GGUF files, the first.
  public var checkpoint: String
  /// The patch file.
  public var patch: String
  /// Whether to undo what an interrupted run has done, instead of finishing it.
  public var rollsBack = false
  /// Whether to leave what belongs to no tensor as it is, even if the patch carries more. It never
  /// changes in place.
  public var keepsLayout = false
  /// Whether to check the output's SHA-256 too, before anything is changed.
  public var checksSHA256 = false
  /// 0 for one a core.
  public var threadCount = 0
  /// What files are changed through.
  package var disk: any Disk = SystemDisk()

  /// Patches a checkpoint with the default options.
  public init(_ direction: CheckpointPatching.Direction, checkpoint: String, patch: String) {
    self.direction = direction
    self.checkpoint = checkpoint
    self.patch = patch
  }

  /// Changes the files, once the digests of all tensors of input and output were found to be those in
  /// the patch, and checks them again afterwards.
  ///
  /// A checkpoint that is the output already is left as it is. Rolling back gives the input.
  ///
  /// - Throws: ``PatchError``. The files are then as they were, unless the error says that they are
  ///   half changed: run it again; or that something else has damaged them.
  /// - Complexity: O(bytes of the checkpoint); three chunks of memory for each thread and 32 MiB.
  public func run(progress: ProgressHandler? = nil) throws(PatchError) -> PatchingSummary {
    let patch = try InputName(self.patch).patch()
    let name = try InputName(checkpoint)
    guard name.origin == nil else { throw isInCache }
    let input = try PatchError.opening { () throws(CheckpointError) in
      try Checkpoint(path: checkpoint)
    }
    // A folder elsewhere may have links to files of the cache.
    guard !input.files.contains(where: { HubCache.holds($0.mapped.path) }) else { throw isInCache }
    let files = try ChangedFiles(input, disk: disk)
    if let journal = try ChangeJournal(openingAt: files.journalPath, disk: disk) {
      try checkIsOurs(journal, patch, files)
      let underWay = ChangeUnderWay(checkpoint, journal.header, journal: journal.path)
      defer { underWay.end() }
      if let summary = try resume(journal, patch, input, files, progress) { return summary }
    } else {
      // A shard of a set that is half changed is listed in the journal of another file.
      try UnfinishedChange.check(input)
    }
    return try begin(patch, input, files, progress)
  }

  private var isInCache: PatchError {
    PatchError(
      .usage, path: checkpoint, "this lies in the Hub's cache, which other programs rely on",
      remedy: "copy it elsewhere first, or write new files with --output")
  }

  // MARK: From the start

  private func begin(
    _ patch: PatchFile, _ input: Checkpoint, _ files: ChangedFiles, _ progress: ProgressHandler?
  ) throws(PatchError) -> PatchingSummary {
    let binding = try PatchBinding(patch, input)
    let workers = Workers(threadCount)
    let work = try PatchingWork(binding, direction)
    if rollsBack {
      try work.check(input: try Identification.identify(binding, workers: workers))
      return summary(binding, direction.input, ["there was nothing to roll back"])
    }
    try checkLayout(binding)
    let batches = ChangeBatches(work, limit: ChangeBatches.limit(for: work))
    let change = InPlaceChange(work, batches, workers: workers)
    let phases = PhasedProgress(batches, binding.plan, progress)
    // Of the patch as it is tried now, whatever becomes of the file.
    let patchDigest = Digest128(of: patch.file, in: 0..<patch.file.byteCount)
    let hashes = checksSHA256 ? Lane(FileHasher(input), workers) : nil
    if checksSHA256 { try binding.checkHasPublishedBytes() }
    do {
      try change.survey(hashes: hashes, progress: phases.surveying)
    } catch  where error.kind == .badInput || error.kind == .mismatch {
      // Chunks that do not decode are most likely read against the wrong checkpoint.
      guard let found = try? Identification.identify(binding, workers: workers) else { throw error }
      if found.isOutput(of: direction) {
        return summary(binding, direction.output, ["it was the \(direction.output.name) already"])
      }
      try work.check(input: found)
      throw error
    }
    if let hashes {
      try binding.check(hashes.withState { $0.finish() }, of: direction.output)
    }
    guard batches.count > 0 else { return summary(binding, direction.output) }
    let header = JournalHeader(
      direction: direction, batchLimit: batches.limit, slotByteCount: batches.slotByteCount,
      patchDigest: patchDigest, fileNames: files.names)
    let underWay = ChangeUnderWay(checkpoint, header, journal: files.journalPath)
    defer { underWay.end() }
    let journal = try ChangeJournal(creating: header, at: files.journalPath, disk: disk)
    try finish(change, files, journal, phases)
    return summary(binding, direction.output, isChanged: true)
  }

  /// Headers may grow, and then every tensor would move.
  private func checkLayout(_ binding: PatchBinding) throws(PatchError) {
    let own = CheckpointLayout(binding.checkpoint)
    guard !keepsLayout, try binding.layout(of: direction.output, given: own) != nil else { return }
    throw PatchError(
      .usage, path: checkpoint,
      "the patch changes the files' headers too, which cannot be done in place",
      remedy: "leave them as they are with --values-only, or write new files with --output")
  }

  // MARK: From a journal

  /// Finishes or undoes the change of a journal.
  ///
  /// - Returns: nil if the journal was obsolete, and is gone.
  private func resume(
    _ journal: ChangeJournal, _ patch: PatchFile, _ input: Checkpoint, _ files: ChangedFiles,
    _ progress: ProgressHandler?
  ) throws(PatchError) -> PatchingSummary? {
    let binding = try PatchBinding(patch, input, isHalfway: true)
    let workers = Workers(threadCount)
    let work = try PatchingWork(binding, direction)
    let batches = ChangeBatches(work, limit: journal.header.batchLimit)
    var journal = journal
    let last = try journal.readLastRecord(for: batches)
    let change = InPlaceChange(work, batches, workers: workers, from: last)
    let phases = PhasedProgress(batches, binding.plan, progress)
    do {
      try change.survey(progress: phases.surveying)
    } catch  where error.kind == .badInput || error.kind == .mismatch {
      guard Digest128(of: patch.file, in: 0..<patch.file.byteCount) == journal.header.patchDigest else { throw error }
      guard let found = try? Identification.identify(binding, workers: workers),
        found.isBase || found.isResult
      else {
        throw PatchError(
          .badInput, path: checkpoint, tensor: error.tensor,
          "the files are not as \(journal.path) left them: \(error.message)",
          remedy: "copy the checkpoint here again and remove the journal")
      }
      try journal.remove()
      return nil
    }
    try finish(change, files, journal, phases)
    let note = "what an interrupted \(direction.command) had begun"
    return rollsBack
      ? summary(binding, direction.input, ["rolled back " + note])
      : summary(binding, direction.output, isChanged: true, ["finished " + note])
  }

  private func checkIsOurs(
    _ journal: ChangeJournal, _ patch: PatchFile, _ files: ChangedFiles
  ) throws(PatchError) {
    let header = journal.header
    let reason: String? =
      if header.direction != direction {
        "\(header.direction.command) --in-place was interrupted here, not \(direction.command)"
      } else if header.patchDigest != Digest128(of: patch.file, in: 0..<patch.file.byteCount) {
        "\(direction.command) --in-place was interrupted here with another patch than \(patch.path)"
      } else if header.fileNames != files.names {
        "\(direction.command) --in-place was interrupted here on other files: "
          + header.fileNames.joined(separator: ", ")
      } else {
        nil
      }
    guard let reason else { return }
    throw PatchError(
      .unfinished, path: checkpoint, reason,
      remedy: UnfinishedChange.remedy(header, journal.path))
  }

  // MARK: To the end

  /// Goes on to the output, or back to the input, checks the files once more and removes the journal.
  ///
  /// - Throws: ``PatchError``; the files are then as they were before this run, or it says otherwise,
  ///   and the journal is still there.
  private func finish(
    _ change: InPlaceChange, _ files: ChangedFiles, _ journal: ChangeJournal,
    _ phases: PhasedProgress
  ) throws(PatchError) {
    var (change, journal) = (change, journal)
    let start = change.boundary
    do {
      try change.move(
        to: rollsBack ? 0 : change.batches.count, files, &journal,
        progress: phases.changed(byteCount:))
    } catch {
      guard start == 0, !rollsBack else { throw unfinished(error, journal) }
      do {
        try change.move(to: 0, files, &journal)
        try check(change, journal, is: direction.input)
        try journal.remove()
      } catch let second {
        throw unfinished(error, journal, second)
      }
      throw error
    }
    try check(
      change, journal, is: rollsBack ? direction.input : direction.output,
      progress: phases.checking)
    do {
      try journal.remove()
    } catch {
      throw PatchError(
        error.kind, path: error.path, "\(error.message); the change itself is done",
        remedy: "run the same command again, which removes the journal")
    }
  }

  /// Opens the files again and compares their digests: only once they are right, nobody needs the
  /// journal any more.
  private func check(
    _ change: InPlaceChange, _ journal: ChangeJournal, is role: CheckpointRole,
    progress: ProgressHandler? = nil
  ) throws(PatchError) {
    let found: Identification
    do {
      let checkpoint = try PatchError.opening { () throws(CheckpointError) in
        try Checkpoint(path: self.checkpoint)
      }
      found = try Identification.identify(
        PatchBinding(change.work.binding.patch, checkpoint), workers: change.workers,
        progress: progress)
    } catch {
      throw damaged(error.message, error.tensor, journal)
    }
    let differing = role == .base ? found.differingFromBase : found.differingFromResult
    guard let first = differing.first else { return }
    throw damaged(
      "\(differing.count) of \(change.work.binding.tensors.count) tensors are not the "
        + "\(role.name)'s, first '\(first)'", first, journal)
  }

  private func damaged(
    _ reason: String, _ tensor: String?, _ journal: ChangeJournal
  ) -> PatchError {
    PatchError(
      .inputOutput, path: checkpoint, tensor: tensor,
      "the files are damaged: \(reason); something else writes here, or a disk fails",
      remedy: "run the same command again once they are as they were; or copy the checkpoint here "
        + "again and remove \(journal.path)")
  }

  private func unfinished(
    _ error: PatchError, _ journal: ChangeJournal, _ second: PatchError? = nil
  ) -> PatchError {
    let undoing = second.map { "; undoing it failed, too: \($0.message)" } ?? ""
    return PatchError(
      error.kind, path: error.path, tensor: error.tensor,
      error.message + "; \(checkpoint) is half changed" + undoing,
      remedy: second?.remedy ?? UnfinishedChange.remedy(journal.header, journal.path))
  }

  private func summary(
    _ binding: PatchBinding, _ role: CheckpointRole, isChanged: Bool = false,
    _ notes: [String] = []
  ) -> PatchingSummary {
    PatchingSummary(
      binding, path: checkpoint, role: role, isChanged: isChanged, notes: notes)
  }
}

extension Identification {
  /// Whether it is what a direction leads to.
  func isOutput(of direction: CheckpointPatching.Direction) -> Bool {
    direction.output == .base ? isBase : isResult
  }
}
