internal import ByteIO

/// Coding 0: the differences of the elements as words, byte plane by byte plane, through zstd.
///
/// It knows nothing of floats and thus serves every type, and it bounds the worst case: planes that
/// do not shrink are stored as they are.
struct PlaneCoding {
  let shape: ChunkShape
  /// Blocks are taken byte by byte.
  private let wordByteWidth: Int

  init(_ shape: ChunkShape) {
    self.shape = shape
    wordByteWidth = if case .block = shape.element { 1 } else { shape.element.byteWidth }
  }

  private var wordCount: Int { shape.byteCount / wordByteWidth }

  func encode(base: RawSpan, result: RawSpan) -> EncodedChunk {
    switch wordByteWidth {
    case 1: encode(base: base, result: result, as: UInt8.self)
    case 2: encode(base: base, result: result, as: UInt16.self)
    case 4: encode(base: base, result: result, as: UInt32.self)
    default: encode(base: base, result: result, as: UInt64.self)
    }
  }

  private func encode<Word: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
    base: RawSpan, result: RawSpan, as _: Word.Type
  ) -> EncodedChunk {
    let count = wordCount
    let width = MemoryLayout<Word>.size
    var changedCount = 0
    var planes = [UInt8](repeating: 0, count: count * width)
    for index in 0..<count {
      let offset = index * width
      // In bounds: both spans hold `count` words, as the caller has checked.
      let before = unsafe base.unsafeLoadUnaligned(fromByteOffset: offset, as: Word.self)
      let after = unsafe result.unsafeLoadUnaligned(fromByteOffset: offset, as: Word.self)
      let difference = Word(littleEndian: after) &- Word(littleEndian: before)
      guard difference != 0 else { continue }
      changedCount += 1
      for plane in 0..<width {
        planes[plane * count + index] = UInt8(truncatingIfNeeded: difference >> (8 * plane))
      }
    }
    guard changedCount > 0 else { return EncodedChunk(bytes: [], changedCount: 0) }
    var bytes = [Coding.planes.rawValue]
    bytes += Zstd.compress(planes.rawSpan)
    if case .block(let format, let elementCount) = shape.element {
      changedCount =
        elementCount * changedBlockCount(planes, byteCount: format.layout.byteCount)
    }
    return EncodedChunk(bytes: bytes, changedCount: changedCount)
  }

  /// Blocks in whose bytes there is a difference.
  private func changedBlockCount(_ differences: [UInt8], byteCount: Int) -> Int {
    stride(from: 0, to: differences.count, by: byteCount).count { start in
      differences[start..<start + byteCount].contains { $0 != 0 }
    }
  }

  func decode(
    _ reader: inout ByteReader, from input: RawSpan, into output: inout MutableRawSpan,
    direction: Direction
  ) throws(FormatError) {
    let start = reader.position
    let frame = try reader.readBytes(reader.remaining)
    let planes: [UInt8]
    do {
      planes = try Zstd.decompress(frame, byteCount: shape.byteCount)
    } catch {
      throw error.shifted(by: start)
    }
    switch wordByteWidth {
    case 1: add(planes, to: input, into: &output, direction: direction, as: UInt8.self)
    case 2: add(planes, to: input, into: &output, direction: direction, as: UInt16.self)
    case 4: add(planes, to: input, into: &output, direction: direction, as: UInt32.self)
    default: add(planes, to: input, into: &output, direction: direction, as: UInt64.self)
    }
  }

  private func add<Word: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
    _ planes: [UInt8], to input: RawSpan, into output: inout MutableRawSpan,
    direction: Direction, as _: Word.Type
  ) {
    let count = wordCount
    let width = MemoryLayout<Word>.size
    for index in 0..<count {
      var difference: Word = 0
      for plane in 0..<width {
        difference |= Word(planes[plane * count + index]) << (8 * plane)
      }
      // In bounds: both spans hold `count` words, as the caller has checked.
      let word = Word(
        littleEndian: unsafe input.unsafeLoadUnaligned(
          fromByteOffset: index * width, as: Word.self))
      let sum = direction == .apply ? word &+ difference : word &- difference
      output.storeBytes(
        of: sum.littleEndian, toByteOffset: index * width, as: Word.self)
    }
  }
}
