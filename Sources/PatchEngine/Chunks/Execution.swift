internal import ByteIO
internal import Synchronization

/// How work is carried out: on how many threads, who is told of its progress, and who may stop it.
public struct Execution: Sendable {
  package let threadCount: Int
  package var progress: ProgressHandler?
  package var cancellation: Cancellation?

  /// - Parameters:
  ///   - threadCount: 0 for one a core.
  ///   - progress: called on any thread.
  ///   - cancellation: looked at before every piece of work.
  package init(
    threadCount: Int, progress: ProgressHandler? = nil, cancellation: Cancellation? = nil
  ) {
    self.threadCount = threadCount > 0 ? threadCount : Processor.coreCount
    self.progress = progress
    self.cancellation = cancellation
  }

  /// The same, for work that nobody is told of.
  package var silent: Execution {
    Execution(threadCount: threadCount, cancellation: cancellation)
  }

  /// The same, for work that nobody is told of and that has to be done to its end.
  package var uncancellable: Execution { Execution(threadCount: threadCount) }

  /// Calls `body` for numbered items, each item once, in ascending order, on all threads.
  ///
  /// The calling thread works too, and returns when all have ended.
  ///
  /// - Parameters:
  ///   - count: items are numbered from 0.
  ///   - stages: closed as soon as an item fails, so that nobody waits for what will not come.
  ///   - body: gets the item's number.
  /// - Throws: the error of the failed item with the lowest number, or ``PatchError`` of kind
  ///   `cancelled`; no new item is begun after it.
  package func forEach(
    _ count: Int, closing stages: [any Closable] = [],
    _ body: @Sendable (Int) throws(PatchError) -> Void
  ) throws(PatchError) {
    let next = Atomic(0)
    let failure = Mutex<(item: Int, error: PatchError)?>(nil)
    // More threads than cores would only take memory.
    Threads.run(min(threadCount, count, Processor.coreCount)) {
      while failure.withLock({ $0 == nil }) {
        let item = next.add(1, ordering: .relaxed).oldValue
        guard item < count else { return }
        do throws(PatchError) {
          try cancellation?.check()
          try body(item)
        } catch {
          failure.withLock { failure in
            if failure.map({ item < $0.item }) ?? true { failure = (item, error) }
          }
          for stage in stages { stage.close() }
        }
      }
    }
    if let failure = failure.withLock({ $0 }) { throw failure.error }
  }

  /// Calls `body` for every chunk of a plan, as ``forEach(_:closing:_:)`` does, and reports progress.
  package func forEachChunk<Tensor>(
    of plan: ChunkPlan<Tensor>, closing stages: [any Closable] = [],
    _ body: @Sendable (Chunk<Tensor>) throws(PatchError) -> Void
  ) throws(PatchError) {
    let counter = ProgressCounter(plan, progress)
    try forEach(plan.chunks.count, closing: stages) { (number) throws(PatchError) in
      try body(plan.chunks[number])
      counter.finish(plan.chunks[number])
    }
  }
}

/// What waiting threads must be released from when work ends early.
package protocol Closable: Sendable {
  func close()
}

/// Lets somebody else stop an operation.
package final class Cancellation: Sendable {
  private let isCancelled = Atomic(false)

  package init() {}

  /// Ends the operation soon, before its next piece of work.
  package func cancel() { isCancelled.store(true, ordering: .relaxed) }

  /// - Throws: ``PatchError`` of kind `cancelled` once ``cancel()`` was called.
  package func check() throws(PatchError) {
    guard isCancelled.load(ordering: .relaxed) else { return }
    throw PatchError(.cancelled, "the operation was cancelled")
  }
}
