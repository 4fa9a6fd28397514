internal import ByteIO
internal import Checkpoints
internal import Gradiend
internal import PatchFormat

/// Where the result's elements come from: the only difference between creating a patch and taking
/// one from two checkpoints.
protocol ResultSource: Sendable {
  /// What the patch says of it.
  var source: PatchMetadata.Source { get }

  /// Calls `body` with the result's bytes of a chunk.
  ///
  /// - Parameters:
  ///   - item: the chunk.
  ///   - base: the base's bytes of the chunk.
  ///   - body: called once.
  /// - Throws: what `body` throws.
  func withResult(
    of item: ChunkPlan.Item, base: RawSpan, _ body: (RawSpan) throws(PatchError) -> Void
  ) throws(PatchError)
}

/// The result computed from a GRADIEND.
struct ComputedResult: ResultSource {
  let source: PatchMetadata.Source
  /// For each tensor of the base, what is added to it, each sum rounded before the next.
  let updates: [[TensorUpdate]]

  func withResult(
    of item: ChunkPlan.Item, base: RawSpan, _ body: (RawSpan) throws(PatchError) -> Void
  ) throws(PatchError) {
    let updates = updates[item.tensorIndex]
    guard let update = updates.first else { return try body(base) }
    let first = item.chunk.firstElement
    var result = [UInt8](uninitializedByteCount: base.byteCount)
    result.withMutableRawSpan { update.add(fromElement: first, to: base, into: &$0) }
    for update in updates.dropFirst() {
      let sum = result
      result.withMutableRawSpan { update.add(fromElement: first, to: sum.rawSpan, into: &$0) }
    }
    try body(result.rawSpan)
  }
}

/// The result that somebody already made.
struct FinishedResult: ResultSource {
  let source = PatchMetadata.Source.diff
  let result: Checkpoint
  /// For each tensor of the base, the same tensor of the result.
  let tensors: [Checkpoint.Tensor]

  func withResult(
    of item: ChunkPlan.Item, base: RawSpan, _ body: (RawSpan) throws(PatchError) -> Void
  ) throws(PatchError) {
    let tensor = tensors[item.tensorIndex]
    let file = result.file(of: tensor)
    let start = tensor.descriptor.byteRange.lowerBound
    let range = start + item.chunk.byteRange.lowerBound..<start + item.chunk.byteRange.upperBound
    defer { file.releasePages(in: range) }
    try body(file.bytes.extracting(range))
  }
}
