internal import ByteIO
internal import Checkpoints
internal import DeltaCoding
internal import ModelNames
package import Gradiend

/// What is added to one tensor of a base before it is rounded: the updates of GRADIENDs.
package struct WeightSum: Sendable {
  private let terms: [UpdateTerm]
  private let order: ElementOrder
  private let conversion: FloatConversion

  /// - Parameter updates: of the same tensor, in the order in which they are added; at least one.
  package init(_ updates: [(update: WeightUpdate, output: DecoderOutput)]) {
    let first = updates[0].update
    precondition(
      updates.allSatisfy { $0.update.order == first.order },
      "a tensor has one order, whichever GRADIEND's parameter it is")
    terms = updates.map { $0.update.term($0.output) }
    (order, conversion) = (first.order, first.conversion)
  }

  /// Bytes after something was added, and what rounding kept of it.
  package typealias Sum = (bytes: [UInt8], rounding: RoundingSums)

  /// Adds the sum to a chunk.
  ///
  /// - Parameters:
  ///   - base: the chunk's bytes, as the base has them.
  ///   - chunk: of a tensor of the base.
  ///   - isMeasured: whether to find out what rounding keeps, which takes some time.
  /// - Returns: the bytes of the result, rounded as the converter does it; nil if a stored value
  ///   cannot be read back.
  package func added(
    to base: RawSpan, _ chunk: Chunk<some TensorInChunks>, isMeasured: Bool = true
  ) -> Sum? {
    guard !conversion.isIdentity else { return addedToValues(base, chunk, isMeasured) }
    let count = chunk.shape.elementCount
    var values = [UInt8](uninitializedByteCount: count * conversion.valueWidth)
    var fault: Int?
    values.withMutableRawSpan { fault = conversion.read(base, into: &$0) }
    guard fault == nil else { return nil }
    let sum = addedToValues(values.rawSpan, chunk, isMeasured)
    var result = [UInt8](uninitializedByteCount: base.byteCount)
    result.withMutableRawSpan { _ = conversion.write(sum.bytes.rawSpan, into: &$0) }
    return (result, sum.rounding)
  }

  /// Adds sums to a chunk, one after the other, each rounded before the next.
  ///
  /// - Parameters:
  ///   - sums: what is added.
  ///   - base: the chunk's bytes, as the base has them.
  ///   - chunk: of a tensor of the base.
  ///   - isMeasured: whether to find out what rounding keeps.
  /// - Returns: nil if a stored value cannot be read back.
  package static func added(
    _ sums: [WeightSum], to base: [UInt8], _ chunk: Chunk<some TensorInChunks>,
    isMeasured: Bool = true
  ) -> Sum? {
    var result = (bytes: base, rounding: RoundingSums())
    for sum in sums {
      guard let next = sum.added(to: result.bytes.rawSpan, chunk, isMeasured: isMeasured) else {
        return nil
      }
      result = (next.bytes, result.rounding.adding(next.rounding))
    }
    return result
  }

  /// What is added to elements from `first` on, in single precision: as if to zeros, which rounds
  /// nothing.
  ///
  /// - Precondition: The tensor has the parameter's order.
  package func values(fromElement first: Int, count: Int) -> [Float] {
    precondition(order == .same)
    guard let update = TensorUpdate(terms, type: .float32) else {
      preconditionFailure("an update can be added to F32")
    }
    let zeros = [UInt8](repeating: 0, count: 4 * count)
    var values = [Float](repeating: 0, count: count)
    var span = values.mutableSpan
    var bytes = unsafe span.mutableBytes
    update.add(fromElement: first, to: zeros.rawSpan, into: &bytes)
    return values
  }

  private func addedToValues(
    _ base: RawSpan, _ chunk: Chunk<some TensorInChunks>, _ isMeasured: Bool
  ) -> Sum {
    let shape = chunk.tensor.shape
    let columns = shape.count > 1 ? shape[1] : 1
    let count = chunk.shape.elementCount
    let rows = chunk.firstElement / columns..<(chunk.firstElement + count) / columns
    switch order {
    case .same: return add([(chunk.firstElement, count)], to: base, isMeasured)
    case .interleavedHalves, .separatedHalves:
      // Each row of the chunk is one of the parameter's, elsewhere among them.
      let runs = rows.map {
        (order.inverse.row($0, of: shape[0]) * columns, columns)
      }
      return add(runs, to: base, isMeasured)
    case .transposed:
      let width = conversion.valueWidth
      let ordered = base.transposed(rows: rows.count, columns: columns, width: width)
      let runs = (0..<columns).map { ($0 * shape[0] + rows.lowerBound, rows.count) }
      let sum = add(runs, to: ordered.rawSpan, isMeasured)
      return (
        sum.bytes.rawSpan.transposed(rows: columns, columns: rows.count, width: width), sum.rounding
      )
    }
  }

  /// Adds runs of the parameter's elements to values that are in their order.
  private func add(
    _ runs: [(first: Int, count: Int)], to base: RawSpan, _ isMeasured: Bool
  ) -> Sum {
    var sums = [UInt8](uninitializedByteCount: base.byteCount)
    guard let update = TensorUpdate(terms, type: conversion.value) else {
      preconditionFailure("an update was matched to \(conversion.value.name)")
    }
    var rounding = RoundingSums()
    sums.withMutableRawSpan {
      rounding = update.add(runs, to: base, into: &$0, isMeasured: isMeasured)
    }
    return (sums, rounding)
  }
}
