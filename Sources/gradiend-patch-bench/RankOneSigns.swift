import Glibc

/// Predicts the signs of a matrix as row sign times column sign, learned from those before.
struct RankOneSigns {
  /// How often each sign occurred for each confidence in a plus, from -8 to 8.
  private(set) var counts = Array(repeating: (minus: 0, plus: 0), count: 17)
  private var columns: [Double]

  init(columnCount: Int) {
    columns = Array(repeating: 0, count: columnCount)
  }

  /// Counts and learns the signs of one row's changes.
  mutating func add(row changes: [(column: Int, isPositive: Bool)]) {
    guard !changes.isEmpty else { return }
    var agreement = 0.0
    for (column, isPositive) in changes {
      let score = agreement * columns[column]
      let size = log2(1 + abs(score)).rounded(.toNearestOrEven)
      let confidence = Int(min(size, 8)) * (score < 0 ? -1 : 1) + 8
      if isPositive { counts[confidence].plus += 1 } else { counts[confidence].minus += 1 }
      agreement += isPositive ? columns[column] : -columns[column]
    }
    for column in columns.indices { columns[column] *= 0.999 }
    for (column, isPositive) in changes {
      columns[column] += isPositive == (agreement >= 0) ? 1 : -1
    }
  }
}
