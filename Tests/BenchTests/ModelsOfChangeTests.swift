import Foundation
import Testing

@testable import gradiend_patch_bench

@Suite struct ModelsOfChangeTests {
  @Test func `an entropy is that of its counts`() {
    #expect(Entropy.of([]) == 0)
    #expect(Entropy.of([7]) == 0)
    #expect(Entropy.of([1, 1]) == 2)
    #expect(Entropy.of([2, 2, 2, 2]) == 16)
    #expect(abs(Entropy.of([1, 3]) - (2 + 3 * log2(4.0 / 3))) < 1e-12)
  }

  @Test func `a tally counts more numbers than it has room for at first`() {
    var tally = Tally()
    for key in 0..<UInt64(10_000) { tally.add(key * 0x1_0000_0001, count: 2) }
    tally.add(0)
    #expect(tally.distinctCount == 10_000)
    // 10,000 equally frequent numbers, but for one more 0.
    let expected = Entropy.of([3] + Array(repeating: 2, count: 9_999))
    #expect(abs(tally.conditionalEntropy(droppingBits: 63) - expected) < 1e-6)
  }

  @Test func `a tally's entropy is that of the low bits given the high ones`() {
    var tally = Tally()
    // Context 0: always 5. Context 1: 0 and 1, equally often.
    tally.add(0 << 4 | 5, count: 9)
    tally.add(1 << 4 | 0, count: 4)
    tally.add(1 << 4 | 1, count: 4)
    #expect(abs(tally.conditionalEntropy(droppingBits: 4) - 8) < 1e-12)
  }

  @Test func `merged tallies count what both counted`() {
    var (left, right) = (Tally(), Tally())
    left.add(1, count: 3)
    right.add(1)
    right.add(2, count: 4)
    left.add(right)
    #expect(left.distinctCount == 2)
    #expect(abs(left.conditionalEntropy(droppingBits: 8) - 8) < 1e-12)
  }

  @Test func `levels compare row and column with what was expected`() {
    var levels = ChangeLevels(columnCount: 2)
    // Nothing seen, nothing expected.
    #expect(levels.next(column: 0, hasChanged: true, probability: 0) == 5)
    // The row has one change and 0.5 to begin with: log2(1.5 / 0.5) rounds to 2.
    #expect(levels.next(column: 1, hasChanged: false, probability: 0) == 7)
    levels.beginRow()
    // Now the same of the column.
    #expect(levels.next(column: 0, hasChanged: true, probability: 0) == 7)
    // The row has one change, the column none.
    #expect(levels.next(column: 1, hasChanged: true, probability: 0) == 7)
  }

  @Test func `levels stay within their bounds`() {
    var levels = ChangeLevels(columnCount: 1)
    for _ in 0..<100 {
      _ = levels.next(column: 0, hasChanged: true, probability: 0)
    }
    #expect(levels.next(column: 0, hasChanged: true, probability: 0) == 13)
    levels = ChangeLevels(columnCount: 1)
    for _ in 0..<100 {
      _ = levels.next(column: 0, hasChanged: false, probability: 1)
    }
    #expect(levels.next(column: 0, hasChanged: false, probability: 1) == 0)
  }

  @Test func `signs of an outer product are predicted once a row is known`() {
    let columnSigns = (0..<64).map { $0 % 3 != 0 }
    var model = RankOneSigns(columnCount: 64)
    for row in 0..<40 {
      model.add(row: columnSigns.enumerated().map { ($0, $1 == (row % 2 == 0)) })
    }
    // The first row and every row's first element are a guess; the rest is certain.
    let total = model.counts.reduce(0) { $0 + $1.minus + $1.plus }
    let bits = model.counts.reduce(0) { $0 + Entropy.of([$1.minus, $1.plus]) }
    #expect(total == 64 * 40)
    #expect(bits < 0.1 * Double(total))
  }

  @Test func `a row without changes teaches nothing`() {
    var model = RankOneSigns(columnCount: 1)
    model.add(row: [])
    #expect(model.counts.allSatisfy { $0.minus == 0 && $0.plus == 0 })
  }
}
