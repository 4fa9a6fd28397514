internal import ByteIO
internal import Checkpoints
internal import Gradiend
internal import PatchFormat

/// Where the result's elements come from: the only difference between creating a patch and taking
/// one from two checkpoints.
protocol ResultSource: Sendable {
  /// What the patch says of it.
  var source: PatchMetadata.Source { get }

  /// What else than the base is read.
  var files: [MappedFile] { get }

  /// The result's bytes of a chunk.
  ///
  /// - Parameters:
  ///   - item: the chunk.
  ///   - base: the base's bytes of the chunk.
  /// - Returns: as many bytes as `base` has; nil if the base is not what it was when it was opened.
  func result(of item: ChunkPlan.Item, base: [UInt8]) -> [UInt8]?
}

/// The result computed from a GRADIEND.
struct ComputedResult: ResultSource {
  let source: PatchMetadata.Source
  let files: [MappedFile]
  /// For each tensor of the base, what is added to it, each sum rounded before the next.
  let updates: [[PlacedUpdate]]

  func result(of item: ChunkPlan.Item, base: [UInt8]) -> [UInt8]? {
    var sum = base
    for update in updates[item.tensorIndex] {
      guard let next = update.result(of: sum.rawSpan, item.chunk) else { return nil }
      sum = next
    }
    return sum
  }
}

/// The result that somebody already made.
struct FinishedResult: ResultSource {
  let source = PatchMetadata.Source.diff
  let files: [MappedFile]
  /// For each tensor of the base, the same tensor of the result.
  let tensors: [Checkpoint.Tensor]

  func result(of item: ChunkPlan.Item, base: [UInt8]) -> [UInt8]? {
    let tensor = tensors[item.tensorIndex]
    let start = tensor.descriptor.byteRange.lowerBound
    let range = item.chunk.byteRange
    return files[tensor.fileIndex].copy(of: start + range.lowerBound..<start + range.upperBound)
  }
}
