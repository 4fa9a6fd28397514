internal import Glibc

/// A system call that failed.
package struct SystemError: Error, Equatable {
  /// The name of the call, as in its manual page.
  package let call: String
  package let path: String
  /// The value of `errno` right after the call.
  package let code: Int32

  package init(_ call: String, path: String, code: Int32 = errno) {
    self.call = call
    self.path = path
    self.code = code
  }

  /// The kinds of failure that callers tell apart.
  package enum Kind: Sendable {
    case missing
    case exists
    case denied
    /// Memory that is mapped to a file which is no longer there.
    case lostMemory
    /// A pipe, a device or a socket where only a file will do.
    case notRegular
    /// The process, or the system, has no more files or memory to give.
    case exhausted
    case other
  }

  package var kind: Kind {
    switch code {
    // A name that is too long is one that nothing can have.
    case ENOENT, ENOTDIR, ENAMETOOLONG: .missing
    case EEXIST, ENOTEMPTY: .exists
    case EACCES, EPERM, EROFS: .denied
    case EFAULT: .lostMemory
    case Self.notRegular: .notRegular
    case EMFILE, ENFILE, ENOMEM: .exhausted
    default: .other
    }
  }

  /// The code of what the system has no name for: a pipe or a device where only a file will do.
  static let notRegular: Int32 = -1
  /// The code of what the system has no name for: a path that leads to another file than before.
  static let replaced: Int32 = -2

  /// What the system calls this error, such as "No space left on device".
  package var reason: String {
    switch code {
    case Self.notRegular: "not a regular file"
    case Self.replaced: "the file was replaced while it was opened"
    default: unsafe String(cString: strerror(code))
    }
  }
}

extension SystemError: CustomStringConvertible {
  package var description: String { "\(call): \(reason)" }
}

/// Repeats a system call while signals interrupt it.
///
/// - Throws: ``SystemError`` if the call returns -1 for any other reason.
@discardableResult
func retryingInterrupts<Result: SignedInteger>(
  _ call: String, path: String, _ body: () -> Result
) throws(SystemError) -> Result {
  while true {
    let result = body()
    if result != -1 { return result }
    guard errno == EINTR else { throw SystemError(call, path: path) }
  }
}
