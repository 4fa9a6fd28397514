/// The loops go over elements by typed pointers, but a chunk may lie at any byte of a mapped file.
enum AlignedElements {
  /// Whether such pointers may go over these bytes.
  static func are(_ bytes: RawSpan, byteWidth: Int) -> Bool {
    unsafe bytes.withUnsafeBytes { bytes in
      UInt(bitPattern: bytes.baseAddress) % UInt(byteWidth) == 0
    }
  }

  /// Calls `body` with these bytes, or with a copy of them that is aligned.
  static func with<Result, Failure: Error>(
    _ bytes: RawSpan, byteWidth: Int, _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    if are(bytes, byteWidth: byteWidth) { return try body(bytes) }
    var copy = [UInt64](repeating: 0, count: (bytes.byteCount + 7) / 8)
    unsafe copy.withUnsafeMutableBytes { target in
      unsafe bytes.withUnsafeBytes { unsafe target.copyMemory(from: $0) }
    }
    return try body(unsafe copy.span.bytes.extracting(0..<bytes.byteCount))
  }
}
