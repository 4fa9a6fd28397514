internal import ByteIO
internal import Glibc
internal import PatchEngine

/// The routines of BLAS and LAPACK that are used here.
///
/// OpenBLAS is loaded when it is first needed: linked, it would cost every command its 35 MB, some
/// milliseconds and a thread for each core.
@safe
struct OpenBLAS: Sendable {
  private typealias Multiply =
    @convention(c) (
      Int32, Int32, Int32, Int32, Int32, Int32, Float, UnsafePointer<Float>?, Int32,
      UnsafePointer<Float>?, Int32, Float, UnsafeMutablePointer<Float>?, Int32
    ) -> Void
  private typealias Integer = UnsafeMutablePointer<Int32>
  private typealias Reals = UnsafeMutablePointer<Double>
  private typealias Factor =
    @convention(c) (Integer, Integer, Reals, Integer, Reals, Reals, Integer, Integer) -> Void
  private typealias Expand =
    @convention(c) (Integer, Integer, Integer, Reals, Integer, Reals, Reals, Integer, Integer) ->
    Void
  private typealias Decompose =
    @convention(c) (
      UnsafePointer<CChar>, UnsafePointer<CChar>, Integer, Integer, Reals, Integer, Reals, Reals,
      Integer, Reals, Integer, Reals, Integer, Integer
    ) -> Void

  private let sgemm: Multiply
  private let dgeqrf: Factor
  private let dorgqr: Expand
  private let dgesvd: Decompose

  static let library = "libopenblas.so.0"

  /// The library, or why it cannot be loaded.
  private static let loaded: Result<OpenBLAS, LoadError> = {
    // Threads are the caller's: those of the library would be one for each core at once.
    unsafe setenv("OPENBLAS_NUM_THREADS", "1", 1)
    guard let handle = unsafe dlopen(library, RTLD_NOW | RTLD_LOCAL) else {
      return .failure(LoadError(reason: unsafe String(cString: dlerror())))
    }
    func symbol(_ name: String) -> UnsafeMutableRawPointer? { unsafe dlsym(handle, name) }
    guard let sgemm = unsafe symbol("cblas_sgemm"), let dgeqrf = unsafe symbol("dgeqrf_"),
      let dorgqr = unsafe symbol("dorgqr_"), let dgesvd = unsafe symbol("dgesvd_")
    else { return .failure(LoadError(reason: "\(library) lacks routines of BLAS or LAPACK")) }
    return unsafe .success(
      OpenBLAS(
        sgemm: unsafeBitCast(sgemm, to: Multiply.self),
        dgeqrf: unsafeBitCast(dgeqrf, to: Factor.self),
        dorgqr: unsafeBitCast(dorgqr, to: Expand.self),
        dgesvd: unsafeBitCast(dgesvd, to: Decompose.self)))
  }()

  private struct LoadError: Error {
    let reason: String
  }

  /// Loads the library, once in a process.
  ///
  /// - Throws: ``PatchError`` of kind `cannotOpen`.
  static func load() throws(PatchError) -> OpenBLAS {
    switch loaded {
    case .success(let library): return library
    case .failure(let error):
      throw PatchError(
        .cannotOpen, "adapters need OpenBLAS, which cannot be loaded: \(error.reason)",
        remedy: "install it: apt install libopenblas0, or dnf install openblas")
    }
  }
}

// MARK: - Products

extension OpenBLAS {
  /// A part of a matrix, row by row: `rowCount × columnCount` elements, rows `stride` apart.
  @unsafe
  struct Part {
    let start: UnsafeMutablePointer<Float>
    let rowCount: Int
    let columnCount: Int
    let stride: Int
  }

