internal import Dispatch
internal import Synchronization

/// State that pieces of work change one at a time, in the order of their numbers.
///
/// A thread submits its piece and goes on; whoever brings the one that is next does all that has
/// gathered behind it. So a large item holds nobody up, unless too much gathers.
package final class OrderedStage<State: Sendable>: Closable {
  package typealias Work = @Sendable (inout State) throws(PatchError) -> Void

  /// How many pieces may gather: what they hold on to is the memory that running ahead costs.
  private let backlogLimit: Int

  private struct Queue {
    var next = 0
    var backlog: [Int: Work] = [:]
    var isBusy = false
    var isClosed = false
    var waiting: [DispatchSemaphore] = []

    /// The piece that may be done now, if nobody is at work.
    mutating func takeNext() -> Work? {
      guard !isClosed, let work = backlog.removeValue(forKey: next) else { return nil }
      next += 1
      return work
    }

    mutating func releaseWaiting() {
      for turn in waiting { turn.signal() }
      waiting = []
    }
  }

  private let queue = Mutex(Queue())
  private let state: Mutex<State>

  /// - Parameters:
  ///   - state: what is changed.
  ///   - execution: whose threads submit pieces; two may gather for each.
  package init(_ state: State, _ execution: Execution) {
    self.state = Mutex(state)
    backlogLimit = min(16, 2 * execution.threadCount)
  }

  /// Has `work` done once every number below `number` is.
  ///
  /// - Parameters:
  ///   - number: counted from 0; each is submitted once, and by a thread that has none below it left to do.
  ///   - work: called by any thread, unless the stage is closed before.
  /// - Throws: what the work throws that this thread happens to do, its own or another's.
  package func submit(_ number: Int, _ work: @escaping Work) throws(PatchError) {
    var current = queue.withLock { queue in
      queue.backlog[number] = work
      guard !queue.isBusy else { return Work?.none }
      let next = queue.takeNext()
      queue.isBusy = next != nil
      return next
    }
    while let work = current {
      try state.withLock { (state) throws(PatchError) in try work(&state) }
      current = queue.withLock { queue in
        let next = queue.takeNext()
        queue.isBusy = next != nil
        if queue.backlog.count <= backlogLimit / 2 { queue.releaseWaiting() }
        return next
      }
    }
    waitForRoom()
  }

  /// Waits until little enough has gathered. This thread has submitted all it had, so what is missing
  /// comes from another.
  private func waitForRoom() {
    let turn = DispatchSemaphore(value: 0)
    let mustWait = queue.withLock { queue in
      guard !queue.isClosed, queue.backlog.count > backlogLimit else { return false }
      queue.waiting.append(turn)
      return true
    }
    if mustWait { turn.wait() }
  }

  package func close() {
    queue.withLock { queue in
      queue.isClosed = true
      queue.backlog = [:]
      queue.releaseWaiting()
    }
  }

  /// Calls `body` with the state after the work.
  package func withState<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
    state.withLock { state in body(&state) }
  }
}
