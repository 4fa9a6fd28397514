internal import Gradiend
package import ByteIO
package import Checkpoints
internal import DeltaCoding
package import PatchFormat

/// Writes the patch between a base and a result, in one pass over both.
package struct PatchEncoder {
  private let base: any TensorSource
  /// The base's files, if its tensors are in files.
  private let files: Checkpoint?
  /// The tensors of the base, in its order.
  private let tensors: [ComparedTensor]
  /// What the patch says of where the result comes from.
  private let source: PatchMetadata.Source
  private let output: String
  private let overwrites: Bool
  /// What is read besides the base: checkpoints, and files of a GRADIEND.
  package var otherInputs: [any TensorSource] = []
  package var otherFiles: [MappedFile] = []
  /// The layout of the result's files where it is not that of the base's, and what gives their digests,
  /// named as the base's files.
  package var resultLayout:
    (layout: CheckpointLayout, digests: @Sendable (Execution) throws(PatchError) -> [FileDigest])?
  /// The run that makes the result, if patches do; its digests are checked.
  package var patchRun: PatchRun?
  /// Called once all was read, before the patch gets its name.
  package var finalCheck: @Sendable () throws(PatchError) -> Void = {}
  package var origins = PatchMetadata.Origins()
  /// What each tensor's update may err, relative to it; 0 for an exact patch.
  package var maxRelativeError = 0.0

  package init(
    base: any TensorSource, tensors: [ComparedTensor], source: PatchMetadata.Source, output: String,
    overwrites: Bool
  ) {
    self.base = base
    files = base as? Checkpoint
    self.tensors = tensors
    self.source = source
    self.output = output
    self.overwrites = overwrites
  }

  /// - Throws: ``PatchError``; nothing then has the output's name.
  /// - Complexity: O(bytes of the base), with a few chunks of memory for each thread.
  package func run(_ execution: Execution) throws(PatchError) -> PatchSummary {
    guard (0..<1).contains(maxRelativeError) else {
      throw PatchError(
        .usage, "the allowed relative error must be at least 0 and below 1, not \(maxRelativeError)"
      )
    }
    let plan = ChunkPlan(tensors)
    let writer = try PatchError.writing(output) { () throws(SystemError) in
      try PatchWriter(
        path: output, overwrites: overwrites, reserving: longestMetadata,
        hasLayouts: resultLayout != nil)
    }
    let baseHashes = files.map { OrderedStage(FileHasher($0), execution) }
    // Files of another layout are hashed as they are.
    let resultHashes =
      resultLayout == nil ? files.map { OrderedStage(FileHasher($0), execution) } : nil
    let table = OrderedStage(TensorTable(plan, writer: writer), execution)
    let stages: [(any Closable)?] = [baseHashes, resultHashes, table]

    let encode = { @Sendable (chunk: Chunk<ComparedTensor>) throws(PatchError) in
      let stored = chunk.tensor.base
      // One copy of each is coded and goes into all digests, so that they agree whatever becomes of
      // the files.
      let before = base.bytes(of: stored, in: chunk.byteRange)
      let (after, rounding, quantisation) = try result(of: chunk, base: before)
      let encoded = ChunkCoder(chunk.shape).encode(
        base: before.rawSpan, result: after.rawSpan, shifts: quantisation?.shifts ?? ShiftTable())
      let digests = (base: Digest128(of: before.rawSpan), result: Digest128(of: after.rawSpan))
      let nonFiniteCount =
        encoded.changedCount > 0
        ? FloatStorage(stored.elementType)?.nonFiniteCount(
          in: after.rawSpan, base: before.rawSpan) ?? 0 : 0
      try baseHashes?.submit(chunk.number) {
        $0.update(before.rawSpan, of: stored, at: chunk.byteRange.lowerBound)
      }
      try resultHashes?.submit(chunk.number) {
        $0.update(after.rawSpan, of: stored, at: chunk.byteRange.lowerBound)
      }
      try table.submit(chunk.number) { (table) throws(PatchError) in
        try PatchError.writing(output) { () throws(SystemError) in
          try table.append(
            encoded, of: chunk, digests: digests, quantisation: quantisation,
            nonFiniteCount: nonFiniteCount, rounding: rounding)
        }
      }
    }
    let pass = { () throws(PatchError) in
      try execution.forEachChunk(of: plan, closing: stages.compactMap(\.self), encode)
    }
    if let patchRun { try patchRun.checked(execution, pass) } else { try pass() }
    let resultFiles =
      try resultLayout?.digests(execution.silent) ?? resultHashes?.withState { $0.finish() } ?? []
    let baseFiles = baseHashes?.withState { $0.finish() } ?? []
    var layouts: PatchLayouts?
    if let resultLayout, let files {
      layouts = PatchLayouts(
        base: CheckpointLayout(files).encoded, result: resultLayout.layout.encoded)
    }
    // All has been read; what is not of one chunk may be of different times.
    let inputs: [any TensorSource] = [base] + otherInputs
    for file in inputs.flatMap(\.mappedFiles) + otherFiles where file.hasChanged {
      throw PatchError.changed(file.path)
    }
    for input in inputs { try UnfinishedChange.check(input) }
    try finalCheck()
    return try finish(
      files: (baseFiles, resultFiles), layouts: layouts, table: table.withState { $0 })
  }

  /// The result's bytes of a chunk, made coarser if the patch is bounded.
  ///
  /// Each chunk keeps to the allowed error, and so does each tensor.
  private func result(
    of chunk: Chunk<ComparedTensor>, base before: [UInt8]
  ) throws(PatchError) -> ([UInt8], RoundingSums, Quantisation?) {
    guard let (exact, rounding) = try chunk.tensor.result.bytes(of: chunk, base: before) else {
      throw PatchError.changed(files?.file(of: chunk.tensor.base).path ?? base.path)
    }
    guard maxRelativeError > 0, case .float(let format) = chunk.shape.element,
      Quantisation.suits(format)
    else {
      return (exact, rounding, nil)
    }
    let quantisation = Quantisation(
      base: before.rawSpan, result: exact.rawSpan, format: format,
      maxRelativeError: maxRelativeError)
    var coarse = [UInt8](uninitializedByteCount: exact.count)
    coarse.withMutableRawSpan {
      quantisation.quantise(base: before.rawSpan, result: exact.rawSpan, into: &$0)
    }
    return (coarse, rounding, quantisation)
  }

  private func finish(
    files: (base: [FileDigest], result: [FileDigest]), layouts: PatchLayouts?, table: TensorTable
  ) throws(PatchError) -> PatchSummary {
    var table = table
    let byteCount = try PatchError.writing(output) { () throws(SystemError) in
      try table.finish(layouts: layouts) { table in
        let totals = table.totals
        return metadata(
          base: .init(files: files.base, digest: "\(totals.base)"),
          result: .init(files: files.result, digest: "\(totals.result)"),
          relativeError: "\(Float(table.relativeError))", rounding: RoundingMeasure(table.rounding),
          changedTensorCount: table.changedTensorCount,
          changedElementCount: table.changedElementCount)
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
      baseByteCount: base.mappedFiles.reduce(0) { $0 + $1.byteCount },
      tensorCount: table.tensors.count, elementCount: elementCount,
      changedTensorCount: table.changedTensorCount,
      changedElementCount: table.changedElementCount,
      maxRelativeError: maxRelativeError, relativeError: table.relativeError,
      rounding: RoundingMeasure(table.rounding),
      roundings: table.roundings.map { ($0.tensor, RoundingMeasure($0.sums)) }, notes: notes)
  }

  private var elementCount: Int {
    base.tensors.reduce(0) { $0 + $1.descriptor.elementCount }
  }

  private func metadata(
    base identity: PatchMetadata.Identity, result resultIdentity: PatchMetadata.Identity,
    relativeError: String, rounding: RoundingMeasure, changedTensorCount: Int,
    changedElementCount: Int
  ) -> PatchMetadata {
    let precision = PatchMetadata.Precision(
      maxRelativeError: "\(Float(maxRelativeError))", relativeError: relativeError)
    return PatchMetadata(
      source: source, origins: origins, precision: maxRelativeError > 0 ? precision : nil,
      rounding: isComputed
        ? .init(
          cosine: Self.decimal(rounding.cosine), normShare: Self.decimal(rounding.normShare))
        : nil,
      base: identity, result: resultIdentity,
      tensorCount: base.tensors.count, elementCount: elementCount,
      changedTensorCount: changedTensorCount, changedElementCount: changedElementCount)
  }

  private var isComputed: Bool {
    if case .gradiend = source { true } else { false }
  }

  /// Six digits, so that the text is as long whatever it says; shares of 10 and more are all the same.
  private static func decimal(_ value: Double?) -> String {
    Quantity.decimal(min(max(value ?? 0, 0), 9.999999), digits: 6)
  }

  /// Metadata as long as those that will be known at the end.
  private var longestMetadata: PatchMetadata {
    let identity = PatchMetadata.Identity(
      files: (files?.files ?? []).map {
        .init(name: $0.name, sha256: String(repeating: "0", count: 64))
      },
      digest: String(repeating: "0", count: 32))
    return metadata(
      base: identity, result: identity, relativeError: "-1.23456789e-10",
      rounding: RoundingMeasure(RoundingSums()),
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
  /// What rounding to the base's types keeps of what was to be added, all in all; of a difference between
  /// two finished checkpoints nobody knows that.
  public let rounding: RoundingMeasure
  /// Likewise of each tensor that something was to be added to, in the order of the base.
  public let roundings: [(tensor: String, measure: RoundingMeasure)]
  /// What a user should know, in sentences without a full stop.
  public package(set) var notes: [String] = []
}
