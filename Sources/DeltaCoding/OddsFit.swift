/// Finds the line of an ``OddsTable`` under which a chunk's changes are the least surprising.
struct OddsFit {
  private(set) var line = OddsLine()
  private let counts: [Int]
  private let hits: [Int]
  /// The exponents that there are.
  private let exponents: [Int]
  private let highest: Int
  private let sizes: (asked: [Int], hits: [Int])
  /// The exponents at which changes were asked how large they are.
  private let sizeExponents: [Int]

  /// A correction of the table takes about so many bits.
  private static let correctionCost = 20.0

  /// `hits[e]` of `counts[e]` elements of exponent e changed.
  init(
    counts: [Int], hits: [Int], exponents: ClosedRange<Int>, sizes: (asked: [Int], hits: [Int])
  ) {
    self.sizes = sizes
    sizeExponents = sizes.asked.indices.filter { sizes.asked[$0] > 0 }
    self.counts = counts
    self.hits = hits
    self.exponents = exponents.filter { counts[$0] > 0 }
    highest = exponents.upperBound
    // From the best place of each of some slopes and all caps, the best of all: one descent would end
    // in front of a cap. None below the odds of all elements together is the best.
    let all = LogScale.odds(hits.reduce(0, +), against: counts.reduce(0, +) - hits.reduce(0, +))
    let lowestCap = min(max((OddsTable.coded.upperBound - all) / 2 + 1, 0), 31)
    var best = (line: OddsLine(), cost: Double.infinity)
    for slope in stride(from: 4, through: 60, by: 8) {
      for cap in 0...lowestCap {
        let start = OddsLine(top: best.line.top, slope: slope, cap: cap)
        let found = descend(from: start, by: Self.moves[..<2])
        if found.cost < best.cost { best = found }
      }
    }
    line = descend(from: best.line, by: Self.moves[...]).line
  }

  /// Up and down; steeper and flatter round the highest exponent, and round the fourth and the eighth
  /// below; lower and higher caps.
  private static let moves = [
    (1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (-1, 2, 0), (1, -2, 0), (-1, 1, 0), (1, -1, 0),
    (0, 0, 1), (0, 0, -1),
  ]

  /// The best line in reach of this one, and what all elements cost under it.
  private func descend(
    from start: OddsLine, by moves: ArraySlice<(Int, Int, Int)>
  ) -> (line: OddsLine, cost: Double) {
    var line = start
    var cost = self.cost(line)
    for step in [16, 8, 4, 2, 1] {
      var hasMoved = true
      while hasMoved {
        hasMoved = false
        for (top, slope, cap) in moves {
          let next = OddsLine(
            top: line.top + step * top, slope: line.slope + step * slope,
            cap: line.cap + step * cap)
          guard next.isCoded else { continue }
          let nextCost = self.cost(next, below: cost)
          if nextCost < cost { (line, cost, hasMoved) = (next, nextCost, true) }
        }
      }
    }
    return (line, cost)
  }

  /// What all elements cost under this line, or some cost of at least `limit`.
  private func cost(_ line: OddsLine, below limit: Double = .infinity) -> Double {
    var sum = 0.0
    for exponent in exponents {
      sum += cost(exponent, at: line.odds(exponent, below: highest))
      // Nothing costs less than nothing.
      guard sum < limit else { return sum }
    }
    for exponent in sizeExponents {
      // Even above all sizes, one change in seven is twice as large as another.
      let odds = min(max(line.size(exponent, below: highest) + 1, -5), 12)
      sum += Self.cost(sizes.asked[exponent], sizes.hits[exponent], at: odds) / 8
    }
    return sum
  }

  private func cost(_ exponent: Int, at odds: Int) -> Double {
    Self.cost(counts[exponent], hits[exponent], at: odds)
  }

  /// What it takes to tell, at these odds, which of so many elements are hit, in bits.
  private static func cost(_ count: Int, _ hits: Int, at odds: Int) -> Double {
    Double(count) * unchanged[odds - OddsTable.coded.lowerBound] - Double(hits * odds) / 2
  }

  /// The odds that the table should give to an exponent where the line says `expected`; nil where it
  /// should be closed.
  func odds(_ exponent: Int, from expected: Int) -> Int16? {
    guard counts[exponent] > 0 else { return Int16(expected) }
    let cost = self.cost(exponent, at: expected)
    guard hits[exponent] > 0 else { return cost > Self.correctionCost ? nil : Int16(expected) }
    let exact = exactOdds(exponent)
    let gain = cost - self.cost(exponent, at: exact)
    return Int16(gain > Self.correctionCost ? exact : expected)
  }

  private func exactOdds(_ exponent: Int) -> Int {
    let exact = LogScale.odds(hits[exponent], against: counts[exponent] - hits[exponent])
    return min(max(exact, OddsTable.coded.lowerBound), OddsTable.coded.upperBound)
  }

  /// `log2(1 + odds)`, by coded odds: what an element costs that does not change.
  private static let unchanged: [Double] = {
    // The derivative by half octaves is half the probability, so no logarithm is needed.
    var sum = 0.0
    return OddsTable.coded.map { halfOctaves in
      defer {
        // In the middle of this half octave and the next: 2^(1/4), and 2^(3/4) after an odd number.
        let root = halfOctaves & 1 == 0 ? 1.189_207_115_002_721 : 1.681_792_830_507_429
        let odds = Double(sign: .plus, exponent: halfOctaves >> 1, significand: root)
        sum += odds / (1 + odds) / 2
      }
      return sum
    }
  }()
}

extension LogScale {
  /// `round(2 · log2((hits + 0.3) / (misses + 0.3)))`, near enough.
  static func odds(_ hits: Int, against misses: Int) -> Int {
    let difference = eighths(UInt64(10 * hits + 3)) - eighths(UInt64(10 * misses + 3))
    return (difference + 2) >> 2
  }
}
