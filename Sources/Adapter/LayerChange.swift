internal import Checkpoints
internal import Gradiend
internal import PatchEngine

/// What a layer's product with the norm that feeds it changes by: D of Formats/adapter.md, section 3.
struct LayerChange {
  /// As the tensor is stored, without the columns that cannot be made up for.
  let matrix: Matrix
  /// The sum of the squares of what the GRADIEND adds to the tensor.
  let updateSquares: Double
  /// Of D.
  let squares: Double
  /// Of the columns that cannot be made up for.
  let lostSquares: Double

  /// - Throws: ``PatchError`` if the operation is cancelled, or an element is not finite.
  /// - Complexity: O(elements), in single precision.
  init(
    of layer: AdapterPlan.Layer, _ base: any TensorSource, _ execution: Execution
  ) throws(PatchError) {
    let matrix = Matrix(rowCount: layer.rowCount, columnCount: layer.columnCount)
    let stripes = Matrix.stripes(of: layer.rowCount, width: layer.columnCount)
    let update = OrderedSums(count: stripes.count)
    let kept = OrderedSums(count: stripes.count)
    let lost = OrderedSums(count: stripes.count)
    try execution.forEach(stripes.count) { (number) throws(PatchError) in
      let rows = stripes[number]
      let (first, count) = (rows.lowerBound * layer.columnCount, rows.count * layer.columnCount)
      let values = layer.sums.values(fromElement: first, count: count)
      update.record(Adapter.squares(of: values.span), of: number)
      let weights =
        layer.norm == nil
        ? [] : base.floats(of: layer.tensor, layer.storage, from: first, count: count)
      matrix.withRows(rows) { span in
        guard let norm = layer.norm else {
          for index in span.indices { span[index] = values[index] }
          kept.record(Adapter.squares(of: span.span), of: number)
          return
        }
        lost.record(Self.fold(norm, weights, values, into: &span), of: number)
        kept.record(Adapter.squares(of: span.span), of: number)
      }
    }
    self.matrix = matrix
    updateSquares = update.total
    lostSquares = lost.total
    squares = kept.total + lostSquares
    guard (squares + updateSquares).isFinite else {
      throw PatchError(
        .badInput, path: base.path, tensor: layer.tensor.name,
        "tensor '\(layer.tensor.name)', or what the GRADIEND adds to it, has elements that are not "
          + "finite")
    }
  }

  /// - Returns: the sum of the squares of what cannot be made up for.
  private static func fold(
    _ norm: FoldedNorm, _ weights: [Float], _ values: [Float], into span: inout MutableSpan<Float>
  ) -> Double {
    let width = norm.scale.count
    var lost = 0.0
    for start in stride(from: 0, to: values.count, by: width) {
      for column in 0..<width {
        let index = start + column
        span[index] =
          values[index] * norm.changedScale[column] + weights[index] * norm.change[column]
      }
    }
    for column in 0..<width where !norm.isFolded[column] {
      for index in stride(from: column, to: values.count, by: width) {
        lost += Double(span[index]) * Double(span[index])
        span[index] = 0
      }
    }
    return lost
  }
}
