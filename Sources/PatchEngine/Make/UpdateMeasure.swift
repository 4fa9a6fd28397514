internal import ByteIO
package import Gradiend

/// How far a tensor, or several together, moved from the base to the result.
public struct UpdateMeasure: Sendable, Equatable {
  /// The sum of the squares of what was added.
  package private(set) var updateSquares = 0.0
  /// The sum of the squares of the base's elements.
  private var baseSquares = 0.0
  private var elementCount = 0

  package init() {}

  /// The root of the mean square of what was added to an element.
  public var updateRMS: Double { Self.rootMean(updateSquares, elementCount) }

  /// The root of the mean square of the base's elements.
  public var baseRMS: Double { Self.rootMean(baseSquares, elementCount) }

  /// ``updateRMS`` over ``baseRMS``; nil if the base is zero all over and the result is not.
  public var relative: Double? {
    if updateSquares == 0 { return 0 }
    return baseSquares == 0 ? nil : (updateSquares / baseSquares).squareRoot()
  }

  /// Adds what was measured of other elements.
  package mutating func add(_ other: Self) {
    updateSquares += other.updateSquares
    baseSquares += other.baseSquares
    elementCount += other.elementCount
  }

  private static func rootMean(_ squares: Double, _ count: Int) -> Double {
    count == 0 ? 0 : (squares / Double(count)).squareRoot()
  }
}

extension UpdateMeasure {
  private static let blockLength = 4096

  /// Measures elements of a float type; those that are not finite on both sides count for nothing.
  ///
  /// - Parameters:
  ///   - base: the elements before.
  ///   - result: as many elements after.
  ///   - storage: their type.
  /// - Complexity: O(bytes), with two blocks of memory.
  package init(base: RawSpan, result: RawSpan, storage: FloatStorage) {
    precondition(base.byteCount == result.byteCount)
    let count = base.byteCount / storage.byteWidth
    var before = [Float](repeating: 0, count: Self.blockLength)
    var after = before
    for start in stride(from: 0, to: count, by: Self.blockLength) {
      let length = min(Self.blockLength, count - start)
      let offset = start * storage.byteWidth
      var span = before.mutableSpan
      storage.widen(base, at: offset, count: length, into: &span)
      span = after.mutableSpan
      storage.widen(result, at: offset, count: length, into: &span)
      add(before.span.extracting(first: length), after.span.extracting(first: length))
    }
  }

  private mutating func add(_ before: Span<Float>, _ after: Span<Float>) {
    var block = Self.sums(before, after)
    var count = before.count
    if !(block.update + block.base).isFinite {
      (block, count) = ((0, 0), 0)
      for index in before.indices where before[index].isFinite && after[index].isFinite {
        count += 1
        let value = Double(before[index])
        let difference = Double(after[index]) - value
        block.update += difference * difference
        block.base += value * value
      }
    }
    updateSquares += block.update
    baseSquares += block.base
    elementCount += count
  }

  private static func sums(
    _ before: Span<Float>, _ after: Span<Float>
  ) -> (update: Double, base: Double) {
    var update = SIMD8<Double>.zero
    var base = SIMD8<Double>.zero
    for index in stride(from: 0, to: before.count, by: 8) {
      let old = SIMD8<Double>(before.lanes(at: index))
      let difference = SIMD8<Double>(after.lanes(at: index)) - old
      update += difference * difference
      base += old * old
    }
    return (update.sum(), base.sum())
  }
}
