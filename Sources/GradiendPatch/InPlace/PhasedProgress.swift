internal import Synchronization

/// The progress of a change in place: everything is read, a part is changed, everything is read again.
struct PhasedProgress: Sendable {
  private let changedByteCount: Int
  private let plan: ChunkPlan
  private let handler: ProgressHandler?
  private let bytesChanged = SharedCount()

  init(_ batches: ChangeBatches, _ plan: ChunkPlan, _ handler: ProgressHandler?) {
    changedByteCount = (0..<batches.count).reduce(0) { $0 + batches.byteCount(of: $1) }
    self.plan = plan
    self.handler = handler
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

  private func progress(tensorsDone: Int, bytesDone: Int) -> Progress {
    Progress(
      tensorsDone: tensorsDone, tensorCount: plan.chunkCounts.count, bytesDone: bytesDone,
      byteCount: 2 * plan.byteCount + changedByteCount)
  }
}

/// A count that copies of a value share.
private final class SharedCount: Sendable {
  private let value = Atomic(0)

  func add(_ amount: Int) -> Int { value.add(amount, ordering: .relaxed).newValue }
}
