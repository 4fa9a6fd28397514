internal import ByteIO
internal import Checkpoints
internal import Gradiend
internal import PatchFormat

/// Where the result's elements come from: the only difference between creating a patch and taking
/// one from two checkpoints.
protocol ResultSource: Sendable {
  /// What the patch says of it.
  var source: PatchMetadata.Source { get }

  /// The result's bytes of a chunk.
  ///
  /// - Parameters:
  ///   - item: the chunk.
  ///   - base: the base's bytes of the chunk.
  /// - Returns: as many bytes as `base` has.
  func result(of item: ChunkPlan.Item, base: ChunkBytes) -> ChunkBytes
}

/// The result computed from a GRADIEND.
struct ComputedResult: ResultSource {
  let source: PatchMetadata.Source
  /// For each tensor of the base, what is added to it, each sum rounded before the next.
  let updates: [[PlacedUpdate]]

  func result(of item: ChunkPlan.Item, base: ChunkBytes) -> ChunkBytes {
    updates[item.tensorIndex].reduce(base) { sum, update in
      sum.withBytes { bytes in .computed(update.result(of: bytes, item.chunk)) }
    }
  }
}

/// The result that somebody already made.
struct FinishedResult: ResultSource {
  let source = PatchMetadata.Source.diff
  let files: [MappedFile]
  /// For each tensor of the base, the same tensor of the result.
  let tensors: [Checkpoint.Tensor]

  func result(of item: ChunkPlan.Item, base: ChunkBytes) -> ChunkBytes {
    let tensor = tensors[item.tensorIndex]
    let start = tensor.descriptor.byteRange.lowerBound
    let range = item.chunk.byteRange
    return .mapped(
      files[tensor.fileIndex], start + range.lowerBound..<start + range.upperBound)
  }
}
