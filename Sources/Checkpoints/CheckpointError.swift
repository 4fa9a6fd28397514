package import ByteIO

/// A model file or folder that cannot be read: which one, and why.
package struct CheckpointError: Error, Sendable {
  package enum Cause: Sendable {
    case system(SystemError)
    case format(FormatError)
    /// A folder or a set of files that does not hold together, and what would help.
    case inconsistent(String)
  }

  package let path: String
  package let cause: Cause

  package init(path: String, _ cause: Cause) {
    self.path = path
    self.cause = cause
  }

  /// Runs `body`, and says of its error that `path` is at fault.
  package static func attributing<Result>(
    _ path: String, _ body: () throws(SystemError) -> Result
  ) throws(CheckpointError) -> Result {
    do {
      return try body()
    } catch {
      throw CheckpointError(path: path, .system(error))
    }
  }

  /// Runs `body`, and says of its error that `path` is at fault.
  package static func attributing<Result>(
    _ path: String, _ body: () throws(FormatError) -> Result
  ) throws(CheckpointError) -> Result {
    do {
      return try body()
    } catch {
      throw CheckpointError(path: path, .format(error))
    }
  }
}

extension CheckpointError: CustomStringConvertible {
  package var description: String {
    switch cause {
    case .system(let error): "\(path): \(error)"
    case .format(let error): "\(path): \(error)"
    case .inconsistent(let reason): "\(path): \(reason)"
    }
  }
}
