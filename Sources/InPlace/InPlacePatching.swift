package import ByteIO
package import Checkpoints
package import DeltaCoding
package import PatchEngine
internal import PatchFormat

/// Applies patches to their base, or strips them from their result, in the checkpoint's own files.
///
/// A journal beside them (Formats/journal.md) takes care that from any interruption the same
/// operation goes on, or undoes what was done, byte for byte.
package struct InPlacePatching: Sendable {
  package let direction: Direction
  package let input: Checkpoint
  package let patches: PatchSequence
  /// Whether to undo what an interrupted run has done, instead of finishing it.
  package var rollsBack = false
  /// Whether to leave what belongs to no tensor as it is, even if the patch carries more. It never
  /// changes in place.
  package var valuesOnly = false
  /// Whether to check the output's SHA-256 too, before anything is changed.
  package var checksSHA256 = false
  /// What files are changed through.
  package var disk: any Disk = SystemDisk()

  package init(_ direction: Direction, _ input: Checkpoint, _ patches: PatchSequence) {
    self.direction = direction
    self.input = input
    self.patches = patches
  }

  /// Changes the files, once the digests of all tensors of input and output were found to be those in
  /// the patch, and checks them again afterwards.
  ///
  /// A checkpoint that is the output already is left as it is. Rolling back gives the input.
  ///
  /// - Throws: ``PatchError``. The files are then as they were, unless the error says that they are
  ///   half changed: run it again; or that something else has damaged them.
  /// - Complexity: O(bytes of the checkpoint); three chunks of memory for each thread and 32 MiB.
  package func run(_ execution: Execution) throws(PatchError) -> ModelSummary {
    let files = try ChangedFiles(input, disk: disk)
    if let journal = try ChangeJournal(openingAt: files.journalPath, disk: disk) {
      try checkIsOurs(journal, files)
      let underWay = ChangeUnderWay(input.path, journal.header, journal: journal.path)
      defer { underWay.end() }
      if let summary = try resume(journal, files, execution) { return summary }
    } else {
      // A shard of a set that is half changed is listed in the journal of another file.
      try UnfinishedChange.check(input)
    }
    return try begin(files, execution)
  }

  // MARK: From the start

  private func begin(
    _ files: ChangedFiles, _ execution: Execution
  ) throws(PatchError) -> ModelSummary {
    let run = try PatchRun(patches, input, direction)
    if rollsBack {
      try run.checkInput(ChunkDigests.read(run.match, run.plan, execution))
      return summary(run, direction.input, ["there was nothing to roll back"])
    }
    try checkLayout(run)
    let batches = ChangeBatches(run, limit: ChangeBatches.limit(for: run))
    let change = InPlaceChange(run, batches, execution)
    let phases = PhasedProgress(batches, run.plan, execution)
    // Of the patch as it is tried now, whatever becomes of the file.
    let digest = patchDigest()
    let hashes = checksSHA256 ? OrderedStage(FileHasher(input), execution) : nil
    if checksSHA256 { try run.match(at: direction.output).checkHasPublishedBytes() }
    do {
      try change.survey(hashes: hashes, progress: phases.surveying)
    } catch  where error.isOfContents {
      guard let found = try? ChunkDigests.read(run.match, run.plan, execution.uncancellable) else {
        throw error
      }
      if run.verdict(at: direction.output, found).is(direction.output) {
        return summary(run, direction.output, ["it was the \(direction.output.name) already"])
      }
      try run.checkInput(found)
      throw error
    }
    if let hashes {
      try run.match(at: direction.output)
        .check(hashes.withState { $0.finish() }, of: direction.output)
    }
    guard batches.count > 0 else { return summary(run, direction.output) }
    let header = JournalHeader(
      direction: direction, batchLimit: batches.limit, slotByteCount: batches.slotByteCount,
      patchDigest: digest, fileNames: files.names)
    let underWay = ChangeUnderWay(input.path, header, journal: files.journalPath)
    defer { underWay.end() }
    let journal = try ChangeJournal(creating: header, at: files.journalPath, disk: disk)
    try finish(change, files, journal, phases)
    return summary(run, direction.output, isChanged: true)
  }

  /// Headers may grow, and then every tensor would move.
  private func checkLayout(_ run: PatchRun) throws(PatchError) {
    guard input.setAside.isEmpty else {
      throw PatchError(
        .usage, path: input.path, tensor: input.setAside[0].name,
        "the patch carries tensor '\(input.setAside[0].name)' whole, which cannot be done in place",
        remedy: "write new files", option: .newFiles)
    }
    let (layout, _) = try run.layout(of: input, valuesOnly: valuesOnly)
    guard layout.encoded != CheckpointLayout(input).encoded else { return }
    throw PatchError(
      .usage, path: input.path,
      "the patch changes the files' headers too, which cannot be done in place",
      remedy: "leave them as they are, or write new files", option: .valuesOnly)
  }

  /// The digest of the whole patch file, as it is now; of several, that of their digests.
  private func patchDigest() -> Digest128 {
    let digests = patches.patches.map { Digest128(of: $0.file, in: 0..<$0.file.byteCount) }
    return digests.count == 1 ? digests[0] : TensorDigest.combine(digests)
  }

  // MARK: From a journal

  /// Finishes or undoes the change of a journal.
  ///
  /// - Returns: nil if the journal was obsolete, and is gone.
  private func resume(
    _ journal: ChangeJournal, _ files: ChangedFiles, _ execution: Execution
  ) throws(PatchError) -> ModelSummary? {
    let run = try PatchRun(patches, input, direction, isPartlyChanged: true)
    let batches = ChangeBatches(run, limit: journal.header.batchLimit)
    var journal = journal
    let last = try journal.readLastRecord(for: batches)
    let change = InPlaceChange(run, batches, execution, from: last)
    let phases = PhasedProgress(batches, run.plan, execution)
    do {
      try change.survey(progress: phases.surveying)
    } catch  where error.isOfContents {
      let digest = patchDigest()
      guard digest == journal.header.patchDigest else { throw error }
      guard let found = try? ChunkDigests.read(run.match, run.plan, execution.uncancellable),
        run.verdict(at: .base, found).isBase || run.verdict(at: .result, found).isResult
      else {
        throw PatchError(
          .badInput, path: input.path, tensor: error.tensor,
          "the files are not as \(journal.path) left them: \(error.message)",
          remedy: "copy the checkpoint here again and remove the journal")
      }
      try journal.remove()
      return nil
    }
    try finish(change, files, journal, phases)
    let note = "what an interrupted \(direction.command) had begun"
    return rollsBack
      ? summary(run, direction.input, ["rolled back " + note])
      : summary(run, direction.output, isChanged: true, ["finished " + note])
  }

  private func checkIsOurs(
    _ journal: ChangeJournal, _ files: ChangedFiles
  ) throws(PatchError) {
    let header = journal.header
    let reason: String? =
      if header.direction != direction {
        "\(header.direction.command) in place was interrupted here, not \(direction.command)"
      } else if header.patchDigest != patchDigest() {
        "\(direction.command) in place was interrupted here with "
          + (patches.patches.count > 1 ? "other patches than" : "another patch than")
          + " \(patches.path)"
      } else if header.fileNames != files.names {
        "\(direction.command) in place was interrupted here on other files: "
          + header.fileNames.joined(separator: ", ")
      } else {
        nil
      }
    guard let reason else { return }
    throw PatchError(
      .unfinished, path: input.path, reason,
      remedy: UnfinishedChange.remedy(header, journal.path),
      option: .rollback(journal: journal.path))
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
        change.execution = change.execution.uncancellable
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
    let found: DigestVerdict
    do {
      let checkpoint = try PatchError.opening { () throws(CheckpointError) in
        try Checkpoint(path: input.path)
      }
      var execution = change.execution.uncancellable
      execution.progress = progress
      found = try DigestVerdict(of: PatchMatch(patches.end(role), checkpoint), execution)
    } catch  where error.isOfContents {
      throw damaged(error.message, error.tensor, journal)
    } catch {
      throw unfinished(error, journal)
    }
    let differing = found.differing(from: role)
    guard let first = differing.first else { return }
    throw damaged(
      "\(differing.count) of \(change.run.match.tensors.count) tensors are not the "
        + "\(role.name)'s, first '\(first)'", first, journal)
  }

  private func damaged(
    _ reason: String, _ tensor: String?, _ journal: ChangeJournal
  ) -> PatchError {
    PatchError(
      .inputOutput, path: input.path, tensor: tensor,
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
      error.message + "; \(input.path) is half changed" + undoing,
      remedy: second?.remedy ?? UnfinishedChange.remedy(journal.header, journal.path),
      option: second == nil ? .rollback(journal: journal.path) : nil)
  }

  private func summary(
    _ run: PatchRun, _ role: CheckpointRole, isChanged: Bool = false, _ notes: [String] = []
  ) -> ModelSummary {
    ModelSummary(run, path: input.path, role: role, changed: isChanged ? nil : (0, 0), notes: notes)
  }
}
