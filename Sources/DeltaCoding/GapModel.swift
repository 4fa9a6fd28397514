/// The distance from one change to the next among elements that are unlikely to change.
///
/// Distance is not counted in elements but in what they weigh: each element weighs its odds, so
/// that whatever the mixture of elements, distances follow one and the same law
/// (Formats/delta-coding.md, "Gaps").
struct GapModel: ~Copyable {
  private let models = AdaptiveBits(count: 64)
  /// What all classes "beyond" of a chunk may still come to.
  private var allowance = Self.unreachable

  /// The weight of an element whose odds are even is `2^30`.
  static let unitShift = 30
  /// Weights from here on mark elements that are looked at one by one.
  static let likelyWeight: Int64 = 1 << 59
  /// Distances are told apart in steps of `2^24` first.
  static let stepShift = 24
  /// The class that says "beyond all others".
  static let beyond = 15
  static let beyondDistance: Int64 = 1 << (24 + 14)
  /// A distance from here on is never reached: an element weighs less than `2^27`, and a chunk has
  /// fewer than `2^26` of them.
  ///
  /// Not higher, as a reader adds up classes "beyond" until here, of all gaps of a chunk together, even if
  /// that has a few bytes only.
  static let unreachable: Int64 = 1 << 54

  init() {
    for (index, percent) in Self.classes.enumerated() {
      models.start(index + 1, at: percent * 655, trust: 6)
    }
    for level in 2..<15 {
      let percents = Self.fractions[min(level, 11) - 2]
      for index in 0..<3 {
        models.start(16 + 3 * level + index, at: percents[index] * 655, trust: 6)
      }
    }
  }

  private static let classes = [33, 84, 1, 60, 65, 8, 2, 70, 65, 55, 54, 33, 16, 10, 10]
  private static let fractions = [
    [50, 50, 50], [50, 50, 50], [46, 45, 45], [46, 46, 48], [46, 46, 46], [38, 44, 44],
    [30, 40, 42], [31, 38, 40], [23, 30, 40], [19, 32, 35],
  ]

  /// The weight of an element with these odds, in half octaves.
  private static func weight(_ odds: Int) -> Int64 {
    odds >= OddsTable.likely
      ? likelyWeight : Int64(max(LogScale.power(odds, shift: unitShift), 1))
  }

  /// The least odds in ``weights``.
  static let leastOdds = -160
  /// Weights by odds, levels included, from ``leastOdds`` on.
  static let weights: [Int64] = (leastOdds..<640).map(weight)

  /// The interval that a number of steps stands for: its class, its first step, log2 of its steps.
  @inline(__always)
  private static func interval(_ steps: UInt64) -> (level: Int, first: UInt64, shift: Int) {
    let level = 64 - steps.leadingZeroBitCount
    let shift = max(level - 3, 0)
    return (level, (steps >> UInt64(shift)) << UInt64(shift), shift)
  }

  /// Codes the class and the two bits that name an interval.
  private func codeInterval<Coder: BinaryCoder & ~Copyable>(
    _ level: Int, _ steps: UInt64, with coder: inout Coder
  ) -> (level: Int, first: UInt64, shift: Int) {
    var node = 1
    for bit in stride(from: 3, through: 0, by: -1) {
      node = 2 &* node &+ (coder.code(level >> bit & 1 == 1, models, node) ? 1 : 0)
    }
    let level = node & 15
    guard level >= 2, level < Self.beyond else { return (level, UInt64(level), 0) }
    var first: UInt64 = 1
    var model = 16 + 3 * level
    for index in 1...min(level - 1, 2) {
      let bit = coder.code(steps >> UInt64(level - 1 - index) & 1 == 1, models, model)
      first = 2 * first + (bit ? 1 : 0)
      model += bit ? 2 : 1
    }
    let shift = max(level - 3, 0)
    return (level, first << UInt64(shift), shift)
  }

