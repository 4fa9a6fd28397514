import Foundation
import Glibc
import TestSupport

/// Runs the built `gradiend-patch`.
struct Program {
  /// What is left of a run.
  struct Outcome {
    /// The exit code, or nil if a signal ended it.
    var status: Int32?
    var signal: Int32?
    var output = ""
    var error = ""
  }

  /// The working directory.
  let folder: String
  /// `COLUMNS`, which the program takes for the width of the terminal.
  var columns = 80
  /// More variables, as `NAME=VALUE`.
  var environment: [String] = []
  /// A shell, for the few things that only a shell can do to a program.
  var executable = Self.path

  /// The binary, which lies beside that of the tests.
  static let path: String = {
    let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return URL(fileURLWithPath: tests).deletingLastPathComponent()
      .appendingPathComponent("gradiend-patch").path
  }()

  /// Runs the program to its end; standard output goes to `outputPath` if there is one, and to the
  /// outcome otherwise.
  func run(_ arguments: [String], outputPath: String? = nil) throws -> Outcome {
    let streams = try TemporaryDirectory()
    let process = try start(
      arguments, outputPath: outputPath ?? streams.path("out"), errorPath: streams.path("err"))
    var outcome = process.wait()
    func text(_ name: String) -> String {
      (try? streams.bytes(of: name)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
    (outcome.output, outcome.error) = (text("out"), text("err"))
    return outcome
  }

  func run(_ arguments: String...) throws -> Outcome { try run(arguments) }

  /// Starts the program without waiting for it.
  ///
  /// Foundation would start it with nearly all signals blocked, so this does without.
  func start(
    _ arguments: [String], outputPath: String = "/dev/null", errorPath: String = "/dev/null"
  ) throws -> RunningProgram {
    struct Failure: Error { let code: Int32 }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT, 0o666)
    posix_spawn_file_actions_addopen(&actions, 2, errorPath, O_WRONLY | O_CREAT, 0o666)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var (none, all) = (sigset_t(), sigset_t())
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    let flags = Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETSIGDEF)
    posix_spawnattr_setflags(&attributes, flags)

    // env changes the folder and becomes the program, under the same process id.
    let words = Self.strings(["env", "-C", folder, executable] + arguments)
    let environment = Self.strings(
      ["COLUMNS=\(columns)", "PATH=/usr/bin:/bin", "LANG=C"] + self.environment)
    defer { for word in words + environment { free(word) } }
    var identifier: pid_t = 0
    let code = posix_spawn(
      &identifier, "/usr/bin/env", &actions, &attributes, words, environment)
    guard code == 0 else { throw Failure(code: code) }
    return RunningProgram(identifier: identifier)
  }

  private static func strings(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] {
    texts.map { strdup($0) } + [nil]
  }
}

/// A run that has not ended yet.
struct RunningProgram {
  let identifier: pid_t

  /// Whether it runs still; if not, it can still be waited for.
  var isRunning: Bool {
    var information = siginfo_t()
    let result = waitid(P_PID, id_t(identifier), &information, WEXITED | WNOHANG | WNOWAIT)
    return result == 0 && information.si_signo == 0
  }

  func send(_ signal: Int32) { kill(identifier, signal) }

  /// Waits until it ends. Call it once.
  func wait() -> Program.Outcome {
    var status: Int32 = 0
    while waitpid(identifier, &status, 0) == -1 && errno == EINTR {}
    let signal = status & 0x7F
    return signal == 0
      ? Program.Outcome(status: (status >> 8) & 0xFF, signal: nil)
      : Program.Outcome(status: nil, signal: signal)
  }
}
