/// What the floors of several tensors are made of.
struct FloorsTotals {
  /// What is a sum over tensors.
  private var sums = Floors()
  private var flags = FlagCounts(contextCount: 256)
  private var levelFlags = FlagCounts(contextCount: 256 * ChangeLevels.count)
  /// Sizes of deltas, below their context.
  private var values = Tally()
  private var signs = Array(repeating: (minus: 0, plus: 0), count: 17)
  /// Changes of vectors, whose signs nothing predicts.
  private var plainSignCount = 0

  /// How often elements of each context were seen and changed.
  private struct FlagCounts {
    var seen: [Int]
    var changed: [Int]

    init(contextCount: Int) {
      seen = Array(repeating: 0, count: contextCount)
      changed = seen
    }

    mutating func add(_ other: Self) {
      for context in seen.indices {
        seen[context] += other.seen[context]
        changed[context] += other.changed[context]
      }
    }

    /// In bits.
    var entropy: Double {
      zip(seen, changed).reduce(0) { $0 + Entropy.of([$1.1, $1.0 - $1.1]) }
    }
  }

  /// The floors of all tensors added so far.
  var floors: Floors {
    var floors = sums
    floors.flags = flags.entropy / 8
    floors.levelFlags = levelFlags.entropy / 8
    floors.levelValues = values.conditionalEntropy(droppingBits: Self.valueBitCount) / 8
    let predicted = signs.reduce(0) { $0 + Entropy.of([$1.minus, $1.plus]) }
    floors.signs = (Double(plainSignCount) + predicted) / 8
    return floors
  }

  mutating func add(_ other: Self) {
    sums.elementCount += other.sums.elementCount
    sums.changedCount += other.sums.changedCount
    sums.deltas += other.sums.deltas
    sums.strip += other.sums.strip
    sums.float32Count += other.sums.float32Count
    sums.float32 += other.sums.float32
    flags.add(other.flags)
    levelFlags.add(other.levelFlags)
    values.add(other.values)
    add(signs: other.signs)
    plainSignCount += other.plainSignCount
  }

  private mutating func add(signs other: [(minus: Int, plus: Int)]) {
    for confidence in signs.indices {
      signs[confidence].minus += other[confidence].minus
      signs[confidence].plus += other[confidence].plus
    }
  }

  /// The size of a delta takes 17 bits.
  private static let valueBitCount = 17
}

// MARK: 16-bit floats

extension FloorsTotals {
  /// Adds a tensor of 16-bit floats.
  mutating func add(_ elements: ElementPair, shape: [Int], mantissaBitCount: UInt16) {
    sums.elementCount += elements.count
    guard !elements.areEqual(byteWidth: 2) else { return }
    let exponents = survey(elements, mantissaBitCount)
    let changedCount = exponents.changed.reduce(0, +)
    guard changedCount > 0 else { return }
    sums.changedCount += changedCount
    flags.add(exponents)
    let isMatrix = shape.count > 1
    let columnCount = isMatrix ? shape[shape.count - 1] : elements.count
    let probabilities = zip(exponents.seen, exponents.changed).map {
      (Double($1) + 0.05) / Double($0 + 1)
    }
    if !isMatrix { plainSignCount += changedCount }

    var levels = ChangeLevels(columnCount: columnCount)
    var signModel = RankOneSigns(columnCount: isMatrix ? columnCount : 0)
    var row: [(column: Int, isPositive: Bool)] = []
    var column = 0
    elements.forEach(UInt16.self) { _, base, result in
      let exponent = Int((base & 0x7FFF) >> mantissaBitCount)
      let hasChanged = base != result && Self.ordinal(base) != Self.ordinal(result)
      let level = levels.next(
        column: column, hasChanged: hasChanged, probability: probabilities[exponent])
      let context = exponent * ChangeLevels.count + level
      levelFlags.seen[context] += 1
      if hasChanged {
        levelFlags.changed[context] += 1
        let delta = Self.ordinal(result) - Self.ordinal(base)
        values.add(UInt64(context) << Self.valueBitCount | UInt64(abs(delta)))
        if isMatrix { row.append((column, delta > 0)) }
      }
      column += 1
      if column == columnCount {
        column = 0
        levels.beginRow()
        signModel.add(row: row)
        row.removeAll(keepingCapacity: true)
      }
    }
    add(signs: signModel.counts)
  }

  /// Counts exponents and changes, and adds what each tensor costs for itself.
  private mutating func survey(_ elements: ElementPair, _ mantissaBitCount: UInt16) -> FlagCounts {
    var exponents = FlagCounts(contextCount: 256)
    var deltas = Tally()
    // Exponent of the result, then exponent of the base and whether the sign is another.
    var crossings = Array(repeating: 0, count: 256 * 512)
    elements.forEach(UInt16.self) { _, base, result in
      let exponent = Int((base & 0x7FFF) >> mantissaBitCount)
      let other = Int((result & 0x7FFF) >> mantissaBitCount)
      exponents.seen[exponent] += 1
      crossings[other * 512 + exponent * 2 + Int((base ^ result) >> 15)] += 1
      guard base != result else { return }
      let delta = Self.ordinal(result) - Self.ordinal(base)
      guard delta != 0 else { return }
      exponents.changed[exponent] += 1
      deltas.add(UInt64(exponent) << 18 | UInt64(delta + 1 << 17))
    }
    for exponent in 0..<256 {
      let sameCount = exponents.seen[exponent] - exponents.changed[exponent]
      if sameCount > 0 { deltas.add(UInt64(exponent) << 18 | 1 << 17, count: sameCount) }
    }
    sums.deltas += deltas.conditionalEntropy(droppingBits: 18) / 8
    sums.strip +=
      (0..<256).reduce(0) { $0 + Entropy.of(crossings[$1 * 512..<($1 + 1) * 512]) } / 8
    return exponents
  }

  /// The bits of a 16-bit float as a number with a sign, so that neighbours differ by 1.
  @inline(__always)
  private static func ordinal(_ bits: UInt16) -> Int {
    let magnitude = Int(bits & 0x7FFF)
    return bits >> 15 == 0 ? magnitude : -magnitude
  }
}

// MARK: F32

extension FloorsTotals {
  /// Adds a tensor of 32-bit floats.
  mutating func add(float32 elements: ElementPair) {
    guard !elements.areEqual(byteWidth: 4) else { return }
    sums.float32Count += elements.count
    var counts = Array(repeating: 0, count: 256 * 64)
    var rawBitCount = 0
    elements.forEach(UInt32.self) { _, base, result in
      let delta = (Self.ordinal(result) - Self.ordinal(base)).magnitude
      let length = UInt.bitWidth - delta.leadingZeroBitCount
      counts[Int(base & 0x7FFF_FFFF) >> 23 * 64 + length] += 1
      // The highest bit is known from the length; the sign takes its place.
      rawBitCount += length
    }
    let lengths = (0..<256).reduce(0) { $0 + Entropy.of(counts[$1 * 64..<($1 + 1) * 64]) }
    sums.float32 += (lengths + Double(rawBitCount)) / 8
  }

  @inline(__always)
  private static func ordinal(_ bits: UInt32) -> Int {
    let magnitude = Int(bits & 0x7FFF_FFFF)
    return bits >> 31 == 0 ? magnitude : -magnitude
  }
}
