internal import ByteIO
internal import Checkpoints
internal import DeltaCoding
internal import PatchFormat

/// Writes the patch between a base and a result, in one pass over both.
struct PatchEncoding {
  let base: Checkpoint
  /// All checkpoints that are read, the base among them.
  let inputs: [Checkpoint]
  let result: any ResultSource
  /// The checkpoint whose layout the result has, where it is not that of the base.
  let layoutSource: Checkpoint?
  let origins: PatchMetadata.Origins
  let output: String
  let overwrites: Bool
  /// What each tensor's update may err, relative to it; 0 for an exact patch.
  let maxRelativeError: Double
  let workers: Workers
  let progress: ProgressHandler?

  /// - Throws: ``PatchError``; nothing then has the output's name.
  /// - Complexity: O(bytes of the base), with a few chunks of memory for each thread.
  func run() throws(PatchError) -> PatchSummary {
    let plan = ChunkPlan(base)
    let writer = try PatchError.writing(output) { () throws(SystemError) in
      try PatchWriter(
        path: output, overwrites: overwrites, reserving: longestMetadata,
        hasLayouts: layoutSource != nil)
    }
    let baseHashes = Lane(FileHasher(base))
    let resultHashes = Lane(FileHasher(base))
    let table = Lane(TensorTable(base, writer: writer))
    let counter = ProgressCounter(plan, progress)

    try workers.run(plan.items.count, closing: [baseHashes, resultHashes, table]) {
      (number) throws(PatchError) in
      let item = plan.items[number]
      let before = ChunkBytes.mapped(base.files[item.fileIndex].mapped, item.byteRange)
      let (after, quantisation) = result(of: item, base: before)
      let (chunk, digests) = before.withBytes { before in
        after.withBytes { after in
          (
            ChunkCoder(item.shape).encode(
              base: before, result: after, shifts: quantisation?.shifts ?? ShiftTable()),
            (base: Digest128(of: before), result: Digest128(of: after))
          )
        }
      }
      try baseHashes.leave(number) { hasher in
        before.withBytes { hasher.update($0, of: item) }
        before.releasePages()
      }
      try resultHashes.leave(number) { hasher in
        if layoutSource == nil { after.withBytes { hasher.update($0, of: item) } }
        after.releasePages()
      }
      try table.leave(number) { (table) throws(PatchError) in
        try PatchError.writing(output) { () throws(SystemError) in
          try table.append(chunk, of: item, digests: digests, quantisation: quantisation)
        }
      }
      counter.finish(item)
    }
    // Files of another layout are hashed as they are.
    let resultSHA256 =
      layoutSource.map { FileHasher.lines($0.files.map { $0.mapped.sha256() }, base) }
      ?? resultHashes.withState { $0.finish() }
    for input in inputs { try UnfinishedChange.check(input) }
    return try finish(
      sha256: (baseHashes.withState { $0.finish() }, resultSHA256),
      table: table.withState { $0 })
  }

  /// The result's bytes of a chunk, made coarser if the patch is bounded.
  ///
  /// Each chunk keeps to the allowed error, and so does each tensor.
  private func result(
    of item: ChunkPlan.Item, base before: ChunkBytes
  ) -> (ChunkBytes, Quantisation?) {
    let exact = result.result(of: item, base: before)
    guard maxRelativeError > 0, case .float(let format) = item.shape.element else {
      return (exact, nil)
    }
    return before.withBytes { before in
      exact.withBytes { after in
        let quantisation = Quantisation(
          base: before, result: after, format: format, maxRelativeError: maxRelativeError)
        var coarse = [UInt8](uninitializedByteCount: after.byteCount)
        coarse.withMutableRawSpan {
          quantisation.quantise(base: before, result: after, into: &$0)
        }
        return (.computed(coarse), quantisation)
      }
    }
  }

  private func finish(
    sha256: (base: String, result: String), table: TensorTable
  ) throws(PatchError) -> PatchSummary {
    var table = table
    let layouts = layoutSource.map {
      PatchLayouts(base: CheckpointLayout(base).encoded, result: CheckpointLayout($0).encoded)
    }
    let byteCount = try PatchError.writing(output) { () throws(SystemError) in
      try table.finish(layouts: layouts) { table in
        let totals = table.totals
        return metadata(
          base: .init(sha256: sha256.base, digest: "\(totals.base)"),
          result: .init(sha256: sha256.result, digest: "\(totals.result)"),
          relativeError: "\(Float(table.relativeError))",
          changedTensorCount: table.tensors.count { $0.change != nil },
          changedElementCount: table.tensors.reduce(0) { $0 + ($1.change?.elementCount ?? 0) })
      }
    }
    return PatchSummary(
      path: output, byteCount: byteCount,
      baseByteCount: base.files.reduce(0) { $0 + $1.mapped.byteCount },
      tensorCount: table.tensors.count, elementCount: elementCount,
      changedTensorCount: table.tensors.count { $0.change != nil },
      changedElementCount: table.tensors.reduce(0) { $0 + ($1.change?.elementCount ?? 0) },
      maxRelativeError: maxRelativeError, relativeError: table.relativeError)
  }

  private var elementCount: Int {
    base.tensors.reduce(0) { $0 + $1.descriptor.elementCount }
  }

  private func metadata(
    base identity: PatchMetadata.Identity, result resultIdentity: PatchMetadata.Identity,
    relativeError: String, changedTensorCount: Int, changedElementCount: Int
  ) -> PatchMetadata {
    let precision = PatchMetadata.Precision(
      maxRelativeError: "\(Float(maxRelativeError))", relativeError: relativeError)
    return PatchMetadata(
      source: result.source, origins: origins, precision: maxRelativeError > 0 ? precision : nil,
      base: identity, result: resultIdentity,
      tensorCount: base.tensors.count, elementCount: elementCount,
      changedTensorCount: changedTensorCount, changedElementCount: changedElementCount)
  }

  /// Metadata as long as those that will be known at the end.
  private var longestMetadata: PatchMetadata {
    let sha256 = base.files.map { String(repeating: "0", count: 64) + "  " + $0.name }
    let identity = PatchMetadata.Identity(
      sha256: sha256.joined(separator: "\n"), digest: String(repeating: "0", count: 32))
    return metadata(
      base: identity, result: identity, relativeError: "-1.23456789e-10",
      changedTensorCount: base.tensors.count, changedElementCount: elementCount)
  }
}

/// What a patch that was made holds.
public struct PatchSummary: Sendable {
  /// Where the patch is.
  public let path: String
  /// The length of the patch.
  public let byteCount: Int
  /// The length of the base's weight files.
  public let baseByteCount: Int
  /// Tensors of the base.
  public let tensorCount: Int
  /// Elements of the base.
  public let elementCount: Int
  /// Tensors that differ in the result.
  public let changedTensorCount: Int
  /// Elements that differ in the result.
  public let changedElementCount: Int
  /// What each tensor's update was allowed to err, RMS over RMS; 0 for an exact patch.
  public let maxRelativeError: Double
  /// The largest that any tensor's update errs.
  public let relativeError: Double
  /// What a user should know, in sentences without a full stop.
  public internal(set) var notes: [String] = []
}
