/// Several measurements of the same thing.
struct Statistics: Equatable {
  let count: Int
  let median: Double
  let minimum: Double
  let maximum: Double

  /// - Precondition: There is at least one value.
  init(_ values: [Double]) {
    precondition(!values.isEmpty)
    let sorted = values.sorted()
    let middle = sorted.count / 2
    count = sorted.count
    median = sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    minimum = sorted[0]
    maximum = sorted[sorted.count - 1]
  }

  /// How far the extremes are apart, as a share of the median.
  var spread: Double { median > 0 ? (maximum - minimum) / median : 0 }
}
