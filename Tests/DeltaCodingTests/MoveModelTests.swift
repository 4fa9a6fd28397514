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
    for pair in pairs { encoder.encode(pair.before, pair.after, bases: odds) }
    let coded = encoder.finish()
    #expect(coded.counts.total == pairs.count)
    var decoder = MoveDecoder(
      coded.counts, odds: odds, layout: layout, positions: coded.positions,
      values: RangeDecoder(coded.values))
    for pair in pairs {
      #expect(
        decoder.exponent(of: pair.after, bases: odds)
          == pair.before.exponent(mantissaBitCount: 7))
    }
  }

  @Test func `an element weighs less the farther it is from the edges of its binade`() {
    let counts = [Int](repeating: 100_000, count: 256)
    let hits = (0..<256).map {
      100_000 * LogScale.probability(4 * (120 - $0) - 20) / 65_536
    }
    let odds = OddsTable(counts: counts, hits: hits)
    let model = MoveModel(odds, layout: FloatLayout(.bfloat16))
    let weights = (0..<128).map { mantissa in
      MoveModel.weight(model.odds(of: bits(116, mantissa), odds))
    }
    #expect(weights == weights.reversed())
    for mantissa in 1..<64 { #expect(weights[mantissa] <= weights[mantissa - 1]) }
    #expect(weights[0] > 1000 * weights[63])
  }

  @Test(arguments: [FloatFormat.bfloat16, .float16, .float32])
  func `a distance's class is its bit length, in every type of floats`(format: FloatFormat) {
    let layout = FloatLayout(format)
    let known = min(layout.mantissaBitCount, 10)
    let distances = EdgeDistances(layout)
    for upper in 0..<(1 << known) {
      let distance = min(upper, (1 << known) - 1 - upper)
      let magnitude = (5 << known | upper) << (layout.mantissaBitCount - known)
      let (exponent, found) =
        layout.bitWidth == 32
        ? distances.split(UInt32(magnitude) | 1 << 31)
        : distances.split(UInt16(magnitude) | 1 << 15)
      #expect(exponent == 5)
      #expect(found == Int.bitWidth - distance.leadingZeroBitCount)
    }
  }
}
