import Testing

@testable import DeltaCoding

@Suite struct RangeCoderTests {
  /// Bits of which one in `rarity` is 1, and numbers between them.
  private func bits(_ count: Int, oneIn rarity: UInt64) -> [Bool] {
    var generator = SeededGenerator(rarity)
    return (0..<count).map { _ in generator.next() % rarity == 0 }
  }

  @Test(arguments: [1, 2, 10, 1000] as [UInt64])
  func `bits and numbers come back`(rarity: UInt64) {
    let bits = bits(4000, oneIn: rarity)
    var encoder = RangeEncoder()
    let written = AdaptiveBits(count: 2)
    for (index, bit) in bits.enumerated() {
      _ = encoder.code(bit, written, index & 1)
      _ = encoder.codeRaw(UInt32(index), count: index % 5 == 0 ? 32 : 0)
    }
    var decoder = RangeDecoder(encoder.finish())
    let read = AdaptiveBits(count: 2)
    for (index, bit) in bits.enumerated() {
      #expect(decoder.code(false, read, index & 1) == bit)
      #expect(
        decoder.codeRaw(0, count: 32 * (index % 5 == 0 ? 1 : 0))
          == (index % 5 == 0 ? UInt32(index) : 0))
    }
  }

  @Test func `rare bits cost hardly more than their entropy`() {
    let bits = bits(100_000, oneIn: 64)
    var encoder = RangeEncoder()
    let models = AdaptiveBits(count: 1)
    for bit in bits { _ = encoder.code(bit, models, 0) }
    // One in 64 has an entropy of 0.1161 bits; a model that never settles pays for that.
    #expect((1400..<1530).contains(encoder.finish().count))
  }

  @Test func `a model that is sure and right costs next to nothing, one that is wrong eleven bits`()
  {
    var sure = RangeEncoder()
    let models = AdaptiveBits(count: 2)
    for _ in 0..<10_000 { _ = sure.code(true, models, 0) }
    #expect(sure.finish().count <= 5)
    var wrong = RangeEncoder()
    for _ in 0..<100 {
      models.start(1, at: 65_536, trust: 90)
      _ = wrong.code(false, models, 1)
    }
    #expect((1350...1400).contains(wrong.finish().count * 10))
  }

  @Test func `past the end of a stream there are zeros`() {
    var decoder = RangeDecoder([])
    for _ in 0..<100 { #expect(decoder.codeRaw(0, count: 7) == 0) }
  }
}
