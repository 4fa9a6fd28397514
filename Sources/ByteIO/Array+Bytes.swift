extension [UInt8] {
  /// Appends `value` as an unsigned LEB128 integer, the form ``ByteReader/readVariableLength()``
  /// reads.
  package mutating func appendVariableLength(_ value: Int) {
    precondition(value >= 0)
    var rest = UInt(value)
    while rest > 0x7F {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(UInt8(rest))
  }

  /// Appends the bytes of `value`, least significant first.
  package mutating func appendLittleEndian<T: FixedWidthInteger>(_ value: T) {
    for shift in stride(from: 0, to: T.bitWidth, by: 8) {
      append(UInt8(truncatingIfNeeded: value >> shift))
    }
  }
}

extension [UInt8] {
  /// An array for somebody to fill: its bytes are whatever was in memory.
  package init(uninitializedByteCount byteCount: Int) {
    unsafe self.init(unsafeUninitializedCapacity: byteCount) { _, count in count = byteCount }
  }

  /// The array's bytes, without a copy.
  package var rawSpan: RawSpan {
    @_lifetime(borrow self)
    borrowing get { unsafe span.bytes }
  }
}

extension [UInt8] {
  /// Calls `body` with the array's bytes, for writing.
  package mutating func withMutableRawSpan<Failure: Error>(
    _ body: (inout MutableRawSpan) throws(Failure) -> Void
  ) throws(Failure) {
    var elements = mutableSpan
    var bytes = unsafe elements.mutableBytes
    try body(&bytes)
  }
}
