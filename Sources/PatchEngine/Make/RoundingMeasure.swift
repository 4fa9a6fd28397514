internal import ByteIO
internal import Gradiend

/// What rounding to the base's type keeps of an update: how what was added compares with what was meant
/// (Formats/patch.md, section 3.4).
public struct RoundingMeasure: Sendable, Equatable {
  private var meantSquares = 0.0
  private var addedSquares = 0.0
  private var products = 0.0

  init() {}

  /// Of the angle between the two; nil if nothing was meant, or nothing was added.
  public var cosine: Double? {
    let squares = meantSquares * addedSquares
    return squares > 0 ? products / squares.squareRoot() : nil
  }

  /// The norm of what was added over that of what was meant; nil if nothing was meant.
  public var normShare: Double? {
    meantSquares > 0 ? (addedSquares / meantSquares).squareRoot() : nil
  }

  /// With what was measured of other elements.
  func adding(_ other: Self) -> Self {
    var sum = self
    sum.meantSquares += other.meantSquares
    sum.addedSquares += other.addedSquares
    sum.products += other.products
    return sum
  }
}

extension RoundingMeasure {
  private static let blockLength = 4096

  /// Measures elements; those that are not finite count for nothing.
  ///
  /// - Parameters:
  ///   - meant: what was to be added to each.
  ///   - base: the elements before.
  ///   - result: as many elements after.
  ///   - storage: their type.
  /// - Complexity: O(elements), with two blocks of memory.
  init(meant: [Float], base: RawSpan, result: RawSpan, storage: FloatStorage) {
    precondition(base.byteCount == meant.count * storage.byteWidth)
    precondition(result.byteCount == base.byteCount)
    var before = [Float](repeating: 0, count: Self.blockLength)
    var after = before
    for start in stride(from: 0, to: meant.count, by: Self.blockLength) {
      let length = min(Self.blockLength, meant.count - start)
      let offset = start * storage.byteWidth
      var span = before.mutableSpan
      storage.widen(base, at: offset, count: length, into: &span)
      span = after.mutableSpan
      storage.widen(result, at: offset, count: length, into: &span)
      let block = Self.sums(
        meant.span.extracting(start..<start + length), before.span.extracting(first: length),
        after.span.extracting(first: length))
      self = adding(block)
    }
  }

  private static func sums(
    _ meant: Span<Float>, _ before: Span<Float>, _ after: Span<Float>
  ) -> Self {
    var (meantSquares, addedSquares, products) = (
      SIMD8<Double>.zero, SIMD8<Double>.zero, SIMD8<Double>.zero
    )
    for index in stride(from: 0, to: meant.count, by: 8) {
      var update = SIMD8<Double>(meant.lanes(at: index))
      var added = SIMD8<Double>(after.lanes(at: index)) - SIMD8<Double>(before.lanes(at: index))
      let isFinite = (update - update .== 0) .& (added - added .== 0)
      update.replace(with: 0, where: .!isFinite)
      added.replace(with: 0, where: .!isFinite)
      meantSquares += update * update
      addedSquares += added * added
      products += update * added
    }
    var sums = Self()
    sums.meantSquares = meantSquares.sum()
    sums.addedSquares = addedSquares.sum()
    sums.products = products.sum()
    return sums
  }
}
