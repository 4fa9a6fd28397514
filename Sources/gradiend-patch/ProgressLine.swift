import GradiendPatch
import Synchronization

/// Where progress is shown.
protocol ProgressDisplay: Sendable {
  /// May be called from any thread.
  var handler: ProgressHandler { get }

  /// Ends the display, if it has not ended yet.
  func finish()
}

/// One line on the terminal that says how far the work has come.
///
/// It appears after a second of work and is drawn ten times a second at most.
final class ProgressLine: ProgressDisplay {
  private struct State {
    var lastDrawn: ContinuousClock.Instant?
    var isVisible = false
  }

  private let verb: String
  private let start = ContinuousClock.now
  private let state = Mutex(State())

  init(_ verb: String) {
    self.verb = verb
  }

  var handler: ProgressHandler { { [self] progress in draw(progress) } }

  private func draw(_ progress: OperationProgress) {
    let now = ContinuousClock.now
    state.withLock { state in
      let due = state.lastDrawn.map { $0 + .milliseconds(100) } ?? start + .seconds(1)
      guard now >= due else { return }
      state.lastDrawn = now
      state.isVisible = true
      Console.writeErrorText("\r\u{1B}[K" + text(progress, elapsed: (now - start).seconds))
    }
  }

  /// Removes the line, if it is there.
  func finish() {
    state.withLock { state in
      if state.isVisible { Console.writeErrorText("\r\u{1B}[K") }
      state.isVisible = false
    }
  }

  private func text(_ progress: OperationProgress, elapsed: Double) -> String {
    let rate = Double(progress.bytesDone) / elapsed
    let left = Double(progress.byteCount - progress.bytesDone) / max(rate, 1)
    let parts = [
      "\(verb): \(progress.tensorsDone)/\(progress.tensorCount) tensors",
      "\(Quantity.bytes(progress.bytesDone)) of \(Quantity.bytes(progress.byteCount))",
      "\(Quantity.bytes(Int(rate)))/s", "\(Quantity.seconds(left)) left",
    ]
    // Drop the last parts rather than wrap: a wrapped line cannot be drawn over.
    var count = parts.count
    while count > 1, parts.prefix(count).joined(separator: ", ").count >= Console.width {
      count -= 1
    }
    return parts.prefix(count).joined(separator: ", ")
  }
}

extension Duration {
  fileprivate var seconds: Double {
    Double(components.seconds) + Double(components.attoseconds) * 1e-18
  }
}
