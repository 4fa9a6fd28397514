/// Why a sequence of bytes was refused, and where.
package struct FormatError: Error, Equatable {
  /// The kinds of refusal, told apart because their remedies differ.
  package enum Reason: Equatable, Sendable {
    /// The bytes are another kind of file altogether.
    case notThisFormat(String)
    /// Valid as far as can be seen, but beyond what this version reads.
    case unsupported(String)
    /// The bytes contradict the format.
    case corrupt(String)
    /// The bytes end before what they announce.
    case truncated(needed: Int, available: Int)
    /// A declared size is beyond what a reader accepts.
    case limitExceeded(String)
  }

  /// Absolute, counted from the start of the file or stream that was parsed.
  package var offset: Int
  package var reason: Reason

  package init(offset: Int, reason: Reason) {
    self.offset = offset
    self.reason = reason
  }

  package static func corrupt(_ message: String, at offset: Int) -> Self {
    Self(offset: offset, reason: .corrupt(message))
  }

  package static func unsupported(_ message: String, at offset: Int) -> Self {
    Self(offset: offset, reason: .unsupported(message))
  }

  package static func limitExceeded(_ message: String, at offset: Int) -> Self {
    Self(offset: offset, reason: .limitExceeded(message))
  }

  /// The same error, its offset counted from a point `distance` bytes earlier.
  package func shifted(by distance: Int) -> Self {
    Self(offset: offset + distance, reason: reason)
  }
}

extension FormatError: CustomStringConvertible {
  package var description: String { "byte \(offset): \(reason)" }
}

extension FormatError.Reason: CustomStringConvertible {
  package var description: String {
    switch self {
    case .notThisFormat(let message), .unsupported(let message), .corrupt(let message),
      .limitExceeded(let message):
      message
    case .truncated(let needed, let available):
      "ends early: \(needed) bytes needed, \(available) left"
    }
  }
}
