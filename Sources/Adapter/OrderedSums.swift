internal import Gradiend
internal import Synchronization

/// Sums that threads find in any order, added in that of their numbers.
final class OrderedSums: Sendable {
  private let sums: Mutex<[Double]>

  init(count: Int) { sums = Mutex(Array(repeating: 0, count: count)) }

  func record(_ sum: Double, of number: Int) { sums.withLock { $0[number] = sum } }

  var total: Double { sums.withLock { $0.reduce(0, +) } }
}

/// The sum of the squares, in double precision.
func squares(of values: Span<Float>) -> Double {
  var sum = SIMD8<Double>.zero
  for index in stride(from: 0, to: values.count, by: 8) {
    let lanes = SIMD8<Double>(values.lanes(at: index))
    sum += lanes * lanes
  }
  return sum.sum()
}
