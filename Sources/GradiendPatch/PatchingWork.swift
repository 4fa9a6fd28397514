internal import ByteIO
internal import Checkpoints
internal import DeltaCoding
internal import PatchFormat

/// What the threads of one run share.
struct PatchingWork: Sendable {
  let binding: PatchBinding
  let direction: CheckpointPatching.Direction
  let inputDigests: TensorDigests
  let outputDigests: TensorDigests
  /// For each tensor, where its coded chunks lie in the patch; empty for one that stays.
  private let chunkRanges: [[Range<Int>]]

  /// - Throws: ``PatchError`` if the patch's chunks do not fit the tensors.
  init(_ binding: PatchBinding, _ direction: CheckpointPatching.Direction) throws(PatchError) {
    self.binding = binding
    self.direction = direction
    inputDigests = TensorDigests(binding.plan)
    outputDigests = TensorDigests(binding.plan)
    var chunkRanges: [[Range<Int>]] = []
    for (tensor, count) in zip(binding.tensors, binding.plan.chunkCounts) {
      do throws(FormatError) {
        chunkRanges.append(
          try tensor.change.map { (change) throws(FormatError) in
            try binding.patch.chunkByteRanges(of: change, count: count)
          } ?? [])
      } catch {
        throw PatchError(
          .badInput, path: binding.patch.path, tensor: tensor.name,
          "tensor '\(tensor.name)': \(error)")
      }
    }
    self.chunkRanges = chunkRanges
  }

  /// Calls `body` with every chunk of the input and what the patch makes of it, on any thread, and
  /// checks in the end that both checkpoints are those of the patch.
  ///
  /// - Throws: ``PatchError``, which says so if the input is the wrong checkpoint; what `body` throws.
  func run(
    _ workers: Workers, _ progress: ProgressHandler?,
    _ body: @Sendable (ChunkPlan.Item, RawSpan, RawSpan) throws(PatchError) -> Void
  ) throws(PatchError) {
    let counter = ProgressCounter(binding.plan, progress)
    do throws(PatchError) {
      try workers.run(binding.plan.items.count) { (number) throws(PatchError) in
        let item = binding.plan.items[number]
        let input = try binding.placement.bytes(of: item)
        if changes(item) {
          let output = try transformed(input.rawSpan, of: item, by: direction)
          record(input: input.rawSpan, output: output.rawSpan, of: item)
          try body(item, input.rawSpan, output.rawSpan)
        } else {
          record(input: input.rawSpan, output: nil, of: item)
          try body(item, input.rawSpan, input.rawSpan)
        }
        counter.finish(item)
      }
    } catch  where error.kind == .badInput || error.kind == .mismatch {
      // Chunks that do not decode, or values that do not fit, are most likely those of the wrong
      // checkpoint.
      try UnfinishedChange.check(binding.checkpoint)
      guard let found = try? Identification.identify(binding, workers: workers) else { throw error }
      try check(input: found)
      throw error
    }
    try UnfinishedChange.check(binding.checkpoint)
    try check(input: Identification(binding, inputDigests.tensors))
    try check(output: Identification(binding, outputDigests.tensors))
  }

  /// Whether the patch changes a chunk.
  func changes(_ item: ChunkPlan.Item) -> Bool {
    let ranges = chunkRanges[item.tensorIndex]
    return !ranges.isEmpty && !ranges[item.chunkIndex].isEmpty
  }

  /// What the patch makes of a chunk that it changes.
  ///
  /// - Throws: ``PatchError`` of kind `badInput` if the chunk's coding is damaged, or not for it.
  func transformed(
    _ bytes: RawSpan, of item: ChunkPlan.Item, by direction: CheckpointPatching.Direction
  ) throws(PatchError) -> [UInt8] {
    let range = chunkRanges[item.tensorIndex][item.chunkIndex]
    let chunk = binding.patch.file.bytes.extracting(range)
    defer { binding.patch.file.releasePages(in: range) }
    var output = [UInt8](uninitializedByteCount: bytes.byteCount)
    do throws(FormatError) {
      let coder = ChunkCoder(item.shape)
      try output.withMutableRawSpan { (span) throws(FormatError) in
        if direction == .apply {
          try coder.apply(chunk, to: bytes, into: &span)
        } else {
          try coder.strip(chunk, from: bytes, into: &span)
        }
      }
    } catch {
      throw damaged(error.shifted(by: range.lowerBound), item)
    }
    return output
  }

  /// Records the digests of a chunk of the input, and of the output if it differs.
  func record(input: RawSpan, output: RawSpan?, of item: ChunkPlan.Item) {
    let digest = Digest128(of: input)
    inputDigests.record(digest, of: item)
    if let output {
      outputDigests.record(Digest128(of: output), of: item)
    } else {
      outputDigests.record(digest, of: item)
    }
  }

  func check(input identification: Identification) throws(PatchError) {
    let isExpected =
      direction.input == .base ? identification.isBase : identification.isResult
    guard isExpected else { throw identification.error(expected: direction.input) }
  }

  /// The input was right, so a wrong output is the patch's fault, or ours.
  func check(output identification: Identification) throws(PatchError) {
    let differing =
      direction.output == .base
      ? identification.differingFromBase : identification.differingFromResult
    guard let first = differing.first else { return }
    throw PatchError(
      .badInput, path: binding.patch.path, tensor: first,
      "the patch does not give the \(direction.output.name) it promises: \(differing.count) tensors "
        + "differ, first '\(first)'", remedy: "ask the publisher for a sound patch")
  }

  private func damaged(_ error: FormatError, _ item: ChunkPlan.Item) -> PatchError {
    let name = binding.tensors[item.tensorIndex].name
    return PatchError(
      .badInput, path: binding.patch.path, tensor: name, "tensor '\(name)': \(error)")
  }
}
