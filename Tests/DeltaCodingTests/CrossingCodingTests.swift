import DeltaCoding
import Testing

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
}
