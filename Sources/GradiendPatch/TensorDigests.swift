internal import ByteIO
internal import PatchFormat
internal import Synchronization

/// Digests of chunks, in whatever order they come, and of the tensors they make up.
final class TensorDigests: Sendable {
  private let chunks: Mutex<[[Digest128]]>

  init(_ plan: ChunkPlan) {
    chunks = Mutex(
      plan.chunkCounts.map { Array(repeating: Digest128(high: 0, low: 0), count: $0) })
  }

  func record(_ digest: Digest128, of item: ChunkPlan.Item) {
    chunks.withLock { $0[item.tensorIndex][item.chunkIndex] = digest }
  }

  /// What was recorded of a chunk.
  func digest(of item: ChunkPlan.Item) -> Digest128 {
    chunks.withLock { $0[item.tensorIndex][item.chunkIndex] }
  }

  /// One for each tensor, once all chunks were recorded.
  var tensors: [Digest128] { chunks.withLock { $0.map { TensorDigest.combine($0) } } }
}
