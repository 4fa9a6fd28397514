internal import PatchEngine

/// A logarithmic scale of a few shades.
struct ColourScale {
  static let shadeCount = 8

  /// Ascending; each shade reaches from one to below the next, the last one to it.
  let edges: [Double]

  /// - Parameter values: Those to be shown; what is not positive has no shade.
  init(_ values: [Double]) {
    let positive = values.filter { $0 > 0 && $0.isFinite }
    guard let least = positive.min(), let most = positive.max() else {
      edges = []
      return
    }
    edges = Self.steps(from: least, to: most)
  }

  /// The shade, from 0 to 7, for the lightest to the strongest.
  func shade(of value: Double) -> Int? {
    guard value > 0, edges.count > 1 else { return nil }
    let above = edges.dropFirst().dropLast().count { $0 <= value }
    return shade(ofStep: above)
  }

  /// The shades of all steps, for the legend.
  var shades: [Int] { edges.indices.dropLast().map(shade(ofStep:)) }

  private func shade(ofStep step: Int) -> Int {
    let last = edges.count - 2
    // One step alone is neither little nor much.
    return last < 1 ? 4 : (step * (Self.shadeCount - 1) + last / 2) / last
  }

  /// The finest of the usual divisions of a decade that takes no more steps than there are shades.
  private static func steps(from least: Double, to most: Double) -> [Double] {
    let first = decade(below: least) - 1
    let last = decade(below: most) + 1
    for mantissas in [[1.0, 2, 5], [1, 3], [1]] {
      let all = (first...last).flatMap { decade in mantissas.map { power(decade, times: $0) } }
      let end = all.firstIndex { $0 >= most } ?? all.count - 1
      let start = min(all.lastIndex { $0 <= least } ?? 0, end - 1)
      if end - start <= shadeCount { return Array(all[start...end]) }
    }
    let stride = (last - first + shadeCount - 1) / shadeCount
    return (0...shadeCount).map { power(first + $0 * stride, times: 1) }
  }

  /// The exponent of the power of ten at or below `value`.
  private static func decade(below value: Double) -> Int {
    var exponent = 0
    while power(exponent, times: 1) > value && exponent > -330 { exponent -= 1 }
    while power(exponent + 1, times: 1) <= value && exponent < 307 { exponent += 1 }
    return exponent
  }

  /// As the decimal number is read, so that edges are what they are said to be.
  private static func power(_ exponent: Int, times mantissa: Double) -> Double {
    Double("\(Int(mantissa))e\(exponent)") ?? 0
  }
}
