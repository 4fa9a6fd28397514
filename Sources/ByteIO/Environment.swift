internal import CLinux
internal import Glibc

/// What the process was started with.
package enum Environment {
  /// The words of the command line after the program's own name, whatever their bytes are.
  package static var arguments: [String] {
    let words = unsafe UnsafeBufferPointer(
      start: CommandLine.unsafeArgv, count: Int(CommandLine.argc))
    return unsafe words.dropFirst().compactMap { word in
      unsafe word.map { unsafe String(fileName: UnsafePointer($0)) }
    }
  }

  /// The value of a variable, nil if it is not set or empty.
  package static func value(_ name: String) -> String? {
    guard let value = unsafe getenv(name), unsafe value.pointee != 0 else { return nil }
    return unsafe String(fileName: UnsafePointer(value))
  }

  /// Lets this process open as many files as the system allows: a checkpoint may have more than the
  /// usual limit, which is there for programs that cannot count so far.
  package static func raiseFileLimit() { clinux_raise_file_limit() }
}
