/// Which elements of the result have another exponent than those of the base, and which the base's
/// had: what strip must know before it can use anything else.
///
/// A change seldom crosses more than the nearest edge of its binade, so the odds fall with the
/// distance to that edge, unless the base was tiny (Formats/delta-coding.md, "Moves").
struct MoveModel: ~Copyable {
  /// The odds, by the result's exponent.
  var table: OddsTable
  /// By exponent, what the odds lose for each bit that the distance to the edge has. Where it is 0,
  /// levels do not count either, and elements are looked at one by one.
  private let steepness: UncheckedBuffer<Int16>
  /// The distance's bit length, by the upper bits of the mantissa.
  private let classes: UncheckedBuffer<UInt8>
  /// Odds by exponent and upper bits of the mantissa; ``impossible`` where nothing moves.
  private let oddsByBits: UncheckedBuffer<Int16>
  /// Weights, by odds, level included, from ``leastOdds`` on.
  private let weights: UncheckedBuffer<Int64>
  private let models = AdaptiveBits(count: 96)
  private let classShift: Int
  private let mantissaBitCount: Int
  var gaps = GapModel()

  private static let impossible: Int16 = -200
  private static let certain: Int16 = 60
  /// Odds, less seven times ten for the distance, less 32 for the levels, are never below −154.
  private static let leastOdds = -240

  init(table: consuming OddsTable, layout: FloatLayout) {
    steepness = UncheckedBuffer(repeating: 0, count: table.odds.count)
    self.table = table
    mantissaBitCount = layout.mantissaBitCount
    let known = min(mantissaBitCount, 10)
    classShift = mantissaBitCount - known
    classes = UncheckedBuffer(repeating: 0, count: 1 << known)
    for upper in 0..<(1 << known) {
      // The lesser of the distances to the lower and to the upper end, in what is known.
      let distance = min(upper, (1 << known) - 1 - upper)
      classes[upper] = UInt8(Int.bitWidth - distance.leadingZeroBitCount)
    }
    oddsByBits = UncheckedBuffer(
      repeating: Self.impossible, count: layout.exponentCount << known)
    weights = UncheckedBuffer(repeating: 0, count: 332)
    for odds in GapModel.leastOdds...91 {
      weights[odds - Self.leastOdds] = GapModel.weights[odds - GapModel.leastOdds]
    }
    for index in 0..<64 {
      models.start(
        index, at: LogScale.probability(index % 40 + OddsTable.likely), trust: 6)
    }
    for index in 64..<72 { models.start(index, at: 64_000 - 6_000 * (index - 64), trust: 4) }
  }

  /// The bit length of the distance of these bits to the nearer edge of their binade.
  @inline(__always)
  func distanceClass<Word: FixedWidthInteger & UnsignedInteger>(_ bits: Word) -> Int {
    let mantissa = Int(truncatingIfNeeded: bits) & (1 << mantissaBitCount - 1)
    return Int(classes[mantissa >> classShift])
  }

  /// What elements of the result weigh, for loops that keep it in registers.
  ///
  /// - Important: It must not outlive the model.
  @unsafe
  struct Weights {
    fileprivate let odds: UnsafePointer<Int16>
    /// By biased level plus odds.
    fileprivate let weights: UnsafePointer<Int64>
    fileprivate let shift: Int

    /// What an element with these bits weighs.
    @inline(__always)
    func callAsFunction<Word: FixedWidthInteger & UnsignedInteger>(
      _ bits: Word, biasedLevel: Int
    ) -> Int64 {
      let place = Int(
        truncatingIfNeeded: unsafe (bits & (Word.max >> 1)) &>> Word(truncatingIfNeeded: shift))
      return unsafe weights[Int(odds[place]) &+ biasedLevel]
    }
  }

  var elementWeights: Weights {
    unsafe Weights(
      odds: oddsByBits.pointer,
      weights: weights.pointer - (Self.leastOdds + SparseState.noLevel), shift: classShift)
  }

  /// The odds that an element of the result with these bits has moved, in half octaves.
  func odds<Word: FixedWidthInteger & UnsignedInteger>(_ bits: Word, biasedLevel: Int) -> Int {
    let place = Int(
      truncatingIfNeeded: (bits & (Word.max >> 1)) >> Word(truncatingIfNeeded: classShift))
    return Int(oddsByBits[place]) + biasedLevel - SparseState.noLevel
  }

