internal import ByteIO

/// What an encoder counts before it codes a chunk.
struct ChangeSurvey {
  /// Elements by the base's exponent, and those of them that changed.
  private(set) var counts: [Int]
  private(set) var hits: [Int]
  /// Changes to another exponent, by the result's.
  private var landings: [Int]
  /// Changes by how large they are at which exponent: `[e + j]` says of how many, at exponent e, it
  /// was asked whether they are at least `2^j`, and how many were.
  private(set) var sizes: (asked: [Int], hits: [Int])
  private(set) var changedCount = 0
  private(set) var movedCount = 0
  /// Elements that have the largest exponent in the result only.
  private(set) var nonFiniteCount = 0
  /// The fewest binades of a far step.
  private(set) var leastBinades: Int

  /// Counts and hits by the exponents of both sides: a change is expected of either.
  var ofBothSides: (counts: [Int], hits: [Int]) {
    (zip(counts, landings).map(+), zip(hits, landings).map(+))
  }

  /// - Precondition: Both spans hold `count` elements of this layout.
  init(base: RawSpan, result: RawSpan, count: Int, layout: FloatLayout) {
    self = unsafe base.withUnsafeBytes { base in
      unsafe result.withUnsafeBytes { result in
        guard let base = base.baseAddress, let result = result.baseAddress else {
          return Self(layout)
        }
        return switch layout.bitWidth {
        case 8:
          unsafe Self(
            base.assumingMemoryBound(to: UInt8.self), result.assumingMemoryBound(to: UInt8.self),
            count: count, layout: layout)
        case 16:
          unsafe Self(
            base.assumingMemoryBound(to: UInt16.self), result.assumingMemoryBound(to: UInt16.self),
            count: count, layout: layout)
        default:
          unsafe Self(
            base.assumingMemoryBound(to: UInt32.self), result.assumingMemoryBound(to: UInt32.self),
            count: count, layout: layout)
        }
      }
    }
  }

  private init(_ layout: FloatLayout) {
    counts = [Int](repeating: 0, count: layout.exponentCount)
    hits = counts
    landings = counts
    let none = [Int](repeating: 0, count: layout.exponentCount + layout.mantissaBitCount + 1)
    sizes = (none, none)
    leastBinades = layout.exponentCount - 1
  }

  /// - Precondition: Both pointers hold `count` elements of this layout.
  @inline(__always)
  private init<Word: FixedWidthInteger & UnsignedInteger>(
    _ base: UnsafePointer<Word>, _ result: UnsafePointer<Word>, count: Int, layout: FloatLayout
  ) {
    let mantissaBitCount = layout.mantissaBitCount
    self.init(layout)
    // As many histograms as a stride has elements, as neighbours often have the same exponent.
    let laneCount = SegmentPlaces.strideLength
    let lanes = UncheckedBuffer<UInt32>(repeating: 0, count: laneCount * layout.exponentCount)
    let lane = unsafe lanes.pointer
    let lengths = UncheckedBuffer<UInt32>(repeating: 0, count: layout.exponentCount << 6)
    var index = 0
    while index < count {
      if index &+ laneCount <= count,
        unsafe !SegmentPlaces.stridesDiffer(base + index, result + index)
      {
        for number in 0..<laneCount {
          let exponent = unsafe base[index &+ number].exponent(mantissaBitCount: mantissaBitCount)
          unsafe lane[laneCount &* exponent &+ number] &+= 1
        }
        index &+= laneCount
        continue
      }
      let before = unsafe base[index]
      let after = unsafe result[index]
      index &+= 1
      let exponent = before.exponent(mantissaBitCount: mantissaBitCount)
      unsafe lane[laneCount &* exponent] &+= 1
      guard before != after else { continue }
      changedCount += 1
      hits[exponent] += 1
      let reached = after.exponent(mantissaBitCount: mantissaBitCount)
      if reached != exponent {
        movedCount += 1
        landings[reached] += 1
        if reached == layout.exponentCount - 1 { nonFiniteCount += 1 }
      }
      let rises = after.ordinal &- before.ordinal
      let magnitude = rises >> Word(Word.bitWidth - 1) == 1 ? 0 &- rises : rises
      let length = Word.bitWidth - magnitude.leadingZeroBitCount
      lengths.add(1, at: exponent << 6 | length)
      let binades = Int(truncatingIfNeeded: magnitude >> Word(mantissaBitCount))
      if binades >= CrossingModel.leastFar { leastBinades = min(leastBinades, binades) }
    }
    for exponent in counts.indices {
      for number in 0..<laneCount {
        counts[exponent] += Int(lanes[laneCount * exponent + number])
      }
      var longer = hits[exponent]
      for length in 1...mantissaBitCount where longer > 0 {
        sizes.asked[exponent + length] += longer
        longer -= Int(lengths[exponent << 6 | length])
        sizes.hits[exponent + length] += longer
      }
    }
  }
}
