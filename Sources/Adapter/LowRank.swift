internal import PatchEngine

/// The best approximation of a matrix of a rank, as a randomised range finder finds it
/// (Formats/adapter.md, section 4).
struct LowRank {
  /// Descending; one for each column of ``left`` and ``right``.
  let values: [Double]
  /// Orthonormal columns, `rowCount × values.count`.
  let left: Matrix
  /// Orthonormal columns, `columnCount × values.count`.
  let right: Matrix

  private static let oversampling = 8
  private static let powerIterationCount = 2

  /// - Parameters:
  ///   - matrix: what is approximated.
  ///   - rank: how many values are wanted, no more than rows and columns.
  ///   - blas: multiplies and decomposes.
  ///   - execution: on whose threads.
  /// - Throws: ``PatchError`` if the operation is cancelled, or elements are not finite.
  /// - Complexity: O(elements · rank).
  init(
    of matrix: Matrix, rank: Int, _ blas: OpenBLAS, _ execution: Execution
  ) throws(PatchError) {
    let count = min(rank + Self.oversampling, matrix.rowCount, matrix.columnCount)
    // Signs do as well as normal numbers, and no library has a say in them.
    var range = Matrix(rowCount: matrix.columnCount, columnCount: count)
    var signs = SplitMix()
    range.withRows(0..<range.rowCount) { span in
      for index in span.indices { span[index] = signs.next() & 1 == 0 ? 1 : -1 }
    }
    var basis = range
    for round in 0...Self.powerIterationCount {
      if round > 0 { range = Self.orthonormal(range, blas) }
      let image = try matrix.product(with: range, blas, execution)
      basis = Self.orthonormal(image, blas)
      range = try matrix.transposedProduct(with: basis, blas, execution)
    }
    guard let parts = blas.decompose(range.columns, rowCount: range.rowCount) else {
      throw PatchError(.badInput, "a singular value decomposition does not converge")
    }
    values = Array(parts.values.prefix(rank))
    right = Matrix(
      columns: Array(parts.left.prefix(values.count * matrix.columnCount)),
      rowCount: matrix.columnCount)
    // matrix ≈ basis · rangeᵀ, and range = left · values · right: basis · rightᵀ are its left vectors.
    let turned = Matrix(rowCount: count, columnCount: values.count)
    for row in 0..<count {
      for column in 0..<values.count {
        turned[row, column] = Float(parts.right[row * count + column])
      }
    }
    left = try basis.product(with: turned, blas, execution)
  }

  private static func orthonormal(_ matrix: Matrix, _ blas: OpenBLAS) -> Matrix {
    Matrix(
      columns: blas.basis(of: matrix.columns, rowCount: matrix.rowCount),
      rowCount: matrix.rowCount)
  }
}

extension Matrix {
  /// `self · right`, by stripes of rows.
  func product(
    with right: Matrix, _ blas: OpenBLAS, _ execution: Execution
  ) throws(PatchError) -> Matrix {
    let result = Matrix(rowCount: rowCount, columnCount: right.columnCount)
    let stripes = Self.stripes(of: rowCount, width: columnCount)
    try execution.forEach(stripes.count) { (number) throws(PatchError) in
      unsafe blas.multiply(
        part(rows: stripes[number]), by: right.part(), into: result.part(rows: stripes[number]))
    }
    return result
  }

  /// `selfᵀ · right`, by stripes of columns, so that no sum is shared.
  func transposedProduct(
    with right: Matrix, _ blas: OpenBLAS, _ execution: Execution
  ) throws(PatchError) -> Matrix {
    let result = Matrix(rowCount: columnCount, columnCount: right.columnCount)
    let stripes = Self.stripes(of: columnCount, width: rowCount)
    try execution.forEach(stripes.count) { (number) throws(PatchError) in
      unsafe blas.multiply(
        part(columns: stripes[number]), leftIsTransposed: true, by: right.part(),
        into: result.part(rows: stripes[number]))
    }
    return result
  }

  /// Subtracts `left · rightᵀ`, by stripes of rows.
  ///
  /// - Returns: the sum of the squares of what is left.
  func subtractProduct(
    of left: Matrix, transposed right: Matrix, _ blas: OpenBLAS, _ execution: Execution
  ) throws(PatchError) -> Double {
    let stripes = Self.stripes(of: rowCount, width: columnCount)
    let sums = OrderedSums(count: stripes.count)
    try execution.forEach(stripes.count) { (number) throws(PatchError) in
      let rows = stripes[number]
      unsafe blas.multiply(
        left.part(rows: rows), by: right.part(), rightIsTransposed: true, factor: -1, keeping: 1,
        into: part(rows: rows))
      sums.record(withRows(rows) { squares(of: $0.span) }, of: number)
    }
    return sums.total
  }
}

/// Random bits, the same everywhere (Steele, Lea and Flood's SplitMix64).
private struct SplitMix {
  private var state: UInt64 = 0

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var bits = state
    bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
    return bits ^ bits >> 31
  }
}
