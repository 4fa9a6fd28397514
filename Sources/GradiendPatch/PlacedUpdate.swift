internal import ByteIO
internal import Checkpoints
internal import Gradiend
internal import PatchFormat

/// What a GRADIEND adds to one tensor of a base, wherever the tensor's elements are in a parameter.
struct PlacedUpdate: Sendable {
  let update: TensorUpdate
  /// The tensor's first element, in the parameter's order.
  let firstElement: Int
  /// From the parameter's order to the file's.
  let layout: GGUFMapping.Layout
  /// Of the tensor.
  let shape: [Int]
  /// How the file stores the values that the update is added to.
  let conversion: FloatConversion

  /// Adds the update to a chunk.
  ///
  /// - Parameters:
  ///   - base: the chunk's bytes, as the file has them.
  ///   - chunk: of the tensor.
  /// - Returns: the bytes of the result, rounded as the converter does it; nil if a stored value
  ///   cannot be read back.
  func result(of base: RawSpan, _ chunk: TensorChunks.Chunk) -> [UInt8]? {
    guard !conversion.isIdentity else { return sum(base, chunk) }
    var values = [UInt8](
      repeating: 0, count: base.byteCount / conversion.storedWidth * conversion.valueWidth)
    var fault: Int?
    values.withMutableRawSpan { fault = conversion.read(base, into: &$0) }
    guard fault == nil else { return nil }
    let sum = sum(values.rawSpan, chunk)
    var result = [UInt8](repeating: 0, count: base.byteCount)
    result.withMutableRawSpan { _ = conversion.write(sum.rawSpan, into: &$0) }
    return result
  }

  private func sum(_ base: RawSpan, _ chunk: TensorChunks.Chunk) -> [UInt8] {
    let width = conversion.valueWidth
    guard layout != .same else {
      return add([(firstElement + chunk.firstElement, base.byteCount / width)], to: base)
    }
    let columns = shape.count > 1 ? shape[1] : 1
    let rows =
      chunk.firstElement / columns..<chunk.firstElement / columns
      + base.byteCount / width / columns
    if layout == .transposed {
      let ordered = transposed(base, rows: rows.count, columns: columns)
      let runs = (0..<columns).map { (firstElement + $0 * shape[0] + rows.lowerBound, rows.count) }
      return transposed(
        add(Self.joined(runs), to: ordered.rawSpan).rawSpan, rows: columns, columns: rows.count)
    }
    // The rows of the chunk in the parameter's order, and where each is stored.
    let order = rows.map { (row: sourceRow($0), place: $0 - rows.lowerBound) }
      .sorted { $0.row < $1.row }
    let byteCount = columns * width
    var ordered = [UInt8](repeating: 0, count: base.byteCount)
    for (index, (_, place)) in order.enumerated() {
      ordered.copyElements(
        1, width: byteCount, to: index * byteCount, step: 0, from: base, at: place * byteCount,
        step: 0)
    }
    let runs = order.map { (firstElement + $0.row * columns, columns) }
    let sums = add(Self.joined(runs), to: ordered.rawSpan)
    for (index, (_, place)) in order.enumerated() {
      ordered.copyElements(
        1, width: byteCount, to: place * byteCount, step: 0, from: sums.rawSpan,
        at: index * byteCount, step: 0)
    }
    return ordered
  }

  /// Adds runs of the parameter's elements to values that are in their order.
  private func add(_ runs: [(first: Int, count: Int)], to base: RawSpan) -> [UInt8] {
    var sums = [UInt8](uninitializedByteCount: base.byteCount)
    sums.withMutableRawSpan { update.add(runs, to: base, into: &$0) }
    return sums
  }

  private static func joined(_ runs: [(first: Int, count: Int)]) -> [(first: Int, count: Int)] {
    var joined: [(first: Int, count: Int)] = []
    for run in runs {
      if let last = joined.last, last.first + last.count == run.first {
        joined[joined.count - 1].count += run.count
      } else {
        joined.append(run)
      }
    }
    return joined
  }

  private func transposed(_ bytes: RawSpan, rows: Int, columns: Int) -> [UInt8] {
    let width = conversion.valueWidth
    var result = [UInt8](repeating: 0, count: bytes.byteCount)
    for column in 0..<columns {
      result.copyElements(
        rows, width: width, to: column * rows * width, step: width, from: bytes,
        at: column * width, step: columns * width)
    }
    return result
  }

  /// The parameter's row that is stored as `row`.
  private func sourceRow(_ row: Int) -> Int {
    layout.inverse.row(row, of: shape[0])
  }
}
