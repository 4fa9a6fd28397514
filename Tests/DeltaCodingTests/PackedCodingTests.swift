import ByteIO
import DeltaCoding
import Testing

@Suite struct PackedCodingTests {
  /// Words made of codes, one of which in so many changes a little.
  private struct Sample {
    let shape: ChunkShape
    var base: [UInt8]
    var result: [UInt8]

    /// Codes of a column change together if `down` is set: `columns` words a row, codes run down.
    init(
      byteWidth: Int, bitWidth: Int, rows: Int, columns: Int, oneIn rate: UInt64, seed: UInt64,
      isDownward: Bool = false
    ) {
      shape = ChunkShape(element: .word(byteWidth: byteWidth), rows: rows, columns: columns)
      var generator = SeededGenerator(seed)
      base = (0..<shape.byteCount).map { _ in UInt8.random(in: 0...255, using: &generator) }
      result = base
      let favoured = (0..<columns).map { _ in generator.next() % 8 == 0 }
      let bits = 8 * byteWidth
      for word in 0..<rows * columns {
        for place in stride(from: 0, to: bits - bitWidth + 1, by: bitWidth) {
          let likely = !isDownward || favoured[word % columns]
          guard likely, generator.next() % rate == 0 else { continue }
          // The lowest bit of the code, so that it changes by one.
          result[word * byteWidth + place / 8] ^= 1 << UInt8(place % 8)
        }
      }
    }

    var chunk: EncodedChunk {
      ChunkCoder(shape).encode(base: base.rawSpan, result: result.rawSpan)
    }

    func decoded(_ chunk: [UInt8]) throws -> (applied: [UInt8], stripped: [UInt8]) {
      let coder = ChunkCoder(shape)
      var (applied, stripped) = (base, base)
      try applied.withMutableRawSpan { (span) throws(FormatError) in
        try coder.apply(chunk.rawSpan, to: base.rawSpan, into: &span)
      }
      try stripped.withMutableRawSpan { (span) throws(FormatError) in
        try coder.strip(chunk.rawSpan, from: result.rawSpan, into: &span)
      }
      return (applied, stripped)
    }
  }

  @Test(arguments: [1, 4], [2, 4, 8])
  func `packed codes come back both ways, and the chunk says how wide they are`(
    byteWidth: Int, bitWidth: Int
  ) throws {
    for (rows, columns) in [(1, 3), (70, 1), (40, 96), (3, 1500)] {
      let sample = Sample(
        byteWidth: byteWidth, bitWidth: bitWidth, rows: rows, columns: columns, oneIn: 90,
        seed: UInt64(rows + bitWidth))
      let chunk = sample.chunk
      let (applied, stripped) = try sample.decoded(chunk.bytes)
      #expect(applied == sample.result)
      #expect(stripped == sample.base)
      guard rows == 40 else { continue }
      #expect(chunk.bytes[0] & 15 == Coding.packed.rawValue)
      #expect(Int(chunk.bytes[1] & 15) == bitWidth)
    }
  }

  @Test(arguments: [3, 5, 6]) func `codes may lie over two words`(bitWidth: Int) throws {
    var sample = Sample(
      byteWidth: 4, bitWidth: 32, rows: 20, columns: 60, oneIn: .max, seed: 5)
    for code in stride(from: 10, to: 20 * 60 * 32 / bitWidth, by: 41) {
      sample.result[bitWidth * code / 8] ^= 1 << UInt8(bitWidth * code % 8)
    }
    let chunk = sample.chunk.bytes
    #expect(Array(chunk.prefix(2)) == [Coding.packed.rawValue, UInt8(bitWidth)])
    let (applied, stripped) = try sample.decoded(chunk)
    #expect(applied == sample.result)
    #expect(stripped == sample.base)
  }

  /// Codes of eight bits near the one that stands for zero, one in 50 of which goes one up.
  private func stepping(_ order: (Int) -> UInt8) -> Sample {
    var sample = Sample(byteWidth: 1, bitWidth: 8, rows: 60, columns: 80, oneIn: .max, seed: 13)
    var generator = SeededGenerator(14)
    for index in sample.base.indices {
      let value = Int(generator.next() % 6) - 3
      sample.base[index] = order(value)
      sample.result[index] = order(generator.next() % 50 == 0 ? value + 1 : value)
    }
    return sample
  }

  @Test func `codes may be unsigned, signed, or floats, and steps over zero cost the same`() throws
  {
    let unsigned = stepping { UInt8($0 + 128) }
    let signed = stepping { UInt8(truncatingIfNeeded: $0) }
    let floats = stepping { $0 < 0 ? UInt8(127 - $0) : UInt8($0) }
    for (sample, layout) in [(unsigned, 8), (signed, 8), (floats, 8 + 32)] as [(Sample, UInt8)] {
      let chunk = sample.chunk.bytes
      #expect(Array(chunk.prefix(2)) == [Coding.packed.rawValue, layout])
      #expect(chunk.count == unsigned.chunk.bytes.count)
      let (applied, stripped) = try sample.decoded(chunk)
      #expect(applied == sample.result)
      #expect(stripped == sample.base)
    }
  }

