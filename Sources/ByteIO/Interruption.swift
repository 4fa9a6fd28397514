internal import Glibc

/// Set once, before any handler that reads it is installed.
private nonisolated(unsafe) var writingEnd: Int32 = -1
private nonisolated(unsafe) var inputLost: @Sendable (String) -> Int32 = { _ in 1 }
private nonisolated(unsafe) var interrupted: @Sendable () -> Void = {}

/// What a handler tells the thread that does its work.
private struct Message: BitwiseCopyable {
  var signal: Int32 = 0
  /// What could not be read, if the signal is `SIGBUS`.
  var address: UInt = 0
}

/// Signals that end the process.
package enum Interruption {
  /// What others send to end a process. `SIGKILL` cannot be handled; `SIGSEGV` and the like tell of a
  /// bug, after which nothing more is done.
  private static let endingSignals = [
    SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGALRM, SIGVTALRM, SIGPROF, SIGUSR1, SIGUSR2,
    SIGXCPU, SIGPOLL, SIGPWR, SIGSTKFLT,
  ]

  /// Makes each of the signals by which others end a process remove unfinished outputs before, and the
  /// process then still dies of the signal. Call once, from an executable.
  ///
  /// So does `SIGBUS`, by which the system says that a mapped file became shorter or that the disk
  /// failed: the process then ends with the status that `inputLost` gives for the file's path. Before
  /// any other signal ends it, `interrupted` may say something.
  ///
  /// The handlers only write to a pipe, as little else is allowed there; a thread of its own reads it
  /// and does the work. Signals that the parent had ignored stay ignored.
  package static func removesUnfinishedOutputs(
    inputLost handler: @escaping @Sendable (String) -> Int32,
    interrupted interruptionHandler: @escaping @Sendable () -> Void = {}
  ) {
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe(&ends) == 0 else { return }
    unsafe writingEnd = ends[1]
    unsafe inputLost = handler
    unsafe interrupted = interruptionHandler
    startThread(readingEnd: ends[0])
    for signal in endingSignals {
      var action = sigaction()
      guard unsafe sigaction(signal, nil, &action) == 0,
        unsafe unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) != 1  // SIG_IGN
      else { continue }
      unsafe action.__sigaction_handler.sa_sigaction = { signal, information, _ in
        send(Message(signal: signal))
        // A write that nobody reads would fail, and the process might end otherwise meanwhile. Such a
        // signal is this thread's own; at one from outside it may hold what the removal waits for.
        let sender = unsafe information?.pointee._sifields._kill.si_pid
        while signal == SIGPIPE, sender == getpid() { pause() }
      }
      action.sa_flags = SA_RESTART | SA_SIGINFO
      unsafe sigaction(signal, &action, nil)
    }
    handleLostInputs()
    // A write beyond `ulimit -f` is then an error like any other, EFBIG, with its path.
    signal(SIGXFSZ, SIG_IGN)
  }

  private static func handleLostInputs() {
    var action = sigaction()
    unsafe action.__sigaction_handler.sa_sigaction = { signal, information, _ in
      let address = unsafe information?.pointee._sifields._sigfault.si_addr
      send(Message(signal: signal, address: UInt(bitPattern: address)))
      // Returning would only repeat the access that failed.
      while true { pause() }
    }
    action.sa_flags = SA_SIGINFO
    unsafe sigaction(SIGBUS, &action, nil)
  }

  private static func startThread(readingEnd: Int32) {
    var thread = pthread_t()
    let argument = unsafe UnsafeMutableRawPointer(bitPattern: Int(readingEnd) + 1)
    let status = unsafe pthread_create(&thread, nil, { unsafe serve($0) }, argument)
    if status == 0 { pthread_detach(thread) }
  }

  fileprivate static func end(_ message: Message) -> Never {
    if message.signal == SIGBUS, let path = MappedFile.path(ofAddress: message.address) {
      let status = unsafe inputLost(path)
      Temporaries.removeAll { _exit(status) }
    }
    unsafe interrupted()
    Temporaries.removeAll {
      _ = Glibc.signal(message.signal, SIG_DFL)
      kill(getpid(), message.signal)
      // The first process of a container gets no signal that it does not handle.
      if getpid() == 1 { _exit(128 + message.signal) }
      // Nobody blocks the signal; should it come late, there is nothing left to do.
      while true { pause() }
    }
  }
}

/// Writes to the pipe; short enough to arrive in one piece.
private func send(_ message: Message) {
  var message = message
  _ = unsafe write(writingEnd, &message, MemoryLayout<Message>.size)
}

/// What the thread does: it waits for a message, and ends the process.
private func serve(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  let readingEnd = Int32(Int(bitPattern: argument) - 1)
  var message = Message()
  let byteCount = MemoryLayout<Message>.size
  while unsafe read(readingEnd, &message, byteCount) != byteCount {}
  Interruption.end(message)
}
