internal import ByteIO
internal import Checkpoints
internal import DeltaCoding
internal import Gradiend
internal import PatchFormat

/// Writes the chunks of tensors in their order, and gathers what is known of each tensor.
struct TensorTable: Sendable {
  private let plan: ChunkPlan<ComparedTensor>
  private(set) var writer: PatchWriter
  private(set) var tensors: [EncodedTensor] = []
  private var current = Pending()

  /// The tensor whose chunks are coming in.
  private struct Pending: Sendable {
    var digests: [(base: Digest128, result: Digest128)] = []
    /// Of each chunk.
    var changedCounts: [Int] = []
    var changedCount: Int { changedCounts.reduce(0, +) }
    var nonFiniteCount = 0
    var squaredError = 0.0
    var squaredUpdate = 0.0
    var rounding = RoundingSums()
    var byteCount = 0
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
    digests: (base: Digest128, result: Digest128), quantisation: Quantisation?,
    rounding: RoundingSums
  ) throws(SystemError) {
    finishTensors(before: chunk.number)
    current.nonFiniteCount += encoded.nonFiniteCount
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

  /// Finishes what is left once all chunks were appended.
  mutating func finish() { finishTensors(before: plan.chunks.count) }

  /// Finishes the tensors that have no chunk from this number on.
  private mutating func finishTensors(before chunkNumber: Int) {
    while tensors.count < plan.tensors.count,
      plan.tensors[tensors.count].chunkNumbers.upperBound <= chunkNumber
    {
      let tensor = plan.tensors[tensors.count].tensor
      let base = tensor.base
      let ratio =
        current.squaredUpdate > 0
        ? (current.squaredError / current.squaredUpdate).squareRoot() : 0
      tensors.append(
        EncodedTensor(
          name: base.name, elementType: base.elementType, shape: base.shape,
          digests: (
            TensorDigest.combine(current.digests.map(\.base)),
            TensorDigest.combine(current.digests.map(\.result))
          ),
          changedCount: current.changedCount, byteCount: current.byteCount,
          nonFiniteCount: current.nonFiniteCount, relativeError: ratio, rounding: current.rounding,
          kept: keptRows(of: tensor)))
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
