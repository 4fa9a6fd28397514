import Testing

@testable import DeltaCoding

@Suite struct OddsTableTests {
  /// Of so many elements of each exponent, how many change at these odds.
  private func hits(_ odds: [Int], of count: Int) -> [Int] {
    odds.map { count * LogScale.probability($0) / 65_536 }
  }

  /// What a reader finds in the table of such counts.
  private struct Coded {
    var byteCount: Int
    var odds: [Int] = []
    var sizes: [Int] = []
    var isOpen: [Bool] = []

    init(counts: [Int], hits: [Int]) {
      var table = OddsTable(counts: counts, hits: hits)
      var encoder = RangeEncoder()
      table.code(with: &encoder)
      let bytes = encoder.finish()
      byteCount = bytes.count
      var read = OddsTable(exponentCount: counts.count)
      var decoder = RangeDecoder(bytes)
      read.code(with: &decoder)
      for exponent in counts.indices {
        odds.append(Int(read.odds[exponent]))
        sizes.append(read.size(exponent))
        isOpen.append(read.isOpen(exponent))
        let isSame =
          read.odds[exponent] == table.odds[exponent]
          && read.size(exponent) == table.size(exponent)
        #expect(isSame, "\(exponent)")
      }
    }
  }

  @Test(arguments: [2, 3, 4, 6], [12, 0, -8])
  func `odds that fall from exponent to exponent are a line, and take five bytes`(
    slope: Int, cap: Int
  ) {
    // Some 100,000 elements in each of 16 exponents.
    let odds = (0..<16).map { min(slope * (10 - max($0, 1)) - 4, cap) }
    let found = hits(odds, of: 100_000)
    let table = Coded(counts: odds.map { _ in 100_000 }, hits: found)
    #expect(table.byteCount <= 6)
    for exponent in odds.indices where found[exponent] > 100 {
      #expect(abs(table.odds[exponent] - odds[exponent]) <= 1, "\(exponent)")
    }
  }

  @Test func `an exponent off the line is corrected, and one that never changes is closed`() {
    var odds = (0..<16).map { 3 * (8 - $0) - 4 }
    odds[6] += 7
    var found = hits(odds, of: 100_000)
    found[9] = 0
    let table = Coded(counts: odds.map { _ in 100_000 }, hits: found)
    #expect(abs(table.odds[6] - odds[6]) <= 1)
    #expect(table.odds[9] == Int(OddsTable.closed))
    #expect(!table.isOpen[9])
    #expect(table.isOpen[8])
  }

  @Test
  func `sizes go on beyond the cap, and subnormal floats have those of the least normal ones`() {
    let odds = (0..<16).map { min(4 * (12 - $0) - 20, -2) }
    let table = Coded(counts: odds.map { _ in 100_000 }, hits: hits(odds, of: 100_000))
    #expect(table.sizes[2] > 8)
    #expect(table.sizes[0] == table.sizes[1])
    #expect(table.sizes[15] < -20)
  }

  @Test func `without changes all exponents are closed`() {
    let table = OddsTable(counts: [5, 5], hits: [0, 0])
    let isOpen = table.isOpen(0) || table.isOpen(1)
    #expect(!isOpen)
  }
}
