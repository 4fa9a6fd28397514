internal import ByteIO
internal import Checkpoints
internal import PatchFormat
internal import Synchronization

/// A checkpoint on its way from one of a patch's two to the other (Formats/journal.md).
///
/// All items of the batches below the boundary are the output's, and all others the input's.
struct InPlaceChange: Sendable {
  let work: PatchingWork
  let batches: ChangeBatches
  let workers: Workers
  private(set) var boundary = 0
  /// What the last record says of its batch, which may be in the files or not, or in part.
  private var pending: (batch: Int, contents: [[UInt8]])?

  private var binding: PatchBinding { work.binding }
  private var placement: any TensorPlacement { binding.placement }

  /// A change that goes on from the last record of a journal, or from the start without one.
  init(
    _ work: PatchingWork, _ batches: ChangeBatches, workers: Workers,
    from last: (record: JournalRecord, contents: [[UInt8]])? = nil
  ) {
    self.work = work
    self.batches = batches
    self.workers = workers
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
    hashes: Lane<FileHasher>? = nil, progress: ProgressHandler? = nil
  ) throws(PatchError) {
    let counter = ProgressCounter(binding.plan, progress)
    let lanes: [any Closable] = hashes.map { [$0] } ?? []
    try workers.run(binding.plan.items.count, closing: lanes) { (number) throws(PatchError) in
      let item = binding.plan.items[number]
      let bytes = try bytes(of: number)
      if let place = batches.place(of: number) {
        let isOutput = place.batch < boundary
        let away = isOutput ? work.direction.reversed : work.direction
        let other = try work.transformed(bytes.rawSpan, of: item, by: away)
        try checkReturns(other.rawSpan, to: bytes.rawSpan, item, by: away.reversed)
        try placement.write(other.rawSpan, of: item, to: NoOutput())
        let (input, output) = isOutput ? (other, bytes) : (bytes, other)
        work.record(input: input.rawSpan, output: output.rawSpan, of: item)
        try hashes?.leave(number) { $0.update(other.rawSpan, of: item) }
      } else {
        work.record(input: bytes.rawSpan, output: nil, of: item)
        try hashes?.leave(number) { $0.update(bytes.rawSpan, of: item) }
      }
      counter.finish(item)
    }
    try work.check(input: Identification(binding, work.inputDigests.tensors))
    try work.check(output: Identification(binding, work.outputDigests.tensors))
  }

  /// Checks that a chunk can be changed back: rolling back relies on it.
  private func checkReturns(
    _ other: RawSpan, to bytes: RawSpan, _ item: ChunkPlan.Item,
    by direction: CheckpointPatching.Direction
  ) throws(PatchError) {
    let again = try work.transformed(other, of: item, by: direction)
    guard !again.rawSpan.hasSameBytes(as: bytes) else { return }
    let name = binding.tensors[item.tensorIndex].name
    throw PatchError(
      .badInput, path: binding.patch.path, tensor: name,
      "tensor '\(name)': the change could not be undone",
      remedy: "ask the publisher for a sound patch")
  }

  /// An item's bytes: those of the files, or of the last record.
  private func bytes(of number: Int) throws(PatchError) -> [UInt8] {
    if let pending, let place = batches.place(of: number), place.batch == pending.batch {
      return pending.contents[place.index]
    }
    return try placement.bytes(of: binding.plan.items[number])
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
    let (items, placement) = (batches.items(of: batch), placement)
    try workers.run(items.count) { (index) throws(PatchError) in
      let bytes = contents[index]
      try placement.write(bytes.rawSpan, of: items[index], to: files)
    }
    try files.synchronise()
    pending = nil
  }

  /// The new bytes of a batch's items, each found to be what the survey saw.
  ///
  /// - Throws: ``PatchError`` if files or patch are not as they were then.
  private func contents(of batch: Int, isForward: Bool) throws(PatchError) -> [[UInt8]] {
    let items = batches.items(of: batch)
    let contents = Mutex(Array(repeating: [UInt8](), count: items.count))
    // What a step left unfinished is in its record, and not surely in the files.
    let known = pending?.batch == batch ? pending?.contents : nil
    try workers.run(items.count) { (index) throws(PatchError) in
      let bytes = if let known { known[index] } else { try stored(items[index]) }
      let new = try moved(bytes.rawSpan, items[index], isForward: isForward)
      contents.withLock { $0[index] = new }
    }
    return contents.withLock { $0 }
  }

  /// The bytes of an item as the files have them.
  private func stored(_ item: ChunkPlan.Item) throws(PatchError) -> [UInt8] {
    do throws(PatchError) {
      return try placement.bytes(of: item)
    } catch  where error.kind == .mismatch {
      throw changed(item, in: binding.checkpoint.path)
    }
  }

  /// The bytes of one item, moved across the boundary.
  private func moved(
    _ bytes: RawSpan, _ item: ChunkPlan.Item, isForward: Bool
  ) throws(PatchError) -> [UInt8] {
    let (old, new) =
      isForward
      ? (work.inputDigests, work.outputDigests) : (work.outputDigests, work.inputDigests)
    let moved = try? work.transformed(
      bytes, of: item, by: isForward ? work.direction : work.direction.reversed)
    // Bytes that nobody has checked would be lost with what they replace.
    guard let moved, Digest128(of: moved.rawSpan) == new.digest(of: item) else {
      let isPatch = Digest128(of: bytes) == old.digest(of: item)
      throw changed(item, in: isPatch ? binding.patch.path : binding.checkpoint.path)
    }
    return moved
  }

  private func changed(_ item: ChunkPlan.Item, in path: String) -> PatchError {
    let name = binding.tensors[item.tensorIndex].name
    return PatchError(
      .inputOutput, path: path, tensor: name,
      "what this holds of tensor '\(name)' changed after it was checked; something else writes here, "
        + "or a disk fails", remedy: "run the same command again once the file is as it was")
  }
}
