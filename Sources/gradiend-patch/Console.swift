import Glibc

/// The terminal, standard output and standard error.
enum Console {
  /// Occupies the standard streams that the caller closed, so that no file opened later is taken
  /// for one of them. Using them fails as before.
  static func occupyClosedStreams() {
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) == -1 {
      // The lowest free descriptor is this one.
      _ = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
    }
  }

  /// Columns of the terminal, 80 where there is none.
  static var width: Int {
    if let text = getenv("COLUMNS"), let columns = Int(String(cString: text)), columns > 0 {
      return columns
    }
    var size = winsize()
    for descriptor in [STDOUT_FILENO, STDERR_FILENO]
    where ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 {
      return Int(size.ws_col)
    }
    return 80
  }

  static var isErrorTerminal: Bool { isatty(STDERR_FILENO) == 1 }

  /// Writes a line to standard error.
  static func writeError(_ line: String) {
    writeErrorText(line + "\n")
  }

  /// Writes text to standard error at once, as it is.
  static func writeErrorText(_ text: String) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
      guard written > 0 || errno == EINTR else { return }
      rest = rest.dropFirst(max(0, written))
    }
  }

  /// Ends the process, after standard output has arrived where it goes.
  static func exit(with status: ExitStatus) -> Never {
    guard fflush(nil) == 0 else {
      writeError("gradiend-patch: standard output: \(String(cString: strerror(errno)))")
      Glibc.exit(ExitStatus.inputOutput.rawValue)
    }
    Glibc.exit(status.rawValue)
  }
}
