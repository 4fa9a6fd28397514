internal import PatchEngine
internal import Synchronization

/// The progress of a change in place: everything is read, a part is changed, everything is read again.
struct PhasedProgress: Sendable {
  private let changedByteCount: Int
  private let plan: ChunkPlan<MatchedTensor>
  private let handler: ProgressHandler?
  private let bytesChanged = SharedCount()

  init(_ batches: ChangeBatches, _ plan: ChunkPlan<MatchedTensor>, _ execution: Execution) {
    changedByteCount = (0..<batches.count).reduce(0) { $0 + batches.byteCount(of: $1) }
    self.plan = plan
    handler = execution.progress
  }

  /// For the first reading, after which no tensor is done.
  var surveying: ProgressHandler? {
    guard let handler else { return nil }
    return { handler(progress(tensorsDone: 0, bytesDone: $0.bytesDone)) }
  }

  /// Says that a batch was changed.
  func changed(byteCount: Int) {
    let count = bytesChanged.add(byteCount)
    handler?(progress(tensorsDone: 0, bytesDone: plan.byteCount + count))
  }

  /// For the second reading.
  var checking: ProgressHandler? {
    guard let handler else { return nil }
    let bytesBefore = plan.byteCount + changedByteCount
    return {
      handler(
        progress(tensorsDone: $0.tensorsDone, bytesDone: bytesBefore + $0.bytesDone))
    }
  }

  private func progress(tensorsDone: Int, bytesDone: Int) -> OperationProgress {
    OperationProgress(
      tensorsDone: tensorsDone, tensorCount: plan.tensors.count, bytesDone: bytesDone,
      byteCount: 2 * plan.byteCount + changedByteCount)
  }
}

/// A count that copies of a value share.
private final class SharedCount: Sendable {
  private let value = Atomic(0)

  func add(_ amount: Int) -> Int { value.add(amount, ordering: .relaxed).newValue }
}
