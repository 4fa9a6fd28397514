internal import ByteIO

extension ChunkShape {
  /// How many elements differ between two states of a chunk; all those of a block count if the block
  /// does.
  ///
  /// - Precondition: both spans have the chunk's length.
  package func changedCount(base: RawSpan, result: RawSpan) -> Int {
    precondition(base.byteCount == byteCount && result.byteCount == byteCount)
    guard !result.hasSameBytes(as: base) else { return 0 }
    return switch (element, element.byteWidth) {
    case (.block, let width):
      element.elementCount
        * (0..<elementCount).count { index in
          let range = index * width..<(index + 1) * width
          return !base.extracting(range).hasSameBytes(as: result.extracting(range))
        }
    case (_, 1): Self.differingCount(base, result, as: UInt8.self)
    case (_, 2): Self.differingCount(base, result, as: UInt16.self)
    case (_, 4): Self.differingCount(base, result, as: UInt32.self)
    default: Self.differingCount(base, result, as: UInt64.self)
    }
  }

  private static func differingCount<Word: FixedWidthInteger & BitwiseCopyable>(
    _ base: RawSpan, _ result: RawSpan, as _: Word.Type
  ) -> Int {
    unsafe base.withUnsafeBytes { base in
      unsafe result.withUnsafeBytes { result in
        var count = 0
        // In bounds: both have whole words, and as many.
        for offset in stride(from: 0, to: base.count, by: MemoryLayout<Word>.size) {
          let before = unsafe base.loadUnaligned(fromByteOffset: offset, as: Word.self)
          let after = unsafe result.loadUnaligned(fromByteOffset: offset, as: Word.self)
          count &+= before == after ? 0 : 1
        }
        return count
      }
    }
  }
}
