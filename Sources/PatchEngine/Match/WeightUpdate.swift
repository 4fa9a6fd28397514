internal import ByteIO
internal import Checkpoints
internal import DeltaCoding
package import ModelNames
package import Gradiend

/// What a parameter of a GRADIEND adds to one tensor of a base, wherever the tensor's elements are
/// in the parameter.
package struct WeightUpdate: Sendable {
  package let coverage: GradiendCheckpoint.Coverage
  /// The tensor's first element, in the parameter's order.
  package let firstElement: Int
  /// From the parameter's order to the base's.
  package let order: ElementOrder
  /// How the base stores the values that the update is added to.
  package let conversion: FloatConversion

  /// Adds the update to a chunk.
  ///
  /// - Parameters:
  ///   - output: of the GRADIEND.
  ///   - base: the chunk's bytes, as the base has them.
  ///   - chunk: of a tensor of the base.
  /// - Returns: the bytes of the result, rounded as the converter does it; nil if a stored value
  ///   cannot be read back.
  package func sum(
    of output: DecoderOutput, and base: RawSpan, _ chunk: Chunk<ComparedTensor>
  ) -> [UInt8]? {
    guard !conversion.isIdentity else { return sumOfValues(output, base, chunk) }
    let count = chunk.shape.elementCount
    var values = [UInt8](uninitializedByteCount: count * conversion.valueWidth)
    var fault: Int?
    values.withMutableRawSpan { fault = conversion.read(base, into: &$0) }
    guard fault == nil else { return nil }
    let sum = sumOfValues(output, values.rawSpan, chunk)
    var result = [UInt8](uninitializedByteCount: base.byteCount)
    result.withMutableRawSpan { _ = conversion.write(sum.rawSpan, into: &$0) }
    return result
  }

  /// What is added to elements, in single precision: as if to zeros of it, which rounds nothing.
  ///
  /// - Precondition: The tensor has the parameter's order.
  package func values(of output: DecoderOutput, from first: Int, count: Int) -> [Float] {
    precondition(order == .same)
    let zeros = [UInt8](repeating: 0, count: 4 * count)
    let update = TensorUpdate(output, coverage, storage: .float32)
    var values = [Float](repeating: 0, count: count)
    var span = values.mutableSpan
    var bytes = unsafe span.mutableBytes
    update.add(fromElement: firstElement + first, to: zeros.rawSpan, into: &bytes)
    return values
  }

  private func sumOfValues(
    _ output: DecoderOutput, _ base: RawSpan, _ chunk: Chunk<ComparedTensor>
  ) -> [UInt8] {
    let shape = chunk.tensor.shape
    let columns = shape.count > 1 ? shape[1] : 1
    let count = chunk.shape.elementCount
    let rows = chunk.firstElement / columns..<(chunk.firstElement + count) / columns
    switch order {
    case .same: return add(output, [(firstElement + chunk.firstElement, count)], to: base)
    case .interleavedHalves, .separatedHalves:
      // Each row of the chunk is one of the parameter's, elsewhere among them.
      let runs = rows.map {
        (firstElement + order.inverse.row($0, of: shape[0]) * columns, columns)
      }
      return add(output, runs, to: base)
    case .transposed:
      let width = conversion.valueWidth
      let ordered = base.transposed(rows: rows.count, columns: columns, width: width)
      let runs = (0..<columns).map { (firstElement + $0 * shape[0] + rows.lowerBound, rows.count) }
      let sums = add(output, runs, to: ordered.rawSpan)
      return sums.rawSpan.transposed(rows: columns, columns: rows.count, width: width)
    }
  }

  /// Adds runs of the parameter's elements to values that are in their order.
  private func add(
    _ output: DecoderOutput, _ runs: [(first: Int, count: Int)], to base: RawSpan
  ) -> [UInt8] {
    var sums = [UInt8](uninitializedByteCount: base.byteCount)
    guard let update = TensorUpdate(output, coverage, type: conversion.value) else {
      preconditionFailure("an update was matched to \(conversion.value.name)")
    }
    sums.withMutableRawSpan { update.add(runs, to: base, into: &$0) }
    return sums
  }
}
