/// How likely an element is to change, by its exponent alone, for one chunk.
///
/// `log2` of the odds, in half octaves; an exponent none of whose elements changed is closed.
struct OddsTable: ~Copyable {
  /// Odds by exponent, ``closed`` where nothing changes.
  let odds: UncheckedBuffer<Int16>
  private(set) var lowest: Int
  private(set) var highest: Int

  static let closed = Int16.min
  /// Coded odds lie in this range: from one in 2^26 to eight to one.
  static let coded = -52...6
  /// From these odds on, an element is looked at one by one: one to eight.
  static let likely = -6

  /// The table of a chunk with `counts[e]` elements of exponent e, `hits[e]` of them changed.
  init(counts: [Int], hits: [Int]) {
    odds = UncheckedBuffer(repeating: Self.closed, count: counts.count)
    lowest = 0
    highest = -1
    for exponent in counts.indices where hits[exponent] > 0 {
      let level = LogScale.odds(hits[exponent], against: counts[exponent] - hits[exponent])
      odds[exponent] = Int16(min(max(level, Self.coded.lowerBound), Self.coded.upperBound))
    }
    findEnds()
  }

  /// Notes the first and the last open exponent.
  mutating func findEnds() {
    lowest = 0
    highest = -1
    for exponent in 0..<odds.count where odds[exponent] != Self.closed {
      if highest < 0 { lowest = exponent }
      highest = exponent
    }
  }

  /// An empty table, for ``code(with:)`` to fill.
  init(exponentCount: Int) {
    odds = UncheckedBuffer(repeating: Self.closed, count: exponentCount)
    lowest = 0
    highest = -1
  }

  var isEmpty: Bool { highest < lowest }

  /// Writes or reads the table (Formats/delta-coding.md, "Odds tables").
  mutating func code<Coder: BinaryCoder & ~Copyable>(with coder: inout Coder) {
    let models = AdaptiveBits(count: 24)
    models.start(0, at: 60_000, trust: 2)
    let limit = odds.count - 1
    lowest = min(Int(coder.codeRaw(UInt32(lowest), count: 8)), limit)
    highest = min(lowest + Int(coder.codeRaw(UInt32(max(highest - lowest, 0)), count: 8)), limit)
    var prediction = 0
    var slope = 0
    for exponent in lowest...highest {
      let mustBeOpen = exponent == lowest || exponent == highest
      guard mustBeOpen || coder.code(odds[exponent] != Self.closed, models, 0) else {
        prediction += slope
        continue
      }
      let known = odds[exponent] == Self.closed ? 0 : Int(odds[exponent])
      let residual = SignedUnary.code(known - prediction, with: &coder, models, from: 1)
      let value = min(max(prediction + residual, Self.coded.lowerBound), Self.coded.upperBound)
      odds[exponent] = Int16(value)
      slope = -3
      prediction = value + slope
    }
  }

  /// Odds for every exponent from 0 to well beyond the last, for the sizes of changes.
  ///
  /// Where nearly everything changes, odds say no more how large the updates are against the
  /// spacing of floats there; but the spacing halves from one exponent to the next below. So
  /// saturated odds are raised to continue with an octave an exponent, and closed exponents get
  /// what their neighbours below suggest.
  consuming func completed() -> CompleteOdds {
    var above = -1
    for exponent in stride(from: highest, through: lowest, by: -1)
    where odds[exponent] != Self.closed {
      if above >= 0, odds[exponent] > 2 {
        let continued = odds[above] + Int16(2 * (above - exponent))
        if odds[exponent] < continued { odds[exponent] = continued }
      }
      above = exponent
    }
    let sizes = UncheckedBuffer<Int16>(repeating: 0, count: odds.count + 64)
    var level = Int16(0)
    var isAbove = false
    for exponent in 0..<sizes.count {
      if exponent < odds.count, odds[exponent] != Self.closed {
        level = odds[exponent]
        isAbove = true
      } else if isAbove {
        level = max(level - 4, -128)
      } else if !isEmpty {
        // Below the first open exponent.
        level = odds[lowest] + Int16(2 * (lowest - exponent))
      }
      sizes[exponent] = level
    }
    return CompleteOdds(table: self, sizes: sizes)
  }
}

/// An ``OddsTable`` after its saturated and closed exponents were filled.
struct CompleteOdds: ~Copyable {
  let table: OddsTable
  /// By exponent, 64 more than there are.
  let sizes: UncheckedBuffer<Int16>
}

extension LogScale {
  /// `round(2 · log2((hits + 0.3) / (misses + 0.3)))`, near enough.
  static func odds(_ hits: Int, against misses: Int) -> Int {
    let difference = eighths(UInt64(10 * hits + 3)) - eighths(UInt64(10 * misses + 3))
    return (difference + 2) >> 2
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
