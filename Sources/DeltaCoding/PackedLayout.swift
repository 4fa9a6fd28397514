internal import ByteIO

/// How small codes lie in the words of a chunk (Formats/delta-coding.md, "Coding 5").
struct PackedLayout: Equatable {
  /// 2, 3, 4 or 8.
  let bitWidth: Int
  /// Whether the codes of a word are of as many rows, and not of columns.
  let isDownward: Bool
  /// Of the matrix of codes.
  let rows: Int
  let columns: Int

  private let byteWidth: Int
  private let wordColumns: Int

  /// - Returns: nil where codes of this width do not fill these words.
  init?(_ shape: ChunkShape, byteWidth: Int, bitWidth: Int, isDownward: Bool) {
    guard [2, 3, 4, 8].contains(bitWidth) else { return nil }
    self.bitWidth = bitWidth
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
    guard byte < 32 else { return nil }
    self.init(
      shape, byteWidth: byteWidth, bitWidth: Int(byte & 15), isDownward: byte & 16 != 0)
  }

  /// What a chunk says of it.
  var byte: UInt8 { UInt8(bitWidth) | (isDownward ? 16 : 0) }

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
