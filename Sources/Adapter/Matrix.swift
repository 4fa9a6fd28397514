/// A matrix of floats, row by row, of which threads write and read different parts at once.
@safe
final class Matrix: @unchecked Sendable {
  let rowCount: Int
  let columnCount: Int
  private let elements: UnsafeMutableBufferPointer<Float>

  /// Zeros.
  init(rowCount: Int, columnCount: Int) {
    (self.rowCount, self.columnCount) = (rowCount, columnCount)
    unsafe elements = .allocate(capacity: rowCount * columnCount)
    unsafe elements.initialize(repeating: 0)
  }

  /// Calls `body` with some whole rows, for writing. No other thread may use them meanwhile.
  func withRows<Result>(_ rows: Range<Int>, _ body: (inout MutableSpan<Float>) -> Result) -> Result
  {
    precondition(rows.lowerBound >= 0 && rows.upperBound <= rowCount)
    let part = unsafe UnsafeMutableBufferPointer(
      rebasing: elements[rows.lowerBound * columnCount..<rows.upperBound * columnCount])
    var span = unsafe part.mutableSpan
    return body(&span)
  }

  /// The elements of some rows and columns, for BLAS.
  @unsafe
  func part(rows: Range<Int>? = nil, columns: Range<Int>? = nil) -> OpenBLAS.Part {
    let (rows, columns) = (rows ?? 0..<rowCount, columns ?? 0..<columnCount)
    precondition(rows.lowerBound >= 0 && rows.upperBound <= rowCount)
    precondition(columns.lowerBound >= 0 && columns.upperBound <= columnCount)
    unsafe precondition(!elements.isEmpty)
    return unsafe OpenBLAS.Part(
      start: elements.baseAddress.unsafelyUnwrapped + rows.lowerBound * columnCount
        + columns.lowerBound,
      rowCount: rows.count, columnCount: columns.count, stride: columnCount)
  }

  subscript(row: Int, column: Int) -> Float {
    get {
      precondition(row >= 0 && row < rowCount && column >= 0 && column < columnCount)
      return unsafe elements[row * columnCount + column]
    }
    set {
      precondition(row >= 0 && row < rowCount && column >= 0 && column < columnCount)
      unsafe elements[row * columnCount + column] = newValue
    }
  }

  deinit { unsafe elements.deallocate() }
}

extension Matrix {
  /// Column by column, in double precision, as LAPACK wants it.
  var columns: [Double] {
    (0..<columnCount).flatMap { column in (0..<rowCount).map { Double(self[$0, column]) } }
  }

  /// The matrix with these elements, `rowCount × columnCount`, column by column.
  convenience init(columns: [Double], rowCount: Int) {
    self.init(rowCount: rowCount, columnCount: columns.count / rowCount)
    for column in 0..<columnCount {
      for row in 0..<rowCount { self[row, column] = Float(columns[column * rowCount + row]) }
    }
  }

  /// Runs of rows, or of columns, that one thread works on at a time. They do not depend on how many
  /// threads there are, so neither does what is rounded.
  static func stripes(of count: Int, width: Int) -> [Range<Int>] {
    let length = max(1, (1 << 18) / max(1, width))
    return stride(from: 0, to: count, by: length).map { $0..<min($0 + length, count) }
  }
}
