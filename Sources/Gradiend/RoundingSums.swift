internal import ByteIO

/// How what was added to elements compares with what was meant: sums of squares, and of products.
package struct RoundingSums: Sendable, Equatable {
  package private(set) var meantSquares = 0.0
  package private(set) var addedSquares = 0.0
  package private(set) var products = 0.0

  package init() {}

  /// Sums that were measured earlier.
  ///
  /// - Returns: nil if nothing can have these: there are fewer than 2⁶³ elements, whose squares are below
  ///   2²⁵⁸.
  package init?(meantSquares: Double, addedSquares: Double, products: Double) {
    guard meantSquares >= 0, addedSquares >= 0,
      [meantSquares, addedSquares, products].allSatisfy({ $0.magnitude <= 0x1p321 })
    else { return nil }
    (self.meantSquares, self.addedSquares) = (meantSquares, addedSquares)
    self.products = products
  }

  /// With what was measured of other elements.
  package func adding(_ other: Self) -> Self {
    var sums = self
    sums.meantSquares += other.meantSquares
    sums.addedSquares += other.addedSquares
    sums.products += other.products
    return sums
  }

  /// Measures elements; those that are not finite count for nothing.
  ///
  /// - Parameters:
  ///   - meant: what was to be added to each.
  ///   - before: the elements, in single precision.
  ///   - after: what they became.
  init(meant: Span<Float>, before: Span<Float>, after: Span<Float>) {
    self.init(meant, before, after, skipsNonFinite: false)
    guard !(meantSquares + addedSquares).isFinite else { return }
    self.init(meant, before, after, skipsNonFinite: true)
  }

  @inline(__always)
  private init(
    _ meant: Span<Float>, _ before: Span<Float>, _ after: Span<Float>, skipsNonFinite: Bool
  ) {
    var (meantSquares, addedSquares, products) = (
      SIMD8<Double>.zero, SIMD8<Double>.zero, SIMD8<Double>.zero
    )
    for index in stride(from: 0, to: meant.count, by: 8) {
      var update = SIMD8<Double>(meant.lanes(at: index))
      var added = SIMD8<Double>(after.lanes(at: index)) - SIMD8<Double>(before.lanes(at: index))
      if skipsNonFinite {
        let isFinite = (update - update .== 0) .& (added - added .== 0)
        update.replace(with: 0, where: .!isFinite)
        added.replace(with: 0, where: .!isFinite)
      }
      meantSquares += update * update
      addedSquares += added * added
      products += update * added
    }
    self.meantSquares = meantSquares.sum()
    self.addedSquares = addedSquares.sum()
    self.products = products.sum()
  }
}
