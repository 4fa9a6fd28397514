import ByteIO
import Testing

@testable import DeltaCoding

@Suite struct SparseCodingTests {
  private func expectRoundTrip(_ sample: Sample) throws -> EncodedChunk {
    let chunk = sample.encoded()
    let (applied, stripped) = try sample.decoded(chunk.bytes)
    #expect(applied == sample.result)
    #expect(stripped == sample.base)
    return chunk
  }

  @Test(
    arguments: [
      (0x3C10, 0x3C11, .within), (0x3C7E, 0x3C7F, .within), (0x3C7F, 0x3C80, .near),
      (0x3C80, 0x3C7F, .near), (0x3C70, 0x3C90, .near), (0xBC7F, 0xBC80, .near),
      // The far half of either binade is nearer to another edge.
      (0x3C30, 0x3C80, .wide), (0x3C7F, 0x3CC0, .wide), (0x3C7F, 0x3D00, .wide),
      (0x3C7F, 0xBC7F, .wide), (0x3C80, 0xBC7F, .wide), (0x0000, 0x3C80, .wide),
      // Subnormals, and zeros of either sign, have an exponent of their own.
      (0x0000, 0x8000, .within), (0x0001, 0x8001, .within), (0x007F, 0x807F, .wide),
      (0x007F, 0x0080, .near),
    ] as [(UInt16, UInt16, ChangeStep)])
  func `a step is near if both ends are the nearest to the edge between them`(
    before: UInt16, after: UInt16, step: ChangeStep
  ) {
    let layout = FloatLayout(.bfloat16)
    #expect(layout.step(from: before, to: after) == step)
    #expect(layout.step(from: after, to: before) == step)
  }

  /// Two sides whose odds, contexts and weights are of any kind; of the same exponent within a binade.
  private func sides(
    _ step: ChangeStep, _ generator: inout SeededGenerator
  ) -> (base: SparseSide, result: SparseSide) {
    func share() -> UInt32 {
      let least = AdaptiveBits.least
      return [
        least, 65_536 - least, least + UInt32(generator.next() % UInt64(65_536 - 2 * least)),
      ][
        Int(generator.next() % 3)]
    }
    func weight() -> Int64 {
      generator.next() % 3 == 0
        ? GapModel.likelyWeight : 2 + Int64(generator.next() >> (37 + generator.next() % 26))
    }
    func side(_ weight: Int64, _ changeShare: UInt32) -> SparseSide {
      SparseSide(
        weight: weight, flag: 0, context: 0, changeShare: changeShare, crossingShare: share(),
        nearShare: share())
    }
    let (first, changeShare) = (weight(), share())
    let base = side(first, changeShare)
    return (base, step == .within ? side(first, changeShare) : side(weight(), share()))
  }

  @Test(arguments: [ChangeStep.within, .near, .wide])
  func `what is written of a change means it to both sides`(step: ChangeStep) {
    var generator = SeededGenerator(17)
    for _ in 0..<5000 {
      let width = RangeDecoder.leastRange + generator.next() >> (generator.next() % 16)
      let (base, result) = sides(step, &generator)
      let change = SparseChange(step: step, base: base, result: result)
      #expect((change.weights == nil) == (base.isLikely && result.isLikely))
      #expect((change.flags(in: width) == nil) == (!base.isLikely && !result.isLikely))
      #expect((change.crossings(in: width) == nil) == (step == .within))
      for side in [base, result] {
        if !side.isLikely, let part = change.weights {
          #expect(part.width > 0 && part.from >= 0 && part.from + part.width <= side.weight)
          #expect((part.from < side.crossingWeight) == (step != .within))
          #expect((part.from + part.width <= side.crossingWeight) == (step != .within))
        }
        if side.isLikely, let part = change.flags(in: width) {
          let bounds = side.flagBounds(in: width)
          #expect(part.from < part.to && part.to <= bounds.change)
          #expect((part.from < bounds.crossing) == (step != .within))
          #expect((part.to <= bounds.crossing) == (step != .within))
        }
        if let part = change.crossings(in: width) {
          #expect(part.from < part.to && part.to <= width)
          #expect((part.to <= side.nearBound(in: width)) == (step == .near))
          #expect((part.from < side.nearBound(in: width)) == (step == .near))
        }
      }
    }
  }

  /// Elements of which every 20th goes to the neighbour in the next binade, and some elsewhere.
  private static func crossings(_ format: FloatFormat, others: Int) -> Sample {
    var sample = Sample(format, rows: 50, columns: 80)
    var generator = SeededGenerator(3)
    let edge = UInt32(1) << UInt32(format.mantissaBitCount)
    for index in 0..<4000 {
      let sign: UInt32 = generator.next() % 2 == 0 ? 0 : 1 << UInt32(8 * format.byteWidth - 1)
      let upper = (2 + UInt32(generator.next() % 3)) * edge | sign
      switch index % 20 {
      case 0: sample.append(upper, upper - 1)
      case 10: sample.append(upper - 1, upper)
      case 1..<(1 + others): sample.append(upper + 1, upper + 2)
      default: sample.append(upper + 1, upper + 1)
      }
    }
    return sample
  }

