package import ByteIO
internal import PatchFormat
internal import Synchronization

/// The digests of a plan's chunks, in whatever order they come.
package final class ChunkDigests: Sendable {
  private let digests: Mutex<[Digest128]>

  package init(count: Int) {
    digests = Mutex(Array(repeating: Digest128(high: 0, low: 0), count: count))
  }

  /// Reads the source of `match` once.
  ///
  /// - Parameters:
  ///   - match: the source.
  ///   - plan: its chunks.
  ///   - execution: how.
  ///   - skipsUnreadable: whether chunks may hold values that cannot be read back from the form they are
  ///     stored in: their digests are then those of nothing.
  /// - Returns: the digests.
  /// - Throws: ``PatchError`` if there are such values, and they are not skipped.
  package static func read(
    _ match: PatchMatch, _ plan: ChunkPlan<MatchedTensor>, _ execution: Execution,
    skipsUnreadable: Bool = false
  ) throws(PatchError) -> ChunkDigests {
    let digests = ChunkDigests(count: plan.chunks.count)
    try execution.forEachChunk(of: plan) { (chunk) throws(PatchError) in
      do throws(PatchError) {
        let digest = try chunk.tensor.placement.withValues(of: chunk, from: match.source) {
          Digest128(of: $0)
        }
        digests.record(digest, of: chunk.number)
      } catch {
        guard skipsUnreadable, error.kind == .mismatch else { throw error }
      }
    }
    return digests
  }

  package func record(_ digest: Digest128, of chunkNumber: Int) {
    digests.withLock { $0[chunkNumber] = digest }
  }

  /// What was recorded of a chunk.
  package func digest(of chunkNumber: Int) -> Digest128 { digests.withLock { $0[chunkNumber] } }

  /// The digests of tensors of which these are the chunks.
  func combined(_ tensors: [Range<Int>]) -> [Digest128] {
    let digests = all
    return tensors.map { TensorDigest.combine(digests[$0]) }
  }

  /// By the chunks' numbers, once all were recorded.
  package var all: [Digest128] { digests.withLock { $0 } }
}
