internal import Gradiend
internal import PatchEngine

/// The factors of a layer's adapter, as they are stored: of the values that BF16 has.
struct LayerFactors {
  /// One row for each of the tensor's, `rowCount × rank`.
  private let rows: Matrix
  /// One row for each of the tensor's columns, `columnCount × rank`, not multiplied by γ.
  private let columns: Matrix
  private let layer: AdapterPlan.Layer

  /// - Parameters:
  ///   - approximation: of the layer's change.
  ///   - layer: the layer.
  ///   - rank: that of the adapter; what the approximation has not is zero.
  init(_ approximation: LowRank, of layer: AdapterPlan.Layer, rank: Int) {
    self.layer = layer
    let roots = approximation.values.map { Float($0.squareRoot()) }
    rows = Self.rounded(approximation.left, roots, rank: rank) { _ in 1 }
    columns = Self.rounded(approximation.right, roots, rank: rank) { column in
      guard let norm = layer.norm else { return 1 }
      return norm.isFolded[column] ? 1 / norm.scale[column] : 0
    }
  }

  private static func rounded(
    _ vectors: Matrix, _ roots: [Float], rank: Int, by factor: (Int) -> Float
  ) -> Matrix {
    let result = Matrix(rowCount: vectors.rowCount, columnCount: rank)
    result.withRows(0..<result.rowCount) { span in
      for row in 0..<vectors.rowCount {
        let factor = factor(row)
        for (column, root) in roots.enumerated() {
          span[row * rank + column] = vectors[row, column] * root * factor
        }
      }
      FloatStorage.bfloat16.round(&span, count: span.count)
    }
    return result
  }

  /// How far the factors are from a layer's change, which is used up.
  ///
  /// - Returns: the sum of the squares of what they miss.
  func missedSquares(
    of change: LayerChange, _ blas: OpenBLAS, _ execution: Execution
  ) throws(PatchError) -> Double {
    let scaled = Matrix(rowCount: columns.rowCount, columnCount: columns.columnCount)
    for row in 0..<columns.rowCount {
      let scale = layer.norm?.scale[row] ?? 1
      for column in 0..<columns.columnCount { scaled[row, column] = columns[row, column] * scale }
    }
    return try change.lostSquares
      + change.matrix.subtractProduct(of: rows, transposed: scaled, blas, execution)
  }

  /// `rank × input`, row by row.
  var a: [Float] {
    let matrix = layer.isTransposed ? rows : columns
    return (0..<matrix.columnCount).flatMap { column in
      (0..<matrix.rowCount).map { matrix[$0, column] }
    }
  }

  /// `output × rank`, row by row.
  var b: [Float] {
    let matrix = layer.isTransposed ? columns : rows
    return matrix.withRows(0..<matrix.rowCount) { span in span.indices.map { span[$0] } }
  }
}
