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

  /// Adds the sum to a chunk.
  ///
  /// - Parameters:
  ///   - base: the chunk's bytes, as the base has them.
  ///   - chunk: of a tensor of the base.
  /// - Returns: the bytes of the result, rounded as the converter does it; nil if a stored value
  ///   cannot be read back.
  package func added(to base: RawSpan, _ chunk: Chunk<ComparedTensor>) -> [UInt8]? {
    guard !conversion.isIdentity else { return added(to: base, as: conversion.value, chunk) }
    let count = chunk.shape.elementCount
    var values = [UInt8](uninitializedByteCount: count * conversion.valueWidth)
    var fault: Int?
    values.withMutableRawSpan { fault = conversion.read(base, into: &$0) }
    guard fault == nil else { return nil }
    let sum = added(to: values.rawSpan, as: conversion.value, chunk)
    var result = [UInt8](uninitializedByteCount: base.byteCount)
    result.withMutableRawSpan { _ = conversion.write(sum.rawSpan, into: &$0) }
    return result
  }

  /// What is added to elements from `first` on, in single precision: as if to zeros, which rounds
  /// nothing.
  ///
  /// - Precondition: The tensor has the parameter's order.
  package func values(fromElement first: Int, count: Int) -> [Float] {
    precondition(order == .same)
    let zeros = [UInt8](repeating: 0, count: 4 * count)
    return Self.floats(add([(first, count)], to: zeros.rawSpan, as: .float32))
  }

  /// What is added to the elements of a chunk, in the chunk's order.
  func values(of chunk: Chunk<ComparedTensor>) -> [Float] {
    let zeros = [UInt8](repeating: 0, count: 4 * chunk.shape.elementCount)
    return Self.floats(added(to: zeros.rawSpan, as: .float32, chunk))
  }

  private static func floats(_ bytes: [UInt8]) -> [Float] {
    var floats = [Float](repeating: 0, count: bytes.count / 4)
    let count = floats.count
    var span = floats.mutableSpan
    FloatStorage.float32.widen(bytes.rawSpan, at: 0, count: count, into: &span)
    return floats
  }

  /// Adds the sum to the values of a chunk, which are of `type`.
  private func added(
    to base: RawSpan, as type: ElementType, _ chunk: Chunk<ComparedTensor>
  ) -> [UInt8] {
    let shape = chunk.tensor.shape
    let columns = shape.count > 1 ? shape[1] : 1
    let count = chunk.shape.elementCount
    let rows = chunk.firstElement / columns..<(chunk.firstElement + count) / columns
    switch order {
    case .same: return add([(chunk.firstElement, count)], to: base, as: type)
    case .interleavedHalves, .separatedHalves:
      // Each row of the chunk is one of the parameter's, elsewhere among them.
      let runs = rows.map {
        (order.inverse.row($0, of: shape[0]) * columns, columns)
      }
      return add(runs, to: base, as: type)
    case .transposed:
      let width = type.elementByteCount ?? 1
      let ordered = base.transposed(rows: rows.count, columns: columns, width: width)
      let runs = (0..<columns).map { ($0 * shape[0] + rows.lowerBound, rows.count) }
      let sums = add(runs, to: ordered.rawSpan, as: type)
      return sums.rawSpan.transposed(rows: columns, columns: rows.count, width: width)
    }
  }

  /// Adds runs of the parameter's elements to values that are in their order.
  private func add(
    _ runs: [(first: Int, count: Int)], to base: RawSpan, as type: ElementType
  ) -> [UInt8] {
    var sums = [UInt8](uninitializedByteCount: base.byteCount)
    guard let update = TensorUpdate(terms, type: type) else {
      preconditionFailure("an update was matched to \(type.name)")
    }
    sums.withMutableRawSpan { update.add(runs, to: base, into: &$0) }
    return sums
  }
}
