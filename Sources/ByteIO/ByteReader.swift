/// Reads little-endian fields from a span, front to back.
///
/// A read either advances past the whole field or throws and stays put, so `position` is always a
/// field boundary.
package struct ByteReader: ~Escapable {
  private let bytes: RawSpan
  package private(set) var position = 0

  @_lifetime(copy bytes)
  package init(_ bytes: RawSpan) {
    self.bytes = bytes
  }

  package var remaining: Int { bytes.byteCount - position }

  package var isAtEnd: Bool { remaining == 0 }

  /// - Throws: ``FormatError`` (`truncated`) where the field starts.
  package mutating func read<T: FixedWidthInteger & BitwiseCopyable>(
    _: T.Type
  ) throws(FormatError) -> T {
    let width = MemoryLayout<T>.size
    try require(width)
    defer { position += width }
    // In bounds by the line above; any bit pattern is a valid integer.
    return T(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: position, as: T.self))
  }

  /// Reads an unsigned LEB128 integer: seven bits a byte, least significant first.
  ///
  /// - Throws: ``FormatError`` where the integer starts if it is cut, longer than it need be, or
  ///   beyond `Int.max`.
  package mutating func readVariableLength() throws(FormatError) -> Int {
    var value = 0
    var end = position
    for shift in stride(from: 0, to: 63, by: 7) {
      guard end < bytes.byteCount else {
        throw FormatError(
          offset: position, reason: .truncated(needed: end - position + 1, available: remaining))
      }
      let byte = unsafe bytes.unsafeLoad(fromByteOffset: end, as: UInt8.self)
      end += 1
      value |= Int(byte & 0x7F) << shift
      guard byte & 0x80 == 0 else { continue }
      guard byte != 0 || shift == 0 else {
        throw .corrupt("an integer is padded with zero bits", at: position)
      }
      position = end
      return value
    }
    throw .corrupt("an integer is longer than 63 bits", at: position)
  }

  /// Reads `count` integers as ``readVariableLength()`` does.
  package mutating func readVariableLengths(_ count: Int) throws(FormatError) -> [Int] {
    var values: [Int] = []
    for _ in 0..<count { values.append(try readVariableLength()) }
    return values
  }

  /// Reads the next `byteCount` bytes as a span of its own.
  ///
  /// - Throws: ``FormatError`` (`truncated`), also for a negative count.
  @_lifetime(copy self)
  package mutating func readBytes(_ byteCount: Int) throws(FormatError) -> RawSpan {
    try require(byteCount)
    defer { position += byteCount }
    return bytes.extracting(position..<(position + byteCount))
  }

  /// Reads `byteCount` bytes of UTF-8.
  ///
  /// - Throws: ``FormatError`` (`truncated`, or `corrupt` if the bytes are not UTF-8).
  package mutating func readUTF8(_ byteCount: Int) throws(FormatError) -> String {
    let start = position
    let span = try readBytes(byteCount)
    let text = unsafe span.withUnsafeBytes { unsafe String(validating: $0, as: UTF8.self) }
    guard let text else {
      position = start
      throw .corrupt("a name is not UTF-8", at: start)
    }
    return text
  }

  /// Reads UTF-8 up to the next `terminator`, which is skipped.
  ///
  /// - Throws: ``FormatError``, also if there is no terminator within `limit` bytes.
  package mutating func readUTF8(
    before terminator: UInt8, limit: Int
  ) throws(FormatError) -> String {
    let start = position
    for byteCount in 0...max(0, min(limit, remaining - 1))
    where byteCount < remaining && bytes[byteAt: position + byteCount] == terminator {
      let text = try readUTF8(byteCount)
      position += 1
      return text
    }
    throw .corrupt("a line does not end", at: start)
  }

  private func require(_ byteCount: Int) throws(FormatError) {
    guard byteCount >= 0, byteCount <= remaining else {
      throw FormatError(
        offset: position, reason: .truncated(needed: byteCount, available: remaining))
    }
  }
}
