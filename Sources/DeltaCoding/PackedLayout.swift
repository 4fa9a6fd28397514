internal import ByteIO

/// How small codes lie in the words of a chunk (Formats/delta-coding.md, "Coding 5").
struct PackedLayout: Equatable {
  /// 2 to 6, or 8.
  let bitWidth: Int
  /// Whether codes are a sign above a magnitude, so that their ordinals change.
  let isFloat: Bool
  /// Whether the codes of a word are of as many rows, and not of columns.
  let isDownward: Bool
  /// Of the matrix of codes.
  let rows: Int
  let columns: Int

  private let byteWidth: Int
  private let wordColumns: Int

  /// - Returns: nil where there are no such codes, or they do not fill these words.
  init?(
    _ shape: ChunkShape, byteWidth: Int, bitWidth: Int, isFloat: Bool, isDownward: Bool = false
  ) {
    guard (isFloat ? [4, 6, 8] : [2, 3, 4, 5, 6, 8]).contains(bitWidth) else { return nil }
    self.bitWidth = bitWidth
    self.isFloat = isFloat
    self.isDownward = isDownward
    self.byteWidth = byteWidth
    // One word a row is a matrix without its shape, as bitsandbytes has them.
    let wordRows = shape.columns == 1 ? 1 : shape.rows
    wordColumns = shape.columns == 1 ? shape.rows : shape.columns
    let bitCount = isDownward ? 8 * byteWidth : 8 * byteWidth * wordColumns
    guard bitCount.isMultiple(of: bitWidth) else { return nil }
    rows = isDownward ? wordRows * (bitCount / bitWidth) : wordRows
    columns = isDownward ? wordColumns : bitCount / bitWidth
  }

  init?(parsing byte: UInt8, _ shape: ChunkShape, byteWidth: Int) {
    guard byte < 64 else { return nil }
    self.init(
      shape, byteWidth: byteWidth, bitWidth: Int(byte & 15), isFloat: byte & 32 != 0,
      isDownward: byte & 16 != 0)
  }

  /// What a chunk says of it.
  var byte: UInt8 { UInt8(bitWidth) | (isDownward ? 16 : 0) | (isFloat ? 32 : 0) }

  var codeCount: Int { rows * columns }

  /// Where the code begins that is in this row and column, in bits of the chunk.
  @inline(__always)
  func bit(row: Int, column: Int) -> Int {
    guard isDownward else { return 8 * byteWidth * wordColumns * row + bitWidth * column }
    let perWord = 8 * byteWidth / bitWidth
    let word = row / perWord * wordColumns + column
    return 8 * byteWidth * word + bitWidth * (row % perWord)
  }

  /// The number of the code that has this bit of the chunk, row by row.
  func code(atBit bit: Int) -> Int {
    guard isDownward else { return bit / bitWidth }
    let word = bit / (8 * byteWidth)
    let perWord = 8 * byteWidth / bitWidth
    let row = word / wordColumns * perWord + bit % (8 * byteWidth) / bitWidth
    return row * columns + word % wordColumns
  }

  /// The code that a change adds to this one, round the end if need be.
  @inline(__always)
  func adding(_ difference: Int, to code: Int) -> Int {
    ordinal((ordinal(code) + difference) & (1 << bitWidth - 1))
  }

  /// The smallest change, up or down, that turns one code into the other.
  @inline(__always)
  func difference(from before: Int, to after: Int) -> Int {
    let half = 1 << (bitWidth - 1)
    return (ordinal(after) - ordinal(before) + half) & (2 * half - 1) - half
  }

  /// The place of a code among all, by value; and the code of a place.
  @inline(__always)
  private func ordinal(_ code: Int) -> Int {
    let sign = 1 << (bitWidth - 1)
    return isFloat && code & sign != 0 ? code ^ (sign - 1) : code
  }
}

extension RawSpan {
  /// The code at these bits.
  func code(atBit bit: Int, bitWidth: Int) -> Int {
    let (byte, shift) = (bit >> 3, bit & 7)
    var bits = Int(self[byteAt: byte]) >> shift
    if shift + bitWidth > 8 { bits |= Int(self[byteAt: byte + 1]) << (8 - shift) }
    return bits & (1 << bitWidth - 1)
  }
}

extension MutableRawSpan {
  /// Puts a code at these bits, without what is too high for it.
  mutating func setCode(_ code: Int, atBit bit: Int, bitWidth: Int) {
    let mask = (1 << bitWidth - 1) << (bit & 7)
    let bits = code << (bit & 7)
    for index in 0..<(bit & 7 + bitWidth > 8 ? 2 : 1) {
      let kept = UInt8(truncatingIfNeeded: mask >> (8 * index))
      let byte = bit >> 3 + index
      let changed = UInt8(truncatingIfNeeded: bits >> (8 * index)) & kept
      storeBytes(of: bytes[byteAt: byte] & ~kept | changed, toByteOffset: byte, as: UInt8.self)
    }
  }
}
