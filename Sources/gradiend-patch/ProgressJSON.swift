import Glibc
import GradiendPatch
import Synchronization

/// Lines of JSON on standard error that say how far the work has come: Formats/json.md, Progress.
final class ProgressJSON: ProgressDisplay {
  private struct State {
    var latest: OperationProgress?
    var lastWritten: ContinuousClock.Instant?
    var isWritten = true
  }

  private let state = Mutex(State())

  init() {
    // A reader that goes away is told by the failing write, so that outputs can be removed first.
    signal(SIGPIPE, SIG_IGN)
  }

  var handler: ProgressHandler { { [self] progress in report(progress) } }

  private func report(_ progress: OperationProgress) {
    state.withLock { state in
      state.latest = state.latest.map { progress.merging($0) } ?? progress
      state.isWritten = false
      let now = ContinuousClock.now
      if let last = state.lastWritten, now < last + .milliseconds(100) { return }
      state.lastWritten = now
      // Whoever started this is gone, and waits for no output.
      if !Self.write(&state) { kill(getpid(), SIGTERM) }
    }
  }

  /// Writes where the work ended, unless that was written.
  func finish() {
    state.withLock { _ = Self.write(&$0) }
  }

  /// - Returns: False if nobody reads it any more.
  private static func write(_ state: inout State) -> Bool {
    guard let latest = state.latest, !state.isWritten else { return true }
    state.isWritten = true
    return Console.writeErrorText(latest.json + "\n")
  }
}
