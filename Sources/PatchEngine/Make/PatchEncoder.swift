internal import Gradiend
package import ByteIO
package import Checkpoints
internal import DeltaCoding
package import PatchFormat

/// Writes the patch between a base and a result, in one pass over both.
package struct PatchEncoder {
  let base: any TensorSource
  /// The base's files, if its tensors are in files.
  let files: Checkpoint?
  /// The tensors of the base, in its order.
  private let tensors: [ComparedTensor]
  /// What the patch says of where the result comes from.
  private let source: PatchMetadata.Source
  let output: String
  let overwrites: Bool
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
  /// Whether the patch says what SHA-256 the files of base and result have.
  package var hashesFiles = true
  /// What each tensor's update may err, relative to it; 0 for an exact patch.
  package var maxRelativeError = 0.0
  /// Whose the tensors are, if they are not all of the base's.
  package var share: FileShare?

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

  /// What the patch is of.
  var subject: PatchSubject {
    PatchSubject(
      source: source, origins: origins, maxRelativeError: maxRelativeError,
      fileNames: hashesFiles ? (files?.files ?? []).map(\.name) : [],
      baseByteCount: base.mappedFiles.reduce(0) { $0 + $1.byteCount },
      tensorCount: base.tensors.count,
      elementCount: base.tensors.reduce(0) { $0 + $1.descriptor.elementCount },
      hasLayouts: resultLayout != nil)
  }

  /// Writes the patch.
  ///
  /// - Throws: ``PatchError``; nothing then has the output's name.
  /// - Complexity: O(bytes of the base), with a few chunks of memory for each thread.
  package func run(_ execution: Execution) throws(PatchError) -> PatchSummary {
    let subject = subject
    var writer = try subject.begin(output, overwrites: overwrites)
    let encoding = try encode(to: &writer, at: output, execution)
    return try subject.finish(encoding, &writer, output)
  }

  /// Codes all tensors, and checks that what was read stayed as it was.
  ///
  /// - Parameters:
  ///   - writer: takes the deltas.
  ///   - path: where it writes, for messages.
  ///   - execution: how.
  /// - Returns: what was found.
  /// - Throws: ``PatchError``.
  func encode(
    to writer: inout PatchWriter, at path: String, _ execution: Execution
  ) throws(PatchError) -> PatchEncoding {
    guard (0..<1).contains(maxRelativeError) else {
      throw PatchError(
        .usage, "the allowed relative error must be at least 0 and below 1, not \(maxRelativeError)"
      )
    }
    let plan = ChunkPlan(tensors)
    let baseHashes = fileHasher.map { OrderedStage($0, execution) }
    // Files of another layout are hashed as they are.
    let resultHashes = resultLayout == nil ? fileHasher.map { OrderedStage($0, execution) } : nil
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
      try baseHashes?.submit(chunk.number) {
        $0.update(before.rawSpan, of: stored, at: chunk.byteRange.lowerBound)
      }
      try resultHashes?.submit(chunk.number) {
        $0.update(after.rawSpan, of: stored, at: chunk.byteRange.lowerBound)
      }
      try table.submit(chunk.number) { (table) throws(PatchError) in
        try PatchError.writing(path) { () throws(SystemError) in
          try table.append(
            encoded, of: chunk, digests: digests, quantisation: quantisation, rounding: rounding)
        }
      }
    }
    let pass = { () throws(PatchError) in
      try execution.forEachChunk(of: plan, closing: stages.compactMap(\.self), encode)
    }
    if let patchRun { try patchRun.checked(execution, pass) } else { try pass() }
    let resultFiles =
      !hashesFiles
      ? []
      : try resultLayout?.digests(execution.silent) ?? resultHashes?.withState { $0.finish() } ?? []
    let baseFiles = baseHashes?.withState { $0.finish() } ?? []
    let layouts = layouts
    // All has been read; what is not of one chunk may be of different times.
    let inputs: [any TensorSource] = [base] + otherInputs
    for file in inputs.flatMap(\.mappedFiles) + otherFiles where file.hasChanged {
      throw PatchError.changed(file.path)
    }
    for input in inputs { try UnfinishedChange.check(input) }
    try finalCheck()
    let finished = table.withState { (table) -> TensorTable in
      table.finish()
      return table
    }
    writer = finished.writer
    return PatchEncoding(
      tensors: finished.tensors, baseFiles: baseFiles, resultFiles: resultFiles, layouts: layouts)
  }

  private var fileHasher: FileHasher? {
    hashesFiles ? files.map { FileHasher($0, only: share?.fileNumbers) } : nil
  }

  /// Both layouts, where the result's is not that of the base.
  private var layouts: PatchLayouts? {
    guard let resultLayout, let files, share?.carriesLayouts ?? true else { return nil }
    return PatchLayouts(
      base: CheckpointLayout(files).encoded, result: resultLayout.layout.encoded,
      carried: files.setAside.map(\.name))
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

}
