import Testing

@testable import DeltaCoding

@Suite struct GapModelTests {
  /// Odds of elements, all unlikely, and which of them change.
  private func elements(_ odds: [Int], _ count: Int) -> [(weight: Int64, changes: Bool)] {
    var generator = SeededGenerator(UInt64(odds.count))
    return (0..<count).map { _ in
      let own = odds[Int(generator.next() % UInt64(odds.count))]
      let chance = LogScale.power(own, shift: 30)
      return (
        GapModel.weights[own - GapModel.leastOdds],
        generator.next() % (1 << 30 + chance) < chance
      )
    }
  }

  @Test(arguments: [[-8], [-12, -20, -30], [-16], [-34, -8], [-60, -7, -100]])
  func `gaps lead to each change, at little more than its entropy`(odds: [Int]) {
    let elements = elements(odds, 200_000)
    var model = GapModel()
    var encoder = RangeEncoder()
    var before: Int64 = 0
    for element in elements {
      if element.changes {
        model.encode(before: before, weight: element.weight, with: &encoder)
        before = 0
      } else {
        before += element.weight
      }
    }
    let bytes = encoder.finish()

    model = GapModel()
    var decoder = RangeDecoder(bytes)
    var target = model.decodeTarget(with: &decoder)
    var left = target.distance
    var remaining = elements.count { $0.changes }
    for (index, element) in elements.enumerated() where remaining > 0 {
      guard element.weight > left else {
        #expect(!element.changes, "\(index)")
        left -= element.weight
        continue
      }
      #expect(element.changes, "\(index)")
      model.settle(target, before: target.distance - left, weight: element.weight, with: &decoder)
      remaining -= 1
      target = remaining > 0 ? model.decodeTarget(with: &decoder) : GapModel.Target()
      left = target.distance
    }
    #expect(remaining == 0)

    // In 256ths of bits: log2(odds) for each change, and log2(e) · odds for each element.
    let sum = elements.reduce(0.0) {
      $0 + Double($1.weight) * 1.4427 / Double(1 << 30)
        + ($1.changes
          ? Double(LogScale.eighths(1 << 30) - LogScale.eighths(UInt64($1.weight))) / 8 : 0)
    }
    #expect(Double(bytes.count) < sum / 8 * 1.03 + 16)
  }
}
