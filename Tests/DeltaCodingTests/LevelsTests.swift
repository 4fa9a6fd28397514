import Testing

@testable import DeltaCoding

@Suite struct LevelsTests {
  /// Passes over rows in which every element has odds `odds` but for what it truly has besides, by
  /// column, and says the levels that come of it.
  private func levels(
    odds: Int, truth: [Int], rowTruth: Int = 0, rows: Int, rowPrior: Int, columnPrior: Int
  ) -> (columns: [Int], row: Int) {
    var levels = Levels(
      columnCount: truth.count, rowPrior: rowPrior, columnPrior: columnPrior)
    var generator = SeededGenerator(3)
    var row = 0
    for _ in 0..<rows {
      for (column, own) in truth.enumerated() {
        let chance = LogScale.probability(odds + own + rowTruth)
        let changes = Int(generator.next() % 65_536) < chance
        let known = odds + Int(levels.columns[column]) + levels.row - 2 * Levels.bias
        if known >= OddsTable.likely {
          let expected = LogScale.probability(known)
          levels.visited(
            column: column, probability: Int32(expected),
            information: LogScale.information(expected))
        } else if !changes {
          levels.passed(weight: GapModel.weights[known - GapModel.leastOdds])
        }
        if changes { levels.hit(column: column) }
        if column % Levels.segment == Levels.segment - 1 { levels.refreshRow() }
      }
      levels.refreshRow()
      row = levels.row - Levels.bias
      levels.endRow()
    }
    return (truth.indices.map { Int(levels.columns[$0]) - Levels.bias }, row)
  }

  @Test(arguments: [-16, -12, 0, 4], [-4, 0, 4])
  func `columns find out what sets them apart`(odds: Int, apart: Int) {
    let truth = (0..<200).map { $0 % 4 == 0 ? apart : 0 }
    let found = levels(odds: odds, truth: truth, rows: 2000, rowPrior: 15, columnPrior: 2).columns
    let mean = { (part: Int) in
      let chosen = found.indices.filter { ($0 % 4 == 0) == (part == 0) }.map { found[$0] }
      return Double(chosen.reduce(0, +)) / Double(chosen.count)
    }
    #expect(abs(mean(0) - mean(1) - Double(apart)) < 1)
  }

  @Test(arguments: [-10, -4, 2], [-5, 0, 5])
  func `a row finds out how it differs before it ends`(odds: Int, apart: Int) {
    let truth = [Int](repeating: 0, count: 4000)
    let found = levels(
      odds: odds, truth: truth, rowTruth: apart, rows: 1, rowPrior: 2, columnPrior: 15)
    #expect(abs(found.row - apart) <= 1)
    #expect(found.columns.allSatisfy { $0 == 0 })
  }

  @Test func `levels that are off stay at nothing`() {
    let found = levels(
      odds: 0, truth: [8, 8, 8], rowTruth: 8, rows: 50, rowPrior: 15, columnPrior: 15)
    #expect(found.columns == [0, 0, 0] && found.row == 0)
  }

  @Test func `no count of elements drives a level out of its range`() {
    var level = FineLevel()
    for score in [Int(Int32.max) << 10, -(Int(Int32.max) << 10)] {
      for _ in 0..<100 { _ = level.learn(score: score, information: 1) }
      #expect((0...31).contains(level.biased))
    }
  }
}
