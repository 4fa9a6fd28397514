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
    if let text = variable("COLUMNS"), let columns = Int(text), columns > 0 { return columns }
    var size = winsize()
    for descriptor in [STDOUT_FILENO, STDERR_FILENO]
    where ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 {
      return Int(size.ws_col)
    }
    return 80
  }

  /// Whether standard error is a terminal that a line can be drawn over on.
  static var isErrorTerminal: Bool {
    isatty(STDERR_FILENO) == 1 && variable("TERM").map { $0 != "dumb" } ?? false
  }

  /// Whether messages may have colours (https://no-color.org).
  private static var hasColours: Bool { isErrorTerminal && variable("NO_COLOR") == nil }

  /// Nil if it is empty, too.
  private static func variable(_ name: String) -> String? {
    guard let text = getenv(name), text[0] != 0 else { return nil }
    return String(cString: text)
  }

  /// How a mark stands out on a terminal.
  enum Mark: String {
    /// Bold and red.
    case error = "1;31"
    /// Bold.
    case note = "1"
  }

  /// Writes a line to standard error; on a terminal, `mark` stands out if the line begins with it.
  ///
  /// Control characters are made visible, line feeds as well: what names from strangers hold stays one
  /// line.
  static func writeError(_ line: String, marking mark: String? = nil, as kind: Mark = .error) {
    let line = line.printable
    guard let mark, hasColours, line.hasPrefix(mark) else {
      writeErrorText(line + "\n")
      return
    }
    writeErrorText("\u{1B}[\(kind.rawValue)m\(mark)\u{1B}[0m\(line.dropFirst(mark.count))\n")
  }

  /// Writes text to standard error at once, as it is.
  ///
  /// - Returns: False if standard error is a pipe that nobody reads any more.
  @discardableResult
  static func writeErrorText(_ text: String) -> Bool {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
      guard written > 0 || errno == EINTR else { return errno != EPIPE }
      rest = rest.dropFirst(max(0, written))
    }
    return true
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
