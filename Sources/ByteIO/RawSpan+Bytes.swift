internal import Glibc

extension RawSpan {
  /// A copy of the bytes.
  package var array: [UInt8] {
    unsafe withUnsafeBytes { unsafe Array($0) }
  }

  /// The byte at `offset`.
  package subscript(byteAt offset: Int) -> UInt8 {
    precondition(offset >= 0 && offset < byteCount)
    return unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
  }

  /// Whether the bytes at `offset` are those of `text`.
  package func hasBytes(of text: String, at offset: Int = 0) -> Bool {
    let expected = Array(text.utf8)
    guard offset >= 0, expected.count <= byteCount - offset else { return false }
    return expected.indices.allSatisfy { self[byteAt: offset + $0] == expected[$0] }
  }

  /// Whether both spans hold the same bytes. Stops at the first that differs.
  package func hasSameBytes(as other: RawSpan) -> Bool {
    guard byteCount == other.byteCount else { return false }
    return unsafe withUnsafeBytes { left in
      unsafe other.withUnsafeBytes { right in
        guard let first = left.baseAddress, let second = right.baseAddress else { return true }
        return unsafe memcmp(first, second, left.count) == 0
      }
    }
  }
}
