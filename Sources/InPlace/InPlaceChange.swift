internal import ByteIO
internal import Checkpoints
internal import DeltaCoding
internal import PatchEngine
internal import PatchFormat
internal import Synchronization

/// A checkpoint on its way from one end of a run to the other (Formats/journal.md).
///
/// All items of the batches below the boundary are the output's, and all others the input's.
struct InPlaceChange: Sendable {
  let run: PatchRun
  let batches: ChangeBatches
  var execution: Execution
  private(set) var boundary = 0
  /// What the last record says of its batch, which may be in the files or not, or in part.
  private var pending: (batch: Int, contents: [[UInt8]])?

  private var match: PatchMatch { run.match }

  /// A change that goes on from the last record of a journal, or from the start without one.
  init(
    _ run: PatchRun, _ batches: ChangeBatches, _ execution: Execution,
    from last: (record: JournalRecord, contents: [[UInt8]])? = nil
  ) {
    self.run = run
    self.batches = batches
    self.execution = execution
    boundary = last?.record.boundary ?? 0
    pending = last.map { ($0.record.batch, $0.contents) }
  }

  // MARK: Trying

  /// Tries all that will be done, reading everything and writing nothing.
  ///
  /// - Parameters:
  ///   - hashes: gets the output's bytes, if its SHA-256 is wanted. Only while nothing is changed.
  ///   - progress: is told of every item.
  /// - Throws: ``PatchError`` if the files are not what they should be by the boundary, or the patch
  ///   does not lead from input to output and back.
  /// - Complexity: O(bytes of the checkpoint), with three chunks of memory for each thread.
  func survey(
    hashes: OrderedStage<FileHasher>? = nil, progress: ProgressHandler?
  ) throws(PatchError) {
    var execution = execution
    execution.progress = progress
    let stages: [any Closable] = hashes.map { [$0] } ?? []
    try execution.forEachChunk(of: run.plan, closing: stages) { (chunk) throws(PatchError) in
      let bytes = try bytes(of: chunk)
      var after = bytes
      if let place = batches.place(of: chunk.number) {
        let isOutput = place.batch < boundary
        let away = isOutput ? run.direction.reversed : run.direction
        let other = try run.transformed(bytes.rawSpan, of: chunk, by: away)
        try checkReturns(other.rawSpan, to: bytes.rawSpan, chunk, by: away.reversed)
        try match.write(other.rawSpan, of: chunk, to: NoOutput())
        let (input, output) = isOutput ? (other, bytes) : (bytes, other)
        run.record(input: input.rawSpan, output: output.rawSpan, of: chunk)
        after = other
      } else {
        run.record(input: bytes.rawSpan, output: nil, of: chunk)
      }
      try hashes?.submit(chunk.number) { [after] in
        $0.update(after.rawSpan, of: chunk.tensor.stored[0], at: chunk.byteRange.lowerBound)
      }
    }
    try run.checkDigests()
  }

  /// Checks that a chunk can be changed back: rolling back relies on it.
  private func checkReturns(
    _ other: RawSpan, to bytes: RawSpan, _ chunk: Chunk<MatchedTensor>,
    by direction: Direction
  ) throws(PatchError) {
    let again = try run.transformed(other, of: chunk, by: direction)
    guard !again.rawSpan.hasSameBytes(as: bytes) else { return }
    let name = chunk.tensor.name
    throw PatchError(
      .badInput, path: run.patchPath, tensor: name,
      "tensor '\(name)': the change could not be undone",
      remedy: "ask the publisher for a sound patch")
  }

  /// A chunk's values: those of the files, or of the last record.
  private func bytes(of chunk: Chunk<MatchedTensor>) throws(PatchError) -> [UInt8] {
    if let pending, let place = batches.place(of: chunk.number), place.batch == pending.batch {
      return pending.contents[place.index]
    }
    return try match.values(of: chunk)
  }

  // MARK: Changing

  /// Changes batch after batch until the boundary is `target`, each step by way of the journal.
  ///
  /// - Throws: ``PatchError`` from the first step that fails. Steps back may then be tried.
  mutating func move(
    to target: Int, _ files: ChangedFiles, _ journal: inout ChangeJournal,
    progress: (Int) -> Void = { _ in }
  ) throws(PatchError) {
    while boundary != target || pending != nil {
      let isForward = boundary < target
      let batch = isForward ? boundary : boundary - 1
      // A batch that is to be changed back need not be written before.
      if let pending, boundary == target || pending.batch != batch { try settle(files) }
      guard boundary != target else { return }
      let contents = try contents(of: batch, isForward: isForward)
      try journal.append(batch: batch, isForward: isForward, contents: contents)
      pending = (batch, contents)
      boundary = isForward ? batch + 1 : batch
      try settle(files)
      progress(batches.byteCount(of: batch))
    }
  }

  /// Writes what the last record says into the files, and returns once it is durable there.
  private mutating func settle(_ files: ChangedFiles) throws(PatchError) {
    guard let (batch, contents) = pending else { return }
    let (chunks, match) = (batches.chunks(of: batch), match)
    try execution.forEach(chunks.count) { (index) throws(PatchError) in
      let bytes = contents[index]
      try match.write(bytes.rawSpan, of: chunks[index], to: files)
    }
    try files.synchronise()
    pending = nil
  }

  /// The new bytes of a batch's chunks, each found to be what the survey saw.
  ///
  /// - Throws: ``PatchError`` if files or patch are not as they were then.
  private func contents(of batch: Int, isForward: Bool) throws(PatchError) -> [[UInt8]] {
    let chunks = batches.chunks(of: batch)
    let contents = Mutex(Array(repeating: [UInt8](), count: chunks.count))
    // What a step left unfinished is in its record, and not surely in the files.
    let known = pending?.batch == batch ? pending?.contents : nil
    try execution.forEach(chunks.count) { (index) throws(PatchError) in
      let bytes = if let known { known[index] } else { try stored(chunks[index]) }
      let new = try moved(bytes.rawSpan, chunks[index], isForward: isForward)
      contents.withLock { $0[index] = new }
    }
    return contents.withLock { $0 }
  }

  /// The values of a chunk as the files have them.
  private func stored(_ chunk: Chunk<MatchedTensor>) throws(PatchError) -> [UInt8] {
    do throws(PatchError) {
      return try match.values(of: chunk)
    } catch  where error.kind == .mismatch {
      throw changed(chunk, in: match.source.path)
    }
  }

  /// The bytes of one chunk, moved across the boundary.
  private func moved(
    _ bytes: RawSpan, _ chunk: Chunk<MatchedTensor>, isForward: Bool
  ) throws(PatchError) -> [UInt8] {
    let (old, new) =
      isForward
      ? (run.inputDigests, run.outputDigests) : (run.outputDigests, run.inputDigests)
    let moved = try? run.transformed(
      bytes, of: chunk, by: isForward ? run.direction : run.direction.reversed)
    // Bytes that nobody has checked would be lost with what they replace.
    guard let moved, Digest128(of: moved.rawSpan) == new.digest(of: chunk.number) else {
      let isPatch = Digest128(of: bytes) == old.digest(of: chunk.number)
      throw changed(chunk, in: isPatch ? run.patchPath : match.source.path)
    }
    return moved
  }

  private func changed(_ chunk: Chunk<MatchedTensor>, in path: String) -> PatchError {
    let name = chunk.tensor.name
    return PatchError(
      .inputOutput, path: path, tensor: name,
      "what this holds of tensor '\(name)' changed after it was checked; something else writes here, "
        + "or a disk fails", remedy: "run the same command again once the file is as it was")
  }
}
