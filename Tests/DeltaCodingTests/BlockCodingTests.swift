import ByteIO
import DeltaCoding
import TestSupport
import Testing

@Suite struct BlockCodingTests {
  /// A base and a result of random blocks.
  struct Pair {
    let coder: ChunkCoder
    let base: [UInt8]
    let result: [UInt8]

    init(_ format: BlockFormat, rows: Int, columns: Int, share: Double, seed: UInt64) {
      var generator = SeededGenerator(seed)
      coder = ChunkCoder(
        ChunkShape(element: .block(format, elementCount: 32), rows: rows, columns: columns))
      let count = coder.shape.byteCount
      let base = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
      var result = base
      for index in 0..<count where Double.random(in: 0..<1, using: &generator) < share {
        result[index] &+= UInt8.random(in: 1...255, using: &generator)
      }
      self.base = base
      self.result = result
    }

    enum Direction { case apply, strip }

    func decode(
      _ chunk: [UInt8], from input: [UInt8], _ direction: Direction
    ) throws(FormatError) -> [UInt8] {
      var output = [UInt8](repeating: 0, count: input.count)
      try output.withMutableRawSpan { (span) throws(FormatError) in
        if direction == .apply {
          try coder.apply(chunk.rawSpan, to: input.rawSpan, into: &span)
        } else {
          try coder.strip(chunk.rawSpan, from: input.rawSpan, into: &span)
        }
      }
      return output
    }
  }

  @Test(arguments: BlockFormat.allCases)
  func `the values of a block hold each of its bits once`(format: BlockFormat) {
    let layout = format.layout
    var bits = Set<Int>()
    for plane in 0..<BlockLayout.planeCount {
      for value in layout.values(plane) {
        for part in [value.low, value.high] {
          for bit in 0..<part.width {
            #expect(bits.insert(8 * part.byte + part.shift + bit).inserted)
          }
        }
      }
    }
    #expect(bits == Set(0..<8 * layout.byteCount))
  }

  @Test(arguments: BlockFormat.allCases, [0.001, 0.02, 1])
  func `apply gives the result and strip the base`(format: BlockFormat, share: Double) throws {
    let pair = Pair(format, rows: 9, columns: 7, share: share, seed: 7)
    let chunk = pair.coder.encode(base: pair.base.rawSpan, result: pair.result.rawSpan)
    #expect(try pair.decode(chunk.bytes, from: pair.base, .apply) == pair.result)
    #expect(try pair.decode(chunk.bytes, from: pair.result, .strip) == pair.base)
    let width = pair.coder.shape.element.byteWidth
    let changed = stride(from: 0, to: pair.base.count, by: width).count {
      pair.base[$0..<$0 + width] != pair.result[$0..<$0 + width]
    }
    #expect(chunk.changedCount == 32 * changed)
    #expect(chunk.bytes.isEmpty == (changed == 0))
    #expect(chunk.bytes.count < pair.base.count + 64)
  }

  @Test func `a change costs a few bytes, wherever in the block it is`() {
    for byte in [0, 1, 2, 100, 143] {
      let pair = Pair(.q4K, rows: 50, columns: 10, share: 0, seed: 1)
      var result = pair.base
      result[200 * 144 + byte] ^= 1
      let chunk = pair.coder.encode(base: pair.base.rawSpan, result: result.rawSpan)
      #expect(chunk.bytes.count < 24, "byte \(byte)")
      #expect(chunk.changedCount == 32)
    }
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func `a damaged chunk gives an error or wrong blocks, and nothing worse`(seed: UInt64) throws {
    var generator = SeededGenerator(seed)
    let format = BlockFormat.allCases[Int(seed) % BlockFormat.allCases.count]
    let pair = Pair(format, rows: 5, columns: 4, share: 0.004, seed: seed)
    let chunk = pair.coder.encode(base: pair.base.rawSpan, result: pair.result.rawSpan).bytes
    guard !chunk.isEmpty else { return }
    for _ in 0..<40 {
      var damaged = chunk
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        let index = Int.random(in: 0..<damaged.count, using: &generator)
        damaged[index] = UInt8.random(in: 0...255, using: &generator)
      }
      if Bool.random(using: &generator) {
        damaged.removeLast(Int.random(in: 0..<damaged.count, using: &generator))
      }
      _ = try? pair.decode(damaged, from: pair.base, .apply)
      _ = try? pair.decode(damaged, from: pair.result, .strip)
    }
  }

  @Test func `wide floats made from narrow ones do not pay for their zero bits`() throws {
    var generator = SeededGenerator(5)
    let coder = ChunkCoder(ChunkShape(element: .float(.float32), rows: 1, columns: 4096))
    func bytes(_ words: [UInt32]) -> [UInt8] { SafetensorsBuilder.littleEndian(words) }
    let base = (0..<4096).map { _ in UInt32.random(in: 0x3D00...0x3F80, using: &generator) }
    let result = base.map { Bool.random(using: &generator) ? $0 + 1 : $0 }
    let narrow = ChunkCoder(ChunkShape(element: .float(.bfloat16), rows: 1, columns: 4096))
    let narrowSize = narrow.encode(
      base: SafetensorsBuilder.littleEndian(base.map { (word: UInt32) in UInt16(word) }).rawSpan,
      result: SafetensorsBuilder.littleEndian(result.map { (word: UInt32) in UInt16(word) }).rawSpan
    ).bytes.count
    let (before, after) = (bytes(base.map { $0 << 16 }), bytes(result.map { $0 << 16 }))
    let chunk = coder.encode(base: before.rawSpan, result: after.rawSpan).bytes
    #expect(chunk.count < narrowSize + narrowSize / 8)
    var output = [UInt8](repeating: 0, count: before.count)
    try output.withMutableRawSpan { (span) throws(FormatError) in
      try coder.strip(chunk.rawSpan, from: after.rawSpan, into: &span)
    }
    #expect(output == before)
  }
}
