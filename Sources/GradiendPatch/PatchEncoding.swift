internal import ByteIO
internal import Checkpoints
internal import DeltaCoding
internal import Gradiend
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
    let baseHashes = Lane(FileHasher(base), workers)
    let resultHashes = Lane(FileHasher(base), workers)
    let table = Lane(TensorTable(base, writer: writer), workers)
    let counter = ProgressCounter(plan, progress)

    try workers.run(plan.items.count, closing: [baseHashes, resultHashes, table]) {
      (number) throws(PatchError) in
      let item = plan.items[number]
      // One copy of each is coded and goes into all digests, so that they agree whatever becomes of
      // the files.
      let before = base.files[item.fileIndex].mapped.copy(of: item.byteRange)
      let (after, quantisation) = try result(of: item, base: before)
      let chunk = ChunkCoder(item.shape).encode(
        base: before.rawSpan, result: after.rawSpan, shifts: quantisation?.shifts ?? ShiftTable())
      let digests = (base: Digest128(of: before.rawSpan), result: Digest128(of: after.rawSpan))
      let nonFiniteCount =
        chunk.changedCount > 0 ? nonFiniteCount(in: after, of: item, base: before) : 0
      try baseHashes.leave(number) { $0.update(before.rawSpan, of: item) }
      if layoutSource == nil {
        try resultHashes.leave(number) { $0.update(after.rawSpan, of: item) }
      }
      try table.leave(number) { (table) throws(PatchError) in
        try PatchError.writing(output) { () throws(SystemError) in
          try table.append(
            chunk, of: item, digests: digests, quantisation: quantisation,
            nonFiniteCount: nonFiniteCount)
        }
      }
      counter.finish(item)
    }
    // What came from several chunks, or before them, may be of different times.
    for file in base.files.map(\.mapped) + result.files where file.hasChanged {
      throw PatchError.changed(file.path)
    }
    // Files of another layout are hashed as they are.
    let resultFiles =
      layoutSource.map { FileHasher.digests($0.files.map(\.mapped), named: base) }
      ?? resultHashes.withState { $0.finish() }
    for input in inputs { try UnfinishedChange.check(input) }
    return try finish(
      files: (baseHashes.withState { $0.finish() }, resultFiles),
      table: table.withState { $0 })
  }

  /// The result's bytes of a chunk, made coarser if the patch is bounded.
  ///
  /// Each chunk keeps to the allowed error, and so does each tensor.
  private func result(
    of item: ChunkPlan.Item, base before: [UInt8]
  ) throws(PatchError) -> ([UInt8], Quantisation?) {
    guard let exact = result.result(of: item, base: before) else {
      throw PatchError.changed(base.files[item.fileIndex].mapped.path)
    }
    guard maxRelativeError > 0, case .float(let format) = item.shape.element else {
      return (exact, nil)
    }
    let quantisation = Quantisation(
      base: before.rawSpan, result: exact.rawSpan, format: format,
      maxRelativeError: maxRelativeError)
    var coarse = [UInt8](uninitializedByteCount: exact.count)
    coarse.withMutableRawSpan {
      quantisation.quantise(base: before.rawSpan, result: exact.rawSpan, into: &$0)
    }
    return (coarse, quantisation)
  }

  /// How many elements of a chunk are NaN or infinite only in the result.
  private func nonFiniteCount(
    in after: [UInt8], of item: ChunkPlan.Item, base before: [UInt8]
  ) -> Int {
    let type = base.tensors[item.tensorIndex].descriptor.elementType
    return FloatStorage(type)?.nonFiniteCount(in: after.rawSpan, base: before.rawSpan) ?? 0
  }

  private func finish(
    files: (base: [FileDigest], result: [FileDigest]), table: TensorTable
  ) throws(PatchError) -> PatchSummary {
    var table = table
    let layouts = layoutSource.map {
      PatchLayouts(base: CheckpointLayout(base).encoded, result: CheckpointLayout($0).encoded)
    }
    let byteCount = try PatchError.writing(output) { () throws(SystemError) in
      try table.finish(layouts: layouts) { table in
        let totals = table.totals
        return metadata(
          base: .init(files: files.base, digest: "\(totals.base)"),
          result: .init(files: files.result, digest: "\(totals.result)"),
          relativeError: "\(Float(table.relativeError))",
          changedTensorCount: table.tensors.count { $0.change != nil },
          changedElementCount: table.tensors.reduce(0) { $0 + ($1.change?.elementCount ?? 0) })
      }
    }
    var notes: [String] = []
    if table.nonFiniteCount > 0 {
      let isOne = table.nonFiniteCount == 1
      notes.append(
        "\(Quantity.count(table.nonFiniteCount)) \(isOne ? "element" : "elements") of the result "
          + "\(isOne ? "is" : "are") NaN or infinite and finite in the base")
    }
    return PatchSummary(
      path: output, byteCount: byteCount,
      baseByteCount: base.files.reduce(0) { $0 + $1.mapped.byteCount },
      tensorCount: table.tensors.count, elementCount: elementCount,
      changedTensorCount: table.tensors.count { $0.change != nil },
      changedElementCount: table.tensors.reduce(0) { $0 + ($1.change?.elementCount ?? 0) },
      maxRelativeError: maxRelativeError, relativeError: table.relativeError, notes: notes)
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
    let identity = PatchMetadata.Identity(
      files: base.files.map { .init(name: $0.name, sha256: String(repeating: "0", count: 64)) },
      digest: String(repeating: "0", count: 32))
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
