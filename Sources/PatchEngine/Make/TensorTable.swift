internal import ByteIO
internal import Checkpoints
internal import DeltaCoding
internal import Gradiend
internal import PatchFormat

/// Gathers the chunks of a patch into its table of tensors, in the order of the base.
struct TensorTable: Sendable {
  private let plan: ChunkPlan<ComparedTensor>
  private var writer: PatchWriter
  private(set) var tensors: [PatchIndex.Tensor] = []
  /// Full digests, of which the table keeps half.
  private var digests: [(base: Digest128, result: Digest128)] = []
  private var deltasByteCount = 0
  private var current = Pending()
  /// The largest relative error of a tensor, 0 in an exact patch.
  private(set) var relativeError = 0.0
  /// Elements that are NaN or infinite only in the result.
  private(set) var nonFiniteCount = 0

  /// What rounding keeps of what was to be added to each tensor.
  private(set) var roundings: [(tensor: String, sums: RoundingSums)] = []

  /// Likewise of all together.
  var rounding: RoundingSums {
    roundings.reduce(RoundingSums()) { $0.adding($1.sums) }
  }

  /// The tensor whose chunks are coming in.
  private struct Pending: Sendable {
    var digests: [(base: Digest128, result: Digest128)] = []
    /// Of each chunk.
    var changedCounts: [Int] = []
    var squaredError = 0.0
    var squaredUpdate = 0.0
    var rounding = RoundingSums()
    var byteCount = 0
    var changedCount: Int { changedCounts.reduce(0, +) }
    /// Chunks without changes that were not written, as the whole tensor may turn out to have none.
    var unwrittenChunkCount = 0
  }

  init(_ plan: ChunkPlan<ComparedTensor>, writer: PatchWriter) {
    self.plan = plan
    self.writer = writer
  }

  /// Appends the next chunk.
  ///
  /// - Throws: ``SystemError`` if the patch cannot be written.
  mutating func append(
    _ encoded: EncodedChunk, of chunk: Chunk<ComparedTensor>,
    digests: (base: Digest128, result: Digest128), quantisation: Quantisation?, nonFiniteCount: Int,
    rounding: RoundingSums
  ) throws(SystemError) {
    try finishTensors(before: chunk.number)
    self.nonFiniteCount += nonFiniteCount
    current.squaredError += quantisation?.squaredError ?? 0
    current.squaredUpdate += quantisation?.squaredUpdate ?? 0
    current.rounding = current.rounding.adding(rounding)
    current.digests.append(digests)
    current.changedCounts.append(encoded.changedCount)
    guard !encoded.bytes.isEmpty || current.changedCount > 0 else {
      current.unwrittenChunkCount += 1
      return
    }
    for _ in 0..<current.unwrittenChunkCount { current.byteCount += try writer.append(chunk: []) }
    current.unwrittenChunkCount = 0
    current.byteCount += try writer.append(chunk: encoded.bytes)
  }

  /// Writes the index and the header.
  ///
  /// - Returns: the length of the patch in bytes.
  mutating func finish(
    layouts: PatchLayouts?, _ metadata: (TensorTable) -> PatchMetadata
  ) throws(SystemError) -> Int {
    try finishTensors(before: plan.chunks.count)
    return try writer.finish(tensors: tensors, metadata: metadata(self), layouts: layouts)
  }

  /// The digest of all tensors of the base, and that of the result.
  var totals: (base: Digest128, result: Digest128) {
    func total(_ digest: (Int) -> Digest128) -> Digest128 {
      TensorDigest.combine(
        tensors.enumerated().map { ($1.name, $1.elementType, $1.shape, digest($0)) })
    }
    return (total { digests[$0].base }, total { digests[$0].result })
  }

  /// Tensors that differ in the result.
  var changedTensorCount: Int { tensors.count { $0.change != nil } }

  /// Elements that differ in the result.
  var changedElementCount: Int { tensors.reduce(0) { $0 + ($1.change?.elementCount ?? 0) } }

  /// Finishes the tensors that have no chunk from this number on.
  private mutating func finishTensors(before chunkNumber: Int) throws(SystemError) {
    while tensors.count < plan.tensors.count,
      plan.tensors[tensors.count].chunkNumbers.upperBound <= chunkNumber
    {
      let tensor = plan.tensors[tensors.count].tensor
      let base = tensor.base
      let baseDigest = TensorDigest.combine(current.digests.map(\.base))
      let resultDigest = TensorDigest.combine(current.digests.map(\.result))
      if current.squaredUpdate > 0 {
        let ratio = (current.squaredError / current.squaredUpdate).squareRoot()
        relativeError = max(relativeError, ratio)
      }
      if current.rounding.meantSquares > 0 { roundings.append((base.name, current.rounding)) }
      var change: PatchIndex.Change?
      if current.changedCount > 0 {
        change = PatchIndex.Change(
          elementCount: current.changedCount, resultDigest: resultDigest.digest32,
          byteRange: deltasByteCount..<deltasByteCount + current.byteCount)
        deltasByteCount += current.byteCount
      }
      tensors.append(
        PatchIndex.Tensor(
          name: base.name, elementType: base.elementType, shape: base.shape,
          baseDigest: baseDigest.digest32, change: change, kept: keptRows(of: tensor)))
      digests.append((baseDigest, resultDigest))
      current = Pending()
    }
  }

  private func keptRows(of tensor: ComparedTensor) -> PatchIndex.KeptRows? {
    guard let rows = tensor.keptRows else { return nil }
    let chunks = tensor.chunks.keptIndices
    return PatchIndex.KeptRows(
      rows: rows, baseDigest: TensorDigest.combine(current.digests[chunks].map(\.base)).digest32,
      resultDigest: TensorDigest.combine(current.digests[chunks].map(\.result)).digest32,
      changedCount: current.changedCounts[chunks].reduce(0, +))
  }
}
