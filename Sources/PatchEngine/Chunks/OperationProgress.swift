internal import PatchFormat
internal import Synchronization

/// How far an operation has come.
public struct OperationProgress: Sendable {
  /// Tensors of which nothing is left to do.
  public let tensorsDone: Int
  /// Tensors of the checkpoint.
  public let tensorCount: Int
  /// Bytes of tensors that were worked through.
  public let bytesDone: Int
  /// Bytes of all tensors.
  public let byteCount: Int

  package init(tensorsDone: Int, tensorCount: Int, bytesDone: Int, byteCount: Int) {
    self.tensorsDone = tensorsDone
    self.tensorCount = tensorCount
    self.bytesDone = bytesDone
    self.byteCount = byteCount
  }

  /// The later of two reports of one operation: those of different threads may come out of order.
  public func merging(_ other: OperationProgress) -> OperationProgress {
    OperationProgress(
      tensorsDone: max(tensorsDone, other.tensorsDone), tensorCount: tensorCount,
      bytesDone: max(bytesDone, other.bytesDone), byteCount: byteCount)
  }
}

/// Receives the progress of an operation, from any of its threads, a few hundred times at most
/// for each GiB.
public typealias ProgressHandler = @Sendable (OperationProgress) -> Void

/// Counts finished chunks and reports them.
package final class ProgressCounter: Sendable {
  private let handler: ProgressHandler?
  private let tensorCount: Int
  private let byteCount: Int
  private let bytesDone = Atomic(0)
  private let tensorsDone: Atomic<Int>
  /// Chunks of a tensor that are still to do, by the number of its first.
  private let chunksLeft: Mutex<[Int]>

  package init(_ plan: ChunkPlan<some Any>, _ handler: ProgressHandler?) {
    self.handler = handler
    tensorCount = plan.tensors.count
    byteCount = plan.byteCount
    var left = Array(repeating: 0, count: plan.chunks.count)
    for (_, numbers) in plan.tensors where !numbers.isEmpty {
      left[numbers.lowerBound] = numbers.count
    }
    chunksLeft = Mutex(left)
    tensorsDone = Atomic(plan.tensors.count { $0.chunkNumbers.isEmpty })
  }

  package func finish(_ chunk: Chunk<some Any>) {
    guard let handler else { return }
    let bytes = bytesDone.add(chunk.byteRange.count, ordering: .relaxed).newValue
    let isLast = chunksLeft.withLock { left in
      left[chunk.number - chunk.index] -= 1
      return left[chunk.number - chunk.index] == 0
    }
    let tensors =
      isLast
      ? tensorsDone.add(1, ordering: .relaxed).newValue : tensorsDone.load(ordering: .relaxed)
    handler(
      OperationProgress(
        tensorsDone: tensors, tensorCount: tensorCount, bytesDone: bytes, byteCount: byteCount))
  }
}
