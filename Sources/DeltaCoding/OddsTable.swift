/// How likely an element is to change, by its exponent alone, for one chunk.
///
/// `log2` of the odds, in half octaves. An update does not ask where on the scale of floats a weight
/// lies, but their spacing halves from one exponent to the next below. So the odds are a line over
/// the exponents, up to a cap: even where spacing hides no update, some elements get none. Exponents
/// that keep to neither are corrected; one none of whose elements changed may be closed
/// (Formats/delta-coding.md, "Odds tables").
struct OddsTable: ~Copyable {
  /// Odds by exponent, ``closed`` where nothing changes.
  let odds: UncheckedBuffer<Int16>
  private(set) var lowest = 0
  private(set) var highest = -1
  private var line = OddsLine()

  static let closed = Int16.min
  /// Odds lie in this range: from one in 2^26 to 64 to one.
  static let coded = -52...12
  /// From these odds on, an element is looked at one by one: one to eight.
  static let likely = -6

  /// The table of a chunk with `counts[e]` elements of exponent e, `hits[e]` of them changed.
  ///
  /// `sizes` are those of ``ChangeSurvey``: where most elements change, only they tell the line.
  init(counts: [Int], hits: [Int], sizes: (asked: [Int], hits: [Int]) = ([], [])) {
    self.init(exponentCount: counts.count)
    guard let lowest = hits.firstIndex(where: { $0 > 0 }),
      let highest = hits.lastIndex(where: { $0 > 0 })
    else { return }
    self.lowest = lowest
    self.highest = highest
    let fit = OddsFit(counts: counts, hits: hits, exponents: lowest...highest, sizes: sizes)
    line = fit.line
    for exponent in lowest...highest {
      odds[exponent] = fit.odds(exponent, from: expected(exponent)) ?? Self.closed
    }
  }

  /// An empty table, for ``code(with:)`` to fill.
  init(exponentCount: Int) {
    odds = UncheckedBuffer(repeating: Self.closed, count: exponentCount)
  }

  /// What the line says without cap: how large updates are against the spacing of floats here.
  @inline(__always)
  func size(_ exponent: Int) -> Int { line.size(exponent, below: highest) }

  /// What line and cap say, uncorrected.
  func expected(_ exponent: Int) -> Int { line.odds(exponent, below: highest) }

  /// Whether elements of this exponent may change.
  func isOpen(_ exponent: Int) -> Bool {
    exponent >= lowest && exponent <= highest && odds[exponent] != Self.closed
  }

  /// What elements weigh: by exponent, 64 each, and biased level of row and column together. Those that
  /// cannot change weigh nothing.
  func weights() -> UncheckedBuffer<Int64> {
    let weights = UncheckedBuffer<Int64>(repeating: 0, count: odds.count << 6)
    for exponent in stride(from: lowest, through: highest, by: 1)
    where odds[exponent] != Self.closed {
      let first = Int(odds[exponent]) - Levels.noLevel - GapModel.leastOdds
      weights.copy(GapModel.weights, from: first, count: 64, to: exponent << 6)
    }
    return weights
  }

  /// Writes or reads the table.
  mutating func code<Coder: BinaryCoder & ~Copyable>(with coder: inout Coder) {
    let models = AdaptiveBits(count: 24)
    models.start(Model.corrects, at: 4_000, trust: 4)
    let limit = odds.count - 1
    let bitCount = Int.bitWidth - limit.leadingZeroBitCount
    lowest = min(Int(coder.codeRaw(UInt32(lowest), count: bitCount)), limit)
    highest = min(
      lowest + Int(coder.codeRaw(UInt32(max(highest - lowest, 0)), count: bitCount)), limit)
    line.code(with: &coder)
    for exponent in lowest...highest {
      let expected = self.expected(exponent)
      let known = odds[exponent]
      guard coder.code(Int(known) != expected, models, Model.corrects) else {
        odds[exponent] = Int16(expected)
        continue
      }
      // Both ends are open, or they would not be ends.
      if exponent != lowest, exponent != highest,
        coder.code(known == Self.closed, models, Model.closes)
      {
        odds[exponent] = Self.closed
        continue
      }
      let residual = known == Self.closed ? 0 : Int(known) - expected
      let corrected =
        expected + SignedUnary.code(residual, with: &coder, models, from: Model.residual)
      odds[exponent] = Int16(
        min(max(corrected, Self.coded.lowerBound), Self.coded.upperBound))
    }
  }

  private enum Model {
    static let corrects = 0
    static let closes = 1
    static let residual = 2
  }
}

/// The line and the cap of an ``OddsTable``.
struct OddsLine {
  /// The odds at the highest open exponent, in half octaves.
  var top = 0
  /// What the odds gain from one exponent to the next below, in eighths of half octaves.
  var slope = 0
  /// From the largest odds downwards, in octaves.
  var cap = 0

  private static let leastTop = -128

  /// Whether ``code(with:)`` can tell this line.
  var isCoded: Bool {
    (0..<256).contains(top - Self.leastTop) && (0..<64).contains(slope) && (0..<32).contains(cap)
  }

  /// `highest` is the highest open exponent. Exponent 0, of subnormal floats, has the spacing of 1.
  @inline(__always)
  func size(_ exponent: Int, below highest: Int) -> Int {
    top &+ ((highest &- max(exponent, 1)) &* slope) >> 3
  }

  @inline(__always)
  func odds(_ exponent: Int, below highest: Int) -> Int {
    let coded = OddsTable.coded
    return max(min(size(exponent, below: highest), coded.upperBound - 2 * cap), coded.lowerBound)
  }

  mutating func code<Coder: BinaryCoder & ~Copyable>(with coder: inout Coder) {
    top = Int(coder.codeRaw(UInt32(top - Self.leastTop), count: 8)) + Self.leastTop
    slope = Int(coder.codeRaw(UInt32(slope), count: 6))
    cap = Int(coder.codeRaw(UInt32(cap), count: 5))
  }
}

/// Small signed numbers: whether zero, which sign, then one bit for each step.
enum SignedUnary {
  /// No residual is larger, so that a damaged stream ends.
  static let limit = 300

  /// Uses twelve models from `first` on.
  static func code<Coder: BinaryCoder & ~Copyable>(
    _ value: Int, with coder: inout Coder, _ models: borrowing AdaptiveBits, from first: Int
  ) -> Int {
    guard coder.code(value != 0, models, first) else { return 0 }
    let isNegative = coder.code(value < 0, models, first + 1)
    var magnitude = 1
    while magnitude < limit,
      coder.code(abs(value) > magnitude, models, first + 1 + min(magnitude, 10))
    {
      magnitude += 1
    }
    return isNegative ? -magnitude : magnitude
  }
}
