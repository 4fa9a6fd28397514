internal import PatchFormat
internal import Synchronization

/// How far an operation has come.
public struct Progress: Sendable {
  /// Tensors of which nothing is left to do.
  public let tensorsDone: Int
  /// Tensors of the checkpoint.
  public let tensorCount: Int
  /// Bytes of tensors that were worked through.
  public let bytesDone: Int
  /// Bytes of all tensors.
  public let byteCount: Int

  /// The later of two reports of one operation: those of different threads may come out of order.
  public func merging(_ other: Progress) -> Progress {
    Progress(
      tensorsDone: max(tensorsDone, other.tensorsDone), tensorCount: tensorCount,
      bytesDone: max(bytesDone, other.bytesDone), byteCount: byteCount)
  }
}

/// Receives the progress of an operation, from any of its threads, a few hundred times at most
/// for each GiB.
public typealias ProgressHandler = @Sendable (Progress) -> Void

/// Counts finished chunks and reports them.
final class ProgressCounter: Sendable {
  private let plan: ChunkPlan
  private let handler: ProgressHandler?
  private let bytesDone = Atomic(0)
  private let tensorsDone: Atomic<Int>
  /// Chunks that are still to do, by tensor.
  private let chunksLeft: Mutex<[Int]>

  init(_ plan: ChunkPlan, _ handler: ProgressHandler?) {
    self.plan = plan
    self.handler = handler
    chunksLeft = Mutex(plan.chunkCounts)
    tensorsDone = Atomic(plan.chunkCounts.count { $0 == 0 })
  }

  func finish(_ item: ChunkPlan.Item) {
    guard let handler else { return }
    let bytes = bytesDone.add(item.chunk.byteRange.count, ordering: .relaxed).newValue
    let isLast = chunksLeft.withLock { left in
      left[item.tensorIndex] -= 1
      return left[item.tensorIndex] == 0
    }
    let tensors =
      isLast
      ? tensorsDone.add(1, ordering: .relaxed).newValue : tensorsDone.load(ordering: .relaxed)
    handler(
      Progress(
        tensorsDone: tensors, tensorCount: plan.chunkCounts.count, bytesDone: bytes,
        byteCount: plan.byteCount))
  }
}
