internal import Synchronization

/// Sums that threads find in any order, added in that of their numbers.
final class OrderedSums: Sendable {
  private let sums: Mutex<[Double]>

  init(count: Int) { sums = Mutex(Array(repeating: 0, count: count)) }

  func record(_ sum: Double, of number: Int) { sums.withLock { $0[number] = sum } }

  var total: Double { sums.withLock { $0.reduce(0, +) } }
}

/// The sum of the squares, in eight lanes, which no compiler may make of one sum by itself.
func squares(of values: Span<Float>) -> Double {
  var lanes = SIMD8<Double>.zero
  let whole = values.count & ~7
  for index in stride(from: 0, to: whole, by: 8) {
    let values = SIMD8<Double>(
      SIMD8<Float>(
        values[index], values[index + 1], values[index + 2], values[index + 3], values[index + 4],
        values[index + 5], values[index + 6], values[index + 7]))
    lanes += values * values
  }
  for index in whole..<values.count { lanes[0] += Double(values[index]) * Double(values[index]) }
  return lanes.sum()
}
