import ByteIO
import Testing

@testable import DeltaCoding

@Suite struct CrossingCodingTests {
  /// Elements of which every 20th goes to the neighbour in the next binade, and some elsewhere.
  private static func sample(_ format: FloatFormat, others: Int) -> Sample {
    var sample = Sample(format, rows: 50, columns: 80)
    var generator = SeededGenerator(3)
    let edge = UInt32(1) << UInt32(format.mantissaBitCount)
    for index in 0..<4000 {
      let sign: UInt32 = generator.next() % 2 == 0 ? 0 : 0x80
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

  @Test(arguments: FloatFormat.narrow, [0, 3])
  func `crossings come back both ways, and need nothing for strip alone`(
    format: FloatFormat, others: Int
  ) throws {
    let sample = Self.sample(format, others: others)
    let chunk = sample.encoded()
    #expect(chunk.bytes[0] == Coding.crossings.rawValue)
    #expect(chunk.changedCount == 400 + 200 * others)
    let (applied, stripped) = try sample.decoded(chunk.bytes)
    #expect(applied == sample.result)
    #expect(stripped == sample.base)
    #expect(try ChunkCoder(sample.shape).summary(of: chunk.bytes.span.bytes).strip == 0)
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
    let (applied, stripped) = try sample.decoded(sample.encoded().bytes)
    #expect(applied == sample.result)
    #expect(stripped == sample.base)
  }

  @Test func `elements at no edge never cross, whatever the table of odds says of them`() throws {
    // As no writer makes it: elements at no edge are as likely to cross as the one at edge 5.
    let counts = (0..<16).map { $0 == 0 || $0 == 5 ? 1000 : 0 }
    var table = OddsTable(counts: counts, hits: counts.map { $0 / 100 })
    let isOpen = table.isOpen(0)
    #expect(isOpen)
    var values = RangeEncoder()
    table.code(with: &values)
    let weight = GapModel.weights[Int(table.odds[5]) - GapModel.leastOdds]
    var positions = RangeEncoder()
    var gaps = GapModel()
    gaps.encode(before: 0, weight: weight, with: &positions)
    let (positionBytes, valueBytes) = (positions.finish(), values.finish())
    let chunk =
      [Coding.crossings.rawValue, 1, 0, UInt8(positionBytes.count), UInt8(valueBytes.count)]
      + positionBytes + valueBytes
    var sample = Sample(.float8E4M3, rows: 2, columns: 8)
    for index in 0..<16 {
      sample.append(index == 13 ? 0x28 : 0x2A, index == 13 ? 0x27 : 0x2A)
    }
    let (applied, stripped) = try sample.decoded(chunk)
    #expect(applied == sample.result)
    #expect(stripped == sample.base)
  }
}
