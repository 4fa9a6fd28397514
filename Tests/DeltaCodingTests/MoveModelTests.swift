import Testing

@testable import DeltaCoding

@Suite struct MoveModelTests {
  private func table(_ open: ClosedRange<Int>) -> OddsTable {
    let counts = (0..<256).map { open.contains($0) ? 1000 : 0 }
    return OddsTable(counts: counts, hits: counts.map { $0 / 10 })
  }

  /// Any mantissa at one exponent.
  private func bits(_ exponent: Int, _ mantissa: UInt16) -> UInt16 {
    UInt16(exponent) << 7 | mantissa & 127
  }

  @Test func `a base may have had any exponent that is open, and comes back`() {
    let odds = table(100...120)
    let layout = FloatLayout(.bfloat16)
    var generator = SeededGenerator(5)
    let pairs = (90...130).flatMap { reached in
      (100...120).filter { $0 != reached }.map { base in
        (
          before: bits(base, UInt16(truncatingIfNeeded: generator.next())),
          after: bits(reached, UInt16(truncatingIfNeeded: generator.next()))
        )
      }
    }
    var encoder = MoveEncoder(
      count: pairs.count, odds: odds, layout: layout, values: RangeEncoder())
    var passed: Int64 = 0
    for pair in pairs {
      let weight = unsafe encoder.weights(pair.after, biasedLevel: Levels.noLevel)
      encoder.code(
        pair.before, pair.after, biasedLevel: Levels.noLevel, weight: weight,
        passed: &passed, bases: odds)
    }
    let coded = encoder.finish()
    #expect(coded.counts.total == pairs.count)
    var decoder = MoveDecoder(
      coded.counts, odds: odds, layout: layout, positions: coded.positions,
      values: RangeDecoder(coded.values))
    var left = decoder.distance
    for pair in pairs {
      let weight = unsafe decoder.weights(pair.after, biasedLevel: Levels.noLevel)
      left &-= weight
      var exponent = pair.after.exponent(mantissaBitCount: 7)
      if left < 0 {
        exponent = decoder.exponent(
          of: pair.after, biasedLevel: Levels.noLevel, weight: weight, left: &left,
          bases: odds)
      }
      #expect(exponent == pair.before.exponent(mantissaBitCount: 7))
    }
  }

  @Test func `an element weighs less the farther it is from the edges of its binade`() {
    let counts = [Int](repeating: 100_000, count: 256)
    let hits = (0..<256).map {
      100_000 * LogScale.probability(4 * (120 - $0) - 20) / 65_536
    }
    let odds = OddsTable(counts: counts, hits: hits)
    let model = MoveModel(odds, layout: FloatLayout(.bfloat16))
    var weights: [Int64] = []
    for mantissa: UInt16 in 0..<128 {
      weights.append(
        unsafe model.elementWeights(bits(116, mantissa), biasedLevel: Levels.noLevel))
    }
    #expect(weights == weights.reversed())
    for mantissa in 1..<64 { #expect(weights[mantissa] <= weights[mantissa - 1]) }
    #expect(weights[0] > 1000 * weights[63])
  }
}