  /// Writes that the next change is the element that weighs `weight` after `before` in weights.
  mutating func encode(before: Int64, weight: Int64, with coder: inout RangeEncoder) {
    var before = before
    while before >= Self.beyondDistance {
      _ = codeInterval(Self.beyond, 0, with: &coder)
      before -= Self.beyondDistance
    }
    // The element may reach over several intervals: name it by the likeliest.
    let last = UInt64(before + weight - 1) >> UInt64(Self.stepShift)
    var steps = UInt64(before) >> UInt64(Self.stepShift)
    var best = steps
    var bestLikelihood = 0.0
    while steps <= last, steps < 1 << 14 {
      let (level, first, shift) = Self.interval(steps)
      let (_, width) = Self.overlap(before, weight, first, shift)
      let share = Double(width) / Double(Int64(1) << Int64(shift + Self.stepShift))
      let likelihood = share * self.likelihood(level, steps)
      if likelihood > bestLikelihood {
        bestLikelihood = likelihood
        best = steps
      }
      steps = first + 1 << UInt64(shift)
    }
    let level = Self.interval(best).level
    let (_, first, shift) = codeInterval(level, best, with: &coder)
    let (start, width) = Self.overlap(before, weight, first, shift)
    coder.narrow(to: UInt64(start), width: UInt64(width), ofPowerOfTwo: shift + Self.stepShift)
  }

  /// Which part of an interval an element takes, counted from the interval's start.
  @inline(__always)
  private static func overlap(
    _ before: Int64, _ weight: Int64, _ first: UInt64, _ shift: Int
  ) -> (start: Int64, width: Int64) {
    let from = Int64(first) << Int64(stepShift)
    let to = from + (1 << Int64(shift + stepShift))
    let start = max(before, from)
    return (start - from, min(before + weight, to) - start)
  }

  private func likelihood(_ level: Int, _ steps: UInt64) -> Double {
    var product = 1.0
    var node = 1
    for bit in stride(from: 3, through: 0, by: -1) {
      let isOne = level >> bit & 1 == 1
      let probability = Double(models.probability(node)) / 65_536
      product *= isOne ? probability : 1 - probability
      node = 2 * node + (isOne ? 1 : 0)
    }
    guard level >= 2 else { return product }
    var model = 16 + 3 * level
    for index in 1...min(level - 1, 2) {
      let isOne = steps >> UInt64(level - 1 - index) & 1 == 1
      let probability = Double(models.probability(model)) / 65_536
      product *= isOne ? probability : 1 - probability
      model += isOne ? 2 : 1
    }
    return product
  }

  /// A distance that was read as far as it goes without knowing the elements.
  struct Target {
    /// The change is the element in which this weight is used up.
    var distance: Int64 = GapModel.unreachable
    /// What classes "beyond" came to.
    var skipped: Int64 = 0
    var first: UInt64 = 0
    var shift = 0
  }

  /// Reads where the next change is.
  @inline(__always)
  mutating func decodeTarget(with coder: inout RangeDecoder) -> Target {
    var target = Target()
    while true {
      let (level, first, shift) = codeInterval(0, 0, with: &coder)
      if level < Self.beyond {
        target.first = first
        target.shift = shift
        break
      }
      allowance -= Self.beyondDistance
      guard allowance > 0 else { return Target() }
      target.skipped += Self.beyondDistance
    }
    let place = Int64(coder.place(ofPowerOfTwo: target.shift + Self.stepShift))
    target.distance = target.skipped + Int64(target.first) << Int64(Self.stepShift) + place
    return target
  }

  /// Ends what ``decodeTarget(with:)`` began, now that it is known which weights after `before` name the
  /// element.
  @inline(__always)
  mutating func settle(
    _ target: Target, before: Int64, weight: Int64, with coder: inout RangeDecoder
  ) {
    let (start, width) = Self.overlap(
      before - target.skipped, weight, target.first, target.shift)
    // Of a damaged stream, the two need not meet.
    let last = Int64(1) << Int64(target.shift + Self.stepShift) - 1
    let from = min(max(start, 0), last)
    coder.narrow(
      to: UInt64(from), width: UInt64(min(max(width, 1), last - from + 1)),
      ofPowerOfTwo: target.shift + Self.stepShift)
  }
}
