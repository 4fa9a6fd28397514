/// How often each number occurs, for more different numbers than an array could count.
struct Tally {
  /// Each key plus 1, or 0 where there is none; as many as a power of two.
  private var slots: [UInt64]
  private var counts: [Int]
  private(set) var distinctCount = 0

  init() {
    slots = Array(repeating: 0, count: 1 << 12)
    counts = Array(repeating: 0, count: 1 << 12)
  }

  /// Counts `key`, which is below `UInt64.max`, `count` times.
  ///
  /// - Complexity: O(1) on average.
  mutating func add(_ key: UInt64, count: Int = 1) {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
    while slots[slot] != 0 {
      if slots[slot] == key + 1 {
        counts[slot] += count
        return
      }
      slot = (slot + 1) & mask
    }
    slots[slot] = key + 1
    counts[slot] = count
    distinctCount += 1
    if 2 * distinctCount > slots.count { grow() }
  }

  /// Adds the counts of `other`.
  mutating func add(_ other: Tally) {
    for (slot, count) in zip(other.slots, other.counts) where slot != 0 {
      add(slot - 1, count: count)
    }
  }

  private mutating func grow() {
    let old = self
    slots = Array(repeating: 0, count: 2 * old.slots.count)
    counts = Array(repeating: 0, count: 2 * old.slots.count)
    distinctCount = 0
    add(old)
  }

  /// The entropy in bits of the numbers, given what is left of each when `shift` bits are dropped.
  func conditionalEntropy(droppingBits shift: Int) -> Double {
    var totals = Tally()
    var bits = 0.0
    for (slot, count) in zip(slots, counts) where slot != 0 {
      totals.add((slot - 1) >> UInt64(shift), count: count)
      bits -= Entropy.term(count)
    }
    for (slot, count) in zip(totals.slots, totals.counts) where slot != 0 {
      bits += Entropy.term(count)
    }
    return bits
  }
}
