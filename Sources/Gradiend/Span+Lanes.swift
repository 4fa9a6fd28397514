extension Span<Float> {
  /// Eight elements from `index` on, with zeros behind the last: sums in lanes are what no compiler may
  /// make of one sum by itself.
  @inline(__always)
  package func lanes(at index: Int) -> SIMD8<Float> {
    guard index + 8 > count else {
      return SIMD8(
        self[index], self[index + 1], self[index + 2], self[index + 3], self[index + 4],
        self[index + 5], self[index + 6], self[index + 7])
    }
    var lanes = SIMD8<Float>.zero
    for lane in 0..<count - index { lanes[lane] = self[index + lane] }
    return lanes
  }
}