  @Test(arguments: FloatFormat.all, [0, 3])
  func `what crosses comes back both ways, and costs what its place does`(
    format: FloatFormat, others: Int
  ) throws {
    let sample = Self.crossings(format, others: others)
    let chunk = try expectRoundTrip(sample)
    #expect(chunk.bytes[0] & 15 == Coding.sparse.rawValue)
    #expect(chunk.changedCount == 400 + 200 * others)
    // A place among 4,000 elements and little else: 10 bits, and less where many change.
    #expect(chunk.bytes.count < (400 + 200 * others) * 10 / 8)
  }

  @Test(
    arguments: [
      ([6, 3, 2], "more changes than elements"), ([6, 5, 0], "more changes than elements"),
      ([6, 0, 0], "a chunk that changes nothing has no bytes"),
      ([0x46, 1, 0, 0x81, 2], "257 shifts for 256 exponents"),
      ([0x46, 1, 0, 1, 9, 8], "a shift that cannot be"),
      ([0x46, 1, 0, 2, 9, 1, 9, 1], "a shift that cannot be"),
    ] as [([UInt8], String)])
  func `counts and shifts that cannot be are refused, also by the summary`(
    chunk: [UInt8], reason: String
  ) {
    let coder = ChunkCoder(ChunkShape(element: .float(.bfloat16), rows: 2, columns: 2))
    let error = #expect(throws: FormatError.self) { try coder.summary(of: chunk.rawSpan) }
    #expect(error?.reason == .corrupt(reason))
  }

  @Test func `a row of more columns than levels are kept of comes back both ways`() throws {
    var sample = Sample(.float8E4M3, rows: 3, columns: Levels.mostColumns + 1)
    var generator = SeededGenerator(37)
    for _ in 0..<sample.shape.elementCount {
      let random = generator.next()
      let bits = UInt32(truncatingIfNeeded: random) & 0xBF
      sample.append(bits, random >> 32 % 500 == 0 ? bits ^ 1 : bits)
    }
    _ = try expectRoundTrip(sample)
  }

  @Test(arguments: FloatFormat.narrow)
  func `every byte may become every other`(format: FloatFormat) throws {
    var sample = Sample(format, rows: 256, columns: 256)
    for before in 0..<256 {
      for after in 0..<256 {
        // Mostly as it was, so that changes are coded one by one.
        sample.append(UInt32(before), UInt32(after % 7 == 0 ? after : before))
      }
    }
    _ = try expectRoundTrip(sample)
  }

  @Test(arguments: FloatFormat.all)
  func `zeros become numbers of any size, and numbers zeros or their opposites`(
    format: FloatFormat
  ) throws {
    var sample = Sample(format, rows: 60, columns: 100)
    var generator = SeededGenerator(23)
    let signBit = UInt32(1) << UInt32(8 * format.byteWidth - 1)
    for index in 0..<6000 {
      let row = index / 100
      let bits = format.bits(generator.normal() * 0.02)
      let other = format.bits(generator.normal() * 1e-3)
      switch (row % 6, index % 12) {
      // Rows of zeros all of which change, and others in which few do.
      case (0, 0...2): sample.append(0, other)
      case (0, 3): sample.append(signBit, other)
      case (0, _): sample.append(0, 0)
      case (_, 0): sample.append(bits, bits & signBit)
      case (_, 1): sample.append(bits, bits ^ signBit)
      default: sample.append(bits, bits)
      }
    }
    let chunk = try expectRoundTrip(sample)
    #expect(chunk.bytes[0] & 15 == Coding.sparse.rawValue)
  }

  @Test(arguments: [FloatFormat.float16, .float8E4M3])
  func `rows of zeros that are filled cost what their numbers do`(format: FloatFormat) throws {
    // Their exponents are those of many numbers that do not change, among which strip must find them.
    var sample = Sample(format, rows: 100, columns: 400)
    var generator = SeededGenerator(31)
    for index in 0..<40_000 {
      let bits = format.bits(generator.normal() * 0.02)
      sample.append(index / 400 % 20 == 7 ? 0 : bits, bits)
    }
    let chunk = try expectRoundTrip(sample)
    #expect(chunk.bytes.count < 2000 * format.byteWidth * 11 / 10)
  }

  @Test(arguments: FloatFormat.all)
  func `an element that one side looks at and the other does not is told to both`(
    format: FloatFormat
  ) throws {
    // Half of what is below one changes, and little above it; some change from one to the other.
    var sample = Sample(format, rows: 60, columns: 100)
    var generator = SeededGenerator(29)
    let mantissaBitCount = UInt32(format.mantissaBitCount)
    let upper = format.bits(0.02) & ~((1 << mantissaBitCount) - 1)
    let step: UInt32 = 1 << (mantissaBitCount - 2)
    for _ in 0..<6000 {
      let random = generator.next()
      switch random % 16 {
      case 0: sample.append(upper - step, upper - step - 1)
      case 1: sample.append(upper - step, random & 0x300 == 0 ? upper + step : upper - step)
      case 2: sample.append(upper - step, upper - step)
      default: sample.append(upper + step, random % 1024 < 16 ? upper - step : upper + step)
      }
    }
    let chunk = try expectRoundTrip(sample)
    var reader = ByteReader(chunk.bytes.span.bytes)
    let fields = OptionalFields(rawValue: try reader.read(UInt8.self) & 0xF0)
    let parts = try SparseCoding(sample.shape, format).parse(&reader, fields)
    #expect(parts.header.rareCount > 100)
    #expect(parts.header.likelyCount > 300)
    #expect(!parts.positions.isEmpty && !parts.flags.isEmpty)
  }
}
