internal import Glibc

/// Set once, before any handler that reads it is installed.
private nonisolated(unsafe) var writingEnd: Int32 = -1

/// Signals that end the process.
package enum Interruption {
  /// Makes `SIGINT`, `SIGTERM` and `SIGHUP` remove unfinished outputs before they end the process,
  /// which then still dies of the signal. Call once, from an executable.
  ///
  /// The handler only writes to a pipe, as little else is allowed there; a thread of its own reads
  /// it and does the work. Signals that the parent had ignored stay ignored.
  package static func removesUnfinishedOutputs() {
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe(&ends) == 0 else { return }
    unsafe writingEnd = ends[1]
    startThread(readingEnd: ends[0])
    for signal in [SIGINT, SIGTERM, SIGHUP] {
      var action = sigaction()
      guard unsafe sigaction(signal, nil, &action) == 0,
        unsafe unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 0  // SIG_DFL
      else { continue }
      unsafe action.__sigaction_handler.sa_handler = { signal in
        var byte = UInt8(truncatingIfNeeded: signal)
        _ = unsafe write(writingEnd, &byte, 1)
      }
      action.sa_flags = SA_RESTART
      unsafe sigaction(signal, &action, nil)
    }
  }

  private static func startThread(readingEnd: Int32) {
    var thread = pthread_t()
    let argument = unsafe UnsafeMutableRawPointer(bitPattern: Int(readingEnd) + 1)
    let status = unsafe pthread_create(
      &thread, nil,
      { argument in
        let readingEnd = Int32(Int(bitPattern: argument) - 1)
        var byte: UInt8 = 0
        while unsafe read(readingEnd, &byte, 1) != 1 {}
        let signal = Int32(byte)
        Temporaries.removeAll {
          _ = Glibc.signal(signal, SIG_DFL)
          kill(getpid(), signal)
          // Nobody blocks the signal; should it come late, there is nothing left to do.
          while true { pause() }
        }
      }, argument)
    if status == 0 { pthread_detach(thread) }
  }
}
