internal import ByteIO
internal import Checkpoints
internal import Gradiend
internal import PatchEngine

/// A norm that linear layers make up for (Formats/adapter.md, section 3).
struct FoldedNorm: Sendable {
  /// γ: what the norm multiplies by.
  let scale: [Float]
  /// γ′.
  let changedScale: [Float]
  /// γ′ − γ, before it is rounded.
  let change: [Float]
  /// Whether layers can make up for a column.
  let isFolded: [Bool]

  /// Nothing that is multiplied by less than this share of γ's root mean square is made up for.
  private static let leastShare = 0x1p-20

  /// - Throws: ``PatchError`` if the norm has not `width` elements of floats.
  init(
    _ tensor: StoredTensor, _ sums: [WeightSum], of base: any TensorSource, addsOne: Bool,
    width: Int?
  ) throws(PatchError) {
    guard let storage = FloatStorage(tensor.elementType), tensor.shape == [width ?? 0] else {
      throw PatchError(
        .badInput, path: base.path, tensor: tensor.name,
        "tensor '\(tensor.name)' is \(tensor.elementType.name) \(tensor.shape), not the weight of a "
          + "norm that feeds layers of \(width ?? 0) columns")
    }
    let weight = base.floats(of: tensor, storage, from: 0, count: tensor.shape[0])
    change = sums.values(fromElement: 0, count: weight.count)
    let scale = weight.map { addsOne ? 1 + $0 : $0 }
    self.scale = scale
    changedScale = zip(scale, change).map { $0 + $1 }
    let least = Float(
      (squares(of: scale.span) / Double(max(1, scale.count))).squareRoot() * Self.leastShare)
    isFolded = scale.map { abs($0) >= least && (1 / $0).isFinite }
  }
}

extension TensorSource {
  /// Elements of a tensor, row by row.
  func floats(
    of tensor: StoredTensor, _ storage: FloatStorage, from first: Int, count: Int
  ) -> [Float] {
    let start = first * storage.byteWidth
    let bytes = bytes(of: tensor, in: start..<start + count * storage.byteWidth)
    var values = [Float](repeating: 0, count: count)
    var span = values.mutableSpan
    storage.widen(bytes.rawSpan, at: 0, count: count, into: &span)
    return values
  }
}

extension [WeightSum] {
  /// What they add to elements together, one after the other.
  func values(fromElement first: Int, count: Int) -> [Float] {
    guard var sum = self.first?.values(fromElement: first, count: count) else {
      return [Float](repeating: 0, count: count)
    }
    for next in dropFirst() {
      let values = next.values(fromElement: first, count: count)
      for index in sum.indices { sum[index] += values[index] }
    }
    return sum
  }
}
