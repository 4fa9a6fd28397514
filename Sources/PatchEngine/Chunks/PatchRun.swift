internal import ByteIO
package import Checkpoints
package import DeltaCoding
internal import PatchFormat
internal import Synchronization

/// One pass over a source's chunks by a patch, or by several that follow each other, in either
/// direction.
package struct PatchRun: Sendable {
  /// The source, matched to each patch, in the order in which these are applied.
  package let matches: [PatchMatch]
  package let direction: Direction
  package let plan: ChunkPlan<MatchedTensor>
  /// The tensors of each patch by their names.
  private let tensors: [[String: MatchedTensor]]
  /// Of the base, and of the result of each patch.
  private let digests: [ChunkDigests]
  private let changes = ChangeCount()

  /// - Parameters:
  ///   - match: the source, and the patch.
  ///   - direction: which way.
  ///   - tensors: those of `match` in the order in which they are worked through, if not in its own.
  package init(_ match: PatchMatch, _ direction: Direction, tensors: [MatchedTensor]? = nil) {
    self.init([match], direction, tensors: tensors)
  }

  /// - Parameters:
  ///   - patches: what follows each other.
  ///   - source: what the first is applied to, or the last is stripped from.
  ///   - direction: which way.
  ///   - isPartlyChanged: whether the source is being changed in place.
  ///   - share: whose tensors are gone through, if not all are.
  /// - Throws: ``PatchError`` of kind `mismatch` naming the first tensor that does not fit.
  package init(
    _ patches: PatchSequence, _ source: any TensorSource, _ direction: Direction,
    isPartlyChanged: Bool = false, in share: FileShare? = nil
  ) throws(PatchError) {
    let matches = try patches.patches.map { (patch) throws(PatchError) in
      try PatchMatch(patch, source, isPartlyChanged: isPartlyChanged)
    }
    self.init(matches, direction, tensors: share.map { matches[0].tensors(of: $0) })
  }

  private init(_ matches: [PatchMatch], _ direction: Direction, tensors: [MatchedTensor]? = nil) {
    self.matches = matches
    self.direction = direction
    let plan = ChunkPlan(tensors ?? matches[0].tensors)
    self.plan = plan
    self.tensors = matches.map { match in
      Dictionary(uniqueKeysWithValues: match.tensors.map { ($0.name, $0) })
    }
    digests = (0...matches.count).map { _ in ChunkDigests(count: plan.chunks.count) }
  }

  /// The same pass with the tensors in another order.
  package func sorted(
    by areInOrder: (MatchedTensor, MatchedTensor) -> Bool
  ) -> PatchRun {
    PatchRun(matches, direction, tensors: matches[0].tensors.sorted(by: areInOrder))
  }

  /// The source, and where its tensors are, which is the same for all patches.
  package var match: PatchMatch { matches[0] }

  /// The position of the patch of which the checkpoint at one end of the run has that role.
  private func end(_ role: CheckpointRole) -> Int { role == .base ? 0 : matches.count - 1 }

  /// The match to the patch of which the checkpoint at one end of the run has that role.
  package func match(at role: CheckpointRole) -> PatchMatch { matches[end(role)] }

  /// What a user should know of how the patches meet the source, each sentence once.
  var notes: [String] { matches.flatMap(\.notes).uniqued }

  /// The paths of the patches, for messages.
  package var patchPath: String { matches.map(\.patch).paths }

  package var inputDigests: ChunkDigests {
    direction == .apply ? digests[0] : digests[matches.count]
  }

  package var outputDigests: ChunkDigests {
    direction == .apply ? digests[matches.count] : digests[0]
  }

  /// The positions of the patches in the order in which they are followed in a direction.
  private func positions(_ direction: Direction) -> [Int] {
    direction == .apply ? Array(matches.indices) : matches.indices.reversed()
  }

  /// Whether any of the patches changes a chunk.
  package func changes(_ chunk: Chunk<MatchedTensor>) -> Bool {
    tensors.contains { $0[chunk.tensor.name]?.changes(chunk) ?? false }
  }

  // MARK: The pass

  /// Calls `body` with every chunk of the input and what the patches make of it, on any thread, and
  /// checks in the end that all checkpoints on the way are those of the patches.
  ///
  /// - Throws: ``PatchError``, which says so if the input is the wrong checkpoint; what `body` throws.
  package func run(
    _ execution: Execution, closing stages: [any Closable] = [],
    _ body: @Sendable (Chunk<MatchedTensor>, [UInt8], [UInt8]) throws(PatchError) -> Void
  ) throws(PatchError) {
    try checked(execution) { () throws(PatchError) in
      try execution.forEachChunk(of: plan, closing: stages) { (chunk) throws(PatchError) in
        let input = try match.values(of: chunk)
        try body(chunk, input, try output(of: input, chunk))
      }
    }
  }

  /// As ``run(_:closing:_:)``, for who needs the bytes only while `body` runs, and only of chunks that
  /// change: nothing is copied that need not be.
  package func visitChanges(
    _ execution: Execution,
    _ body:
      @Sendable (Chunk<MatchedTensor>, _ input: RawSpan, _ output: RawSpan)
      throws(PatchError) -> Void
  ) throws(PatchError) {
    let outputs = BufferPool()
    try checked(execution) { () throws(PatchError) in
      try execution.forEachChunk(of: plan) { (chunk) throws(PatchError) in
        try chunk.tensor.placement.withValues(of: chunk, from: match.source) {
          (input) throws(PatchError) in
          guard changes(chunk) else {
            return record(input: input, output: nil, of: chunk)
          }
          guard matches.count == 1 else {
            let output = try transformed(input, of: chunk, by: direction)
            record(input: input, output: output.rawSpan, of: chunk)
            return try body(chunk, input, output.rawSpan)
          }
          try outputs.withBuffer(byteCount: input.byteCount) { (output) throws(PatchError) in
            try match.transform(input, of: chunk, as: chunk.tensor, by: direction, into: &output)
            record(input: input, output: output.bytes, of: chunk)
            try body(chunk, input, output.bytes)
          }
        }
      }
    }
  }

  /// What the patches make of a chunk of the input, with the digests of both recorded.
  package func output(
    of input: [UInt8], _ chunk: Chunk<MatchedTensor>
  ) throws(PatchError) -> [UInt8] {
    guard changes(chunk) else {
      record(input: input.rawSpan, output: nil, of: chunk)
      return input
    }
    let output = try transformed(input.rawSpan, of: chunk, by: direction)
    record(input: input.rawSpan, output: output.rawSpan, of: chunk)
    return output
  }

  /// Carries out a pass in which all chunks are recorded, and checks their digests in the end.
  ///
  /// - Throws: ``PatchError``, which says so if the input is the wrong checkpoint; what `body` throws.
  package func checked(
    _ execution: Execution, _ body: () throws(PatchError) -> Void
  ) throws(PatchError) {
    do throws(PatchError) {
      try body()
    } catch  where error.isOfContents {
      try UnfinishedChange.check(match.source)
      guard let found = try? ChunkDigests.read(match, plan, execution.silent) else { throw error }
      try checkInput(found)
      throw error
    }
    try UnfinishedChange.check(match.source)
    try checkDigests()
  }

  /// What the patches make of a chunk that they change, with the digests of what is in between
  /// recorded.
  ///
  /// - Throws: ``PatchError`` of kind `badInput` if the chunk's coding is damaged, or not for it.
  package func transformed(
    _ bytes: RawSpan, of chunk: Chunk<MatchedTensor>, by direction: Direction
  ) throws(PatchError) -> [UInt8] {
    var current: [UInt8]?
    let last = positions(direction).last
    for position in positions(direction) {
      if let tensor = tensors[position][chunk.tensor.name], tensor.changes(chunk) {
        let match = matches[position]
        current =
          if let current {
            try match.transformed(current.rawSpan, of: chunk, as: tensor, by: direction)
          } else {
            try match.transformed(bytes, of: chunk, as: tensor, by: direction)
          }
      }
      guard position != last else { continue }
      let between = digests[direction == .apply ? position + 1 : position]
      between.record(
        current.map { Digest128(of: $0.rawSpan) } ?? Digest128(of: bytes), of: chunk.number)
    }
    return current ?? bytes.array
  }

  // MARK: Digests

  /// Records the digests of a chunk of the input, and of the output if it differs.
  package func record(input: RawSpan, output: RawSpan?, of chunk: Chunk<MatchedTensor>) {
    let digest = Digest128(of: input)
    inputDigests.record(digest, of: chunk.number)
    guard let output else {
      for stage in digests { stage.record(digest, of: chunk.number) }
      return
    }
    outputDigests.record(Digest128(of: output), of: chunk.number)
    guard matches.count > 1 else { return }
    changes.add(chunk.shape.changedCount(base: input, result: output))
  }

  /// What was recorded, for the base and for the result of each patch: the digests of the tensors in the
  /// order of the plan.
  var tensorDigests: [[Digest128]] { digests.map(combined) }

  private func combined(_ chunks: ChunkDigests) -> [Digest128] {
    chunks.combined(plan.tensors.map(\.chunkNumbers))
  }

  /// Checks that what was recorded are the digests of the patches' checkpoints.
  ///
  /// - Throws: ``PatchError``. If the input was right, a wrong output is the patch's fault, or ours.
  package func checkDigests() throws(PatchError) { try check(tensorDigests) }

  /// Checks that these are the digests of the patches' checkpoints, given as ``tensorDigests`` has them.
  func check(_ digests: [[Digest128]]) throws(PatchError) {
    try checkInput(direction == .apply ? digests[0] : digests[matches.count])
    for position in positions(direction) {
      let output = digests[direction == .apply ? position + 1 : position]
      let differing = verdict(of: position, output).differing(from: direction.output)
      guard let first = differing.first else { continue }
      throw PatchError(
        .badInput, path: matches[position].patch.path, tensor: first,
        "the patch does not give the \(direction.output.name) it promises: \(differing.count) tensors "
          + "differ, first '\(first)'", remedy: "ask the publisher for a sound patch")
    }
  }

  /// - Throws: ``PatchError`` of kind `mismatch` if the source, by these digests, is not the input.
  package func checkInput(_ digests: ChunkDigests) throws(PatchError) {
    try checkInput(combined(digests))
  }

  private func checkInput(_ digests: [Digest128]) throws(PatchError) {
    let verdict = verdict(of: end(direction.input), digests)
    guard matches.count > 1, !verdict.is(direction.input) else {
      return try verdict.check(is: direction.input)
    }
    let (done, undone) = direction == .apply ? ("applied", "up to") : ("stripped", "from")
    for position in positions(direction).reversed() {
      guard self.verdict(of: position, digests).is(direction.output) else { continue }
      let patch = matches[position].patch.path
      throw PatchError(
        .mismatch, path: match.source.path,
        "\(patch) is \(done) already: these are the values of its \(direction.output.name)",
        remedy: position == positions(direction).last
          ? "all patches are \(done)" : "leave out the patches \(undone) this one")
    }
    try verdict.check(is: direction.input)
  }

  /// What these digests of the source say of the checkpoint at the end of the run that has a role.
  package func verdict(at role: CheckpointRole, _ digests: ChunkDigests) -> DigestVerdict {
    verdict(of: end(role), combined(digests))
  }

  private func verdict(of position: Int, _ digests: [Digest128]) -> DigestVerdict {
    // Each patch has digests of its own for a tensor.
    let own = plan.tensors.map { tensors[position][$0.tensor.name] ?? $0.tensor }
    return DigestVerdict(matches[position], Array(zip(own, digests)))
  }

  // MARK: Changes

  /// Tensors that differ between input and output, once all chunks were recorded.
  package var changedTensorCount: Int {
    guard matches.count > 1 else { return plan.tensors.count { $0.tensor.entry.change != nil } }
    let (before, after) = (inputDigests.all, outputDigests.all)
    return plan.tensors.count { before[$0.chunkNumbers] != after[$0.chunkNumbers] }
  }

  /// Elements that differ between input and output, once all chunks were recorded: one patch states
  /// it, but of several, one may undo what another does.
  package var changedElementCount: Int {
    guard matches.count > 1 else {
      return plan.tensors.reduce(0) { $0 + ($1.tensor.entry.change?.elementCount ?? 0) }
    }
    return changes.count
  }
}

/// Counts the elements that a run changes.
private final class ChangeCount: Sendable {
  private let total = Mutex(0)

  var count: Int { total.withLock { $0 } }

  func add(_ count: Int) { total.withLock { $0 += count } }
}