  /// `result = factor · left · right + kept · result`, either of the two transposed first.
  ///
  /// - Precondition: shapes fit; no two parts overlap.
  @unsafe
  func multiply(
    _ left: Part, leftIsTransposed: Bool = false, by right: Part, rightIsTransposed: Bool = false,
    factor: Float = 1, keeping kept: Float = 0,
    into result: Part
  ) {
    let depth = unsafe leftIsTransposed ? left.rowCount : left.columnCount
    unsafe precondition(
      result.rowCount == (leftIsTransposed ? left.columnCount : left.rowCount)
        && result.columnCount == (rightIsTransposed ? right.rowCount : right.columnCount)
        && depth == (rightIsTransposed ? right.columnCount : right.rowCount))
    let (rowMajor, plain, transposed): (Int32, Int32, Int32) = (101, 111, 112)
    unsafe sgemm(
      rowMajor, leftIsTransposed ? transposed : plain, rightIsTransposed ? transposed : plain,
      Int32(result.rowCount), Int32(result.columnCount), Int32(depth), factor, left.start,
      Int32(left.stride), right.start, Int32(right.stride), kept, result.start,
      Int32(result.stride))
  }
}

// MARK: - Decompositions

extension OpenBLAS {
  /// An orthonormal basis of the columns of a tall matrix, `rowCount × count`, given column by column.
  ///
  /// - Returns: as many columns; where the matrix has less rank, some are arbitrary.
  func basis(of columns: [Double], rowCount: Int) -> [Double] {
    var basis = columns
    guard rowCount > 0, !columns.isEmpty else { return basis }
    precondition(columns.count.isMultiple(of: rowCount) && columns.count <= rowCount * rowCount)
    var (rows, count) = (Int32(rowCount), Int32(columns.count / rowCount))
    var (reflections, depth, status) = ([Double](repeating: 0, count: Int(count)), count, Int32(0))
    var (work, length) = ([Double](repeating: 0, count: 64 * Int(count)), 64 * count)
    unsafe basis.withUnsafeMutableBufferPointer { basis in
      unsafe reflections.withUnsafeMutableBufferPointer { reflections in
        unsafe work.withUnsafeMutableBufferPointer { work in
          guard let basis = basis.baseAddress, let reflections = reflections.baseAddress,
            let work = work.baseAddress
          else { return }
          var stride = rows
          unsafe dgeqrf(&rows, &count, basis, &stride, reflections, work, &length, &status)
          unsafe dorgqr(&rows, &count, &depth, basis, &stride, reflections, work, &length, &status)
        }
      }
    }
    precondition(status == 0, "LAPACK was called wrongly")
    return basis
  }

  /// A singular value decomposition.
  struct Singular {
    /// `rowCount × count`, column by column.
    var left: [Double]
    /// Descending.
    var values: [Double]
    /// `count × count`, its rows the right vectors' elements: column `j` has those that multiply
    /// column `j` of the matrix.
    var right: [Double]
  }

  /// Decomposes a tall matrix, given column by column.
  ///
  /// - Returns: nil if it did not converge, as with elements that are not finite.
  func decompose(_ columns: [Double], rowCount: Int) -> Singular? {
    precondition(columns.count.isMultiple(of: rowCount) && columns.count <= rowCount * rowCount)
    var (matrix, rows, count) = (columns, Int32(rowCount), Int32(columns.count / rowCount))
    let size = Int(count)
    var result = Singular(
      left: Array(repeating: 0, count: columns.count), values: Array(repeating: 0, count: size),
      right: Array(repeating: 0, count: size * size))
    var status: Int32 = 0
    // dgesvd wants max(3 · count + rows, 5 · count) at least, and is faster with more.
    var length = rows + 64 * count
    var work = [Double](repeating: 0, count: Int(length))
    unsafe matrix.withUnsafeMutableBufferPointer { matrix in
      unsafe result.left.withUnsafeMutableBufferPointer { left in
        unsafe result.values.withUnsafeMutableBufferPointer { values in
          unsafe result.right.withUnsafeMutableBufferPointer { right in
            unsafe work.withUnsafeMutableBufferPointer { work in
              guard let matrix = matrix.baseAddress, let left = left.baseAddress,
                let values = values.baseAddress, let right = right.baseAddress,
                let work = work.baseAddress
              else { return }
              var (stride, leftStride, rightStride) = (rows, rows, count)
              unsafe dgesvd(
                "S", "S", &rows, &count, matrix, &stride, values, left, &leftStride, right,
                &rightStride, work, &length, &status)
            }
          }
        }
      }
    }
    precondition(status >= 0, "LAPACK was called wrongly")
    return status == 0 ? result : nil
  }
}