  /// The odds that an element has moved, by the upper bits of the result, once the table is known.
  mutating func complete() {
    let known = mantissaBitCount - classShift
    for exponent in stride(from: table.lowest, through: table.highest, by: 1)
    where table.odds[exponent] != OddsTable.closed {
      for upper in 0..<(1 << known) {
        oddsByBits[exponent << known | upper] =
          steepness[exponent] == 0
          ? Self.certain : table.odds[exponent] - steepness[exponent] * Int16(classes[upper])
      }
    }
  }

  /// Sets the odds by what moved: `moved[16 · exponent + class]` of `counts[exponent]` elements.
  mutating func fit(moved: [Int], counts: [Int]) {
    let classCount = mantissaBitCount - classShift
    for exponent in 0..<counts.count {
      let byClass = moved[(16 * exponent)..<(16 * exponent + 16)]
      let total = byClass.reduce(0, +)
      guard total > 0 else { continue }
      var best = (cost: Int.max, steepness: 0, odds: 0)
      let overall = LogScale.odds(total, against: counts[exponent] - total)
      if overall >= OddsTable.likely {
        // Bases were tiny here: neither edge nor levels tell anything.
        table.odds[exponent] = Int16(min(overall, OddsTable.coded.upperBound))
        continue
      }
      for steepness in 1..<8 {
        // How many elements there would be if each counted as its class says, in 1,024ths.
        var mass = 0
        var penalty = 0
        for level in 0..<classCount {
          let share = level == 0 ? 2 : 1 << level
          let population = max((counts[exponent] << 10 * share) >> classCount, 1)
          mass += Int(UInt64(population) * 65_536 / LogScale.power(steepness * level, shift: 16))
          penalty += byClass[16 * exponent + level] * steepness * level
        }
        let odds = LogScale.odds(total, against: max((mass >> 10) - total, 0))
        let clamped = min(max(odds, OddsTable.coded.lowerBound), OddsTable.coded.upperBound)
        let cost = penalty - clamped * total
        if cost < best.cost { best = (cost, steepness, clamped) }
      }
      table.odds[exponent] = Int16(best.odds)
      steepness[exponent] = Int16(best.steepness)
    }
    table.findEnds()
  }

  /// Writes or reads the odds.
  mutating func codeTable<Coder: BinaryCoder & ~Copyable>(with coder: inout Coder) {
    table.code(with: &coder)
    let models = AdaptiveBits(count: 32)
    var previous = 0
    for exponent in stride(from: table.lowest, through: table.highest, by: 1)
    where table.odds[exponent] != OddsTable.closed {
      let difference = SignedUnary.code(
        Int(steepness[exponent]) - previous, with: &coder, models, from: 0)
      previous = min(max(previous + difference, 0), 7)
      steepness[exponent] = Int16(previous)
    }
  }

  /// Codes whether an element that is looked at has moved: `odds` include its level, `exponent` is
  /// the result's.
  func codeFlag<Coder: BinaryCoder & ~Copyable>(
    _ moves: Bool, odds: Int, exponent: Int, with coder: inout Coder
  ) -> Bool {
    let index =
      steepness[exponent] == 0
      ? 40 + max(Int(table.odds[exponent]) - OddsTable.likely, 0)
      : min(odds - OddsTable.likely, 39)
    return coder.code(moves, models, index)
  }

  /// Codes the base's exponent, given the bits of the result.
  func codeExponent<Coder: BinaryCoder & ~Copyable, Word: FixedWidthInteger & UnsignedInteger>(
    _ exponent: Int, of bits: Word, base table: borrowing OddsTable, with coder: inout Coder
  ) -> Int {
    let own = bits.exponent(mantissaBitCount: mantissaBitCount)
    let isUpper = bits >> Word(mantissaBitCount - 1) & 1 == 1
    let near = own + (isUpper ? 1 : -1)
    let nearIsOpen =
      near >= table.lowest && near <= table.highest && table.odds[near] != OddsTable.closed
    if nearIsOpen, coder.code(exponent == near, models, 64 + min(distanceClass(bits), 7)) {
      return near
    }
    var rank = 0
    for candidate in stride(from: table.lowest, to: table.highest, by: 1) {
      guard table.odds[candidate] != OddsTable.closed, candidate != own else { continue }
      guard !(nearIsOpen && candidate == near) else { continue }
      if coder.code(exponent == candidate, models, 72 + min(rank, 20)) { return candidate }
      rank += 1
    }
    // No exponent is open where a damaged chunk says so.
    return max(table.highest, 0)
  }
}
