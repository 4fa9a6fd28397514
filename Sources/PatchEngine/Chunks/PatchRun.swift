internal import ByteIO
internal import Checkpoints
package import DeltaCoding
internal import PatchFormat

/// One pass over a source's chunks by a patch, in either direction.
package struct PatchRun: Sendable {
  package let match: PatchMatch
  package let direction: Direction
  package let plan: ChunkPlan<MatchedTensor>
  package let inputDigests: ChunkDigests
  package let outputDigests: ChunkDigests

  /// - Parameters:
  ///   - match: the source, and the patch.
  ///   - direction: which way.
  ///   - tensors: those of `match` in the order in which they are worked through, if not in its own.
  package init(_ match: PatchMatch, _ direction: Direction, tensors: [MatchedTensor]? = nil) {
    self.match = match
    self.direction = direction
    plan = ChunkPlan(tensors ?? match.tensors)
    inputDigests = ChunkDigests(count: plan.chunks.count)
    outputDigests = ChunkDigests(count: plan.chunks.count)
  }

  /// Calls `body` with every chunk of the input and what the patch makes of it, on any thread, and
  /// checks in the end that both checkpoints are those of the patch.
  ///
  /// - Throws: ``PatchError``, which says so if the input is the wrong checkpoint; what `body` throws.
  package func run(
    _ execution: Execution, closing stages: [any Closable] = [],
    _ body: @Sendable (Chunk<MatchedTensor>, [UInt8], [UInt8]) throws(PatchError) -> Void
  ) throws(PatchError) {
    do throws(PatchError) {
      try execution.forEachChunk(of: plan, closing: stages) { (chunk) throws(PatchError) in
        let input = try match.values(of: chunk)
        if chunk.tensor.changes(chunk) {
          let output = try transformed(input.rawSpan, of: chunk, by: direction)
          record(input: input.rawSpan, output: output.rawSpan, of: chunk)
          try body(chunk, input, output)
        } else {
          record(input: input.rawSpan, output: nil, of: chunk)
          try body(chunk, input, input)
        }
      }
    } catch  where error.isOfContents {
      try UnfinishedChange.check(match.source)
      guard let found = try? DigestVerdict(of: match, execution.silent) else { throw error }
      try found.check(is: direction.input)
      throw error
    }
    try UnfinishedChange.check(match.source)
    try checkDigests()
  }

  /// What the patch makes of a chunk that it changes.
  ///
  /// - Throws: ``PatchError`` of kind `badInput` if the chunk's coding is damaged, or not for it.
  package func transformed(
    _ bytes: RawSpan, of chunk: Chunk<MatchedTensor>, by direction: Direction
  ) throws(PatchError) -> [UInt8] {
    let range = chunk.tensor.codedRanges[chunk.index]
    let coded = match.patch.file.bytes.extracting(range)
    defer { match.patch.file.releasePages(in: range) }
    var output = [UInt8](uninitializedByteCount: bytes.byteCount)
    do throws(FormatError) {
      try output.withMutableRawSpan { (span) throws(FormatError) in
        let coder = ChunkCoder(chunk.shape)
        switch direction {
        case .apply: try coder.apply(coded, to: bytes, into: &span)
        case .strip: try coder.strip(coded, from: bytes, into: &span)
        }
      }
    } catch {
      throw PatchError(
        .badInput, path: match.patch.path, tensor: chunk.tensor.name,
        "tensor '\(chunk.tensor.name)': \(error.shifted(by: range.lowerBound))")
    }
    return output
  }

  // MARK: Digests

  /// Records the digests of a chunk of the input, and of the output if it differs.
  package func record(input: RawSpan, output: RawSpan?, of chunk: Chunk<MatchedTensor>) {
    let digest = Digest128(of: input)
    inputDigests.record(digest, of: chunk.number)
    guard let output else { return outputDigests.record(digest, of: chunk.number) }
    outputDigests.record(Digest128(of: output), of: chunk.number)
  }

  /// Checks that what was recorded are the digests of the patch's two checkpoints.
  ///
  /// - Throws: ``PatchError``. If the input was right, a wrong output is the patch's fault, or ours.
  package func checkDigests() throws(PatchError) {
    try DigestVerdict(match, plan, inputDigests).check(is: direction.input)
    let differing = DigestVerdict(match, plan, outputDigests).differing(from: direction.output)
    guard let first = differing.first else { return }
    throw PatchError(
      .badInput, path: match.patch.path, tensor: first,
      "the patch does not give the \(direction.output.name) it promises: \(differing.count) tensors "
        + "differ, first '\(first)'", remedy: "ask the publisher for a sound patch")
  }
}

extension Direction {
  /// What a checkpoint must be to be patched in this direction.
  package var input: CheckpointRole { self == .apply ? .base : .result }
  /// What it is afterwards.
  package var output: CheckpointRole { self == .apply ? .result : .base }
  /// The one that undoes this one.
  package var reversed: Direction { self == .apply ? .strip : .apply }
  /// The command that patches in this direction.
  package var command: String { self == .apply ? "apply" : "strip" }
}
