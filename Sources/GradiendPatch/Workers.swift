internal import ByteIO
internal import Synchronization

/// Threads that work through numbered items, each item once, in ascending order.
struct Workers: Sendable {
  let count: Int

  /// - Parameter requested: how many threads; 0 is one for each core.
  init(_ requested: Int) {
    count = requested > 0 ? requested : Processor.coreCount
  }

  /// Calls `body` for every item, on up to `count` threads.
  ///
  /// - Parameters:
  ///   - itemCount: items are numbered from 0.
  ///   - lanes: closed as soon as an item fails, so that nobody waits for what will not come.
  ///   - body: gets the item's number.
  /// - Throws: the error of the failed item with the lowest number; no new item is begun after it.
  func run(
    _ itemCount: Int, closing lanes: [any Closable] = [],
    _ body: @Sendable (Int) throws(PatchError) -> Void
  ) throws(PatchError) {
    let next = Atomic(0)
    let failure = Mutex<(item: Int, error: PatchError)?>(nil)
    // More threads than cores would only take memory.
    Threads.run(min(count, itemCount, Processor.coreCount)) {
      while failure.withLock({ $0 == nil }) {
        let item = next.add(1, ordering: .relaxed).oldValue
        guard item < itemCount else { return }
        do throws(PatchError) {
          try body(item)
        } catch {
          failure.withLock { failure in
            if failure.map({ item < $0.item }) ?? true { failure = (item, error) }
          }
          for lane in lanes { lane.close() }
        }
      }
    }
    if let failure = failure.withLock({ $0 }) { throw failure.error }
  }
}

/// What waiting threads must be released from when work ends early.
protocol Closable: Sendable {
  func close()
}