  @Test func `codes of MXFP4 and NVFP4 are found to be floats`() throws {
    var sample = Sample(byteWidth: 1, bitWidth: 4, rows: 60, columns: 80, oneIn: .max, seed: 15)
    // From 6 down to -6, with both zeros.
    let order: [UInt8] = [7, 6, 5, 4, 3, 2, 1, 0, 8, 9, 10, 11, 12, 13, 14, 15]
    for (index, code) in stride(from: 3, to: 2 * 60 * 80, by: 37).enumerated() {
      let place = index % 15
      let isUpper = code % 2 == 1
      let mask: UInt8 = isUpper ? 0xF0 : 0x0F
      let shift = isUpper ? 4 : 0
      sample.base[code / 2] = sample.base[code / 2] & ~mask | order[place] << shift
      sample.result[code / 2] = sample.base[code / 2] & ~mask | order[place + 1] << shift
    }
    let chunk = sample.chunk.bytes
    #expect(Array(chunk.prefix(2)) == [Coding.packed.rawValue, 4 + 32])
    let (applied, stripped) = try sample.decoded(chunk)
    #expect(applied == sample.result)
    #expect(stripped == sample.base)
  }

  @Test func `a chunk of one column is coded as one row is`() throws {
    let row = Sample(byteWidth: 1, bitWidth: 4, rows: 1, columns: 9000, oneIn: 50, seed: 16)
    let column = ChunkCoder(ChunkShape(element: row.shape.element, rows: 9000, columns: 1))
    let chunk = column.encode(base: row.base.rawSpan, result: row.result.rawSpan)
    #expect(chunk.bytes == row.chunk.bytes)
  }

  @Test func `codes that run down the rows are found to do so`() throws {
    let sample = Sample(
      byteWidth: 4, bitWidth: 4, rows: 60, columns: 200, oneIn: 20, seed: 6, isDownward: true)
    let chunk = sample.chunk.bytes
    #expect(Array(chunk.prefix(2)) == [Coding.packed.rawValue | 0x10, 4 + 16])
    let (applied, stripped) = try sample.decoded(chunk)
    #expect(applied == sample.result)
    #expect(stripped == sample.base)
  }

  @Test(arguments: [CodedElement.word(byteWidth: 1), .float(.float8E4M3)])
  func `a row of more columns than have levels comes back both ways`(element: CodedElement) throws {
    let shape = ChunkShape(element: element, rows: 1, columns: 1 << 21 + 1)
    var generator = SeededGenerator(12)
    let base = (0..<shape.byteCount).map { _ in UInt8.random(in: 0...255, using: &generator) }
    var result = base
    for index in stride(from: 5, to: result.count, by: 9973) { result[index] ^= 0x08 }
    for index in base.indices where base[index] == 0x77 && index % 5 == 0 { result[index] = 0x78 }
    let coder = ChunkCoder(shape)
    let chunk = coder.encode(base: base.rawSpan, result: result.rawSpan).bytes
    #expect(chunk.count < 40_000)
    var output = [UInt8](repeating: 0xAA, count: base.count)
    try output.withMutableRawSpan { (span) throws(FormatError) in
      try coder.apply(chunk.rawSpan, to: base.rawSpan, into: &span)
    }
    #expect(output == result)
    try output.withMutableRawSpan { (span) throws(FormatError) in
      try coder.strip(chunk.rawSpan, from: result.rawSpan, into: &span)
    }
    #expect(output == base)
  }

  @Test func `an unrelated result costs little more than its raw bytes`() {
    var sample = Sample(
      byteWidth: 4, bitWidth: 4, rows: 50, columns: 100, oneIn: .max, seed: 7)
    sample.result.reverse()
    #expect(sample.chunk.bytes.count <= sample.base.count * 102 / 100)
  }

  @Test func `a change counts once for each word`() {
    var sample = Sample(byteWidth: 4, bitWidth: 4, rows: 10, columns: 100, oneIn: .max, seed: 8)
    sample.result[40] ^= 0x11
    sample.result[42] ^= 0x01
    sample.result[44] ^= 0x10
    #expect(sample.chunk.changedCount == 2)
  }

  @Test func `damaged chunks are errors or outputs`() throws {
    let sample = Sample(
      byteWidth: 4, bitWidth: 4, rows: 30, columns: 50, oneIn: 50, seed: 9, isDownward: true)
    let chunk = sample.chunk.bytes
    var generator = SeededGenerator(10)
    for round in 0..<400 {
      var damaged = chunk
      for _ in 0..<(round % 4) {
        let end = Bool.random(using: &generator) ? 6 : damaged.count
        damaged[Int.random(in: 0..<end, using: &generator)] = .random(
          in: 0...255, using: &generator)
      }
      damaged.removeLast(round % 3 * Int.random(in: 0..<chunk.count / 2, using: &generator))
      do {
        _ = try sample.decoded(damaged)
      } catch let error as FormatError {
        #expect((0...damaged.count).contains(error.offset))
      }
    }
  }

  @Test(
    arguments: [
      [5, 1, 1], [5, 3, 1], [5, 7, 1], [5, 5 + 16, 1], [5, 2 + 32, 1], [5, 5 + 32, 1],
      [5, 4 + 64, 1],
      [5, 4, 0], [5, 4, 0xFF, 0xFF, 3], [5], [5, 4], [0x15, 4, 0x33],
    ] as [[UInt8]])
  func `a layout that does not fill the words, and a count that cannot be, are refused`(
    chunk: [UInt8]
  ) throws {
    let sample = Sample(byteWidth: 4, bitWidth: 4, rows: 5, columns: 20, oneIn: 9, seed: 11)
    #expect(throws: FormatError.self) { try sample.decoded(chunk) }
  }
}
