import ByteIO
import CLinux
import Glibc

/// A program that ran to its end: how it ended, how long it took, and how much memory it had.
///
/// - Important: Linux counts the peak of the parent for the child, too, until the child runs its own
///   program. This process therefore stays small: it leaves all reading of models to children.
struct ChildProcess {
  /// The exit code, or 128 and the number of the signal that ended the program.
  let exitCode: Int32
  /// From before the start until the end was noticed.
  let seconds: Double
  /// The most memory that was resident at once.
  let peakByteCount: Int
  /// What the program wrote to standard output.
  let output: String
  /// What it wrote to standard error.
  let complaint: String

  /// Runs `arguments`, whose first is a path or is looked up in `PATH`, and waits for the end.
  ///
  /// Output is kept in `scratch` meanwhile.
  ///
  /// - Throws: ``BenchError`` if it cannot be started.
  static func run(_ arguments: [String], scratch: ScratchFolder) throws -> Self {
    let (output, complaint) = (scratch.path("stdout"), scratch.path("stderr"))
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    for (descriptor, path) in [(STDOUT_FILENO, output), (STDERR_FILENO, complaint)] {
      posix_spawn_file_actions_addopen(
        &actions, descriptor, path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    }
    var words = arguments.map { strdup($0) } + [nil]
    defer { words.forEach { free($0) } }

    var child = pid_t()
    let start = ContinuousClock.now
    let code = posix_spawnp(&child, arguments[0], &actions, nil, &words, clinux_environment())
    guard code == 0 else {
      throw BenchError("cannot start '\(arguments[0])': \(String(cString: strerror(code)))")
    }
    var status: Int32 = 0
    var usage = rusage()
    while wait4(child, &status, 0, &usage) < 0 {
      guard errno == EINTR else { throw BenchError("lost '\(arguments[0])'") }
    }
    let duration = start.duration(to: .now)
    let signal = status & 0x7F
    return Self(
      exitCode: signal == 0 ? status >> 8 & 0xFF : 128 + signal, seconds: duration.inSeconds,
      peakByteCount: usage.ru_maxrss * 1024, output: try text(of: output),
      complaint: try text(of: complaint))
  }

  /// Runs `arguments`, and takes any end but exit code 0 for a failure.
  ///
  /// - Throws: ``BenchError`` with the last of what the program wrote to standard error.
  static func succeed(_ arguments: [String], scratch: ScratchFolder) throws -> Self {
    let child = try run(arguments, scratch: scratch)
    guard child.exitCode == 0 else {
      let last = child.complaint.split(separator: "\n").suffix(5).joined(separator: "\n")
      // A whole program in an argument would hide the complaint.
      let command = arguments.filter { !$0.contains("\n") }.joined(separator: " ")
      throw BenchError("'\(command)' ended \(child.exitCode)\n\(last)")
    }
    return child
  }

  private static func text(of path: String) throws -> String {
    let file = try MappedFile(path: path)
    return String(decoding: file.bytes.array, as: UTF8.self)
  }
}

extension Duration {
  var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
