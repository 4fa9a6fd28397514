package import ByteIO
internal import Checkpoints

/// Which elements of a parameter have entries of the GRADIEND, and which entry each has.
///
/// Entries of one parameter are consecutive. They follow the elements' order for `all` and `mask`,
/// and the stored order for `indices`.
package enum Selection: Sendable {
  case all
  /// One byte an element, selected unless zero. `firstEntries[i]` counts the selected elements
  /// before element `i · stride`.
  case mask(file: MappedFile, byteRange: Range<Int>, firstEntries: [Int], stride: Int)
  /// Selected elements in ascending order, and their entries where those are in another order.
  case indices(elements: Indices, entries: [Int]?)

  /// A mapped array of 32- or 64-bit integers.
  package struct Indices: Sendable {
    let file: MappedFile
    let byteRange: Range<Int>
    let byteWidth: Int
    /// Set where the stored order is not ascending.
    var sorted: [Int]?

    var count: Int { byteRange.count / byteWidth }

    /// The element at `position`, as stored.
    func stored(_ position: Int) -> Int {
      let offset = byteRange.lowerBound + position * byteWidth
      // In bounds: the file's parser has checked the range against the file.
      return byteWidth == 4
        ? Int(
          Int32(
            littleEndian: unsafe file.bytes.unsafeLoadUnaligned(
              fromByteOffset: offset, as: Int32.self)))
        : Int(
          Int64(
            littleEndian: unsafe file.bytes.unsafeLoadUnaligned(
              fromByteOffset: offset, as: Int64.self)))
    }

    /// The element at `position` in ascending order.
    subscript(position: Int) -> Int { sorted.map { $0[position] } ?? stored(position) }

    /// The first position in ascending order whose element is at least `element`.
    func position(of element: Int) -> Int {
      var (low, high) = (0, count)
      while low < high {
        let middle = (low + high) / 2
        if self[middle] < element { low = middle + 1 } else { high = middle }
      }
      return low
    }
  }
}

extension Selection {
  private static let maskStride = 1 << 16

  /// Reads a mask of the parameter called `name`.
  ///
  /// - Throws: ``CheckpointError`` if the tensor's type or size does not fit the parameter.
  static func mask(
    _ tensor: TensorDescriptor, of name: String, shape: [Int], in file: MappedFile
  ) throws(CheckpointError) -> (selection: Selection, count: Int) {
    let isFlat = tensor.shape == [shape.reduce(1, *)]
    guard tensor.elementType == .uint8 || tensor.elementType == .bool,
      tensor.shape == shape || isFlat
    else {
      throw CheckpointError(
        path: file.path,
        .inconsistent(
          "mask '\(tensor.name)' is \(tensor.elementType.name) \(tensor.shape), but parameter "
            + "'\(name)' needs U8 \(shape)"))
    }
    var count = 0
    var firstEntries: [Int] = []
    let bytes = file.bytes.extracting(tensor.byteRange)
    for start in stride(from: 0, to: bytes.byteCount, by: maskStride) {
      firstEntries.append(count)
      let end = min(start + maskStride, bytes.byteCount)
      count += selectedCount(bytes, start..<end)
      file.releasePages(
        in: tensor.byteRange.lowerBound + start..<tensor.byteRange.lowerBound + end)
    }
    let selection = Selection.mask(
      file: file, byteRange: tensor.byteRange, firstEntries: firstEntries, stride: maskStride)
    return (selection, count)
  }

  /// Reads the indices of the parameter called `name`: each an element of it, none twice.
  ///
  /// - Throws: ``CheckpointError`` naming the first index that is out of range or doubled.
  static func indices(
    _ tensor: TensorDescriptor, of name: String, shape: [Int], in file: MappedFile
  ) throws(CheckpointError) -> (selection: Selection, count: Int) {
    func error(_ message: String) -> CheckpointError {
      CheckpointError(
        path: file.path,
        .inconsistent("indices '\(tensor.name)' of parameter '\(name)': \(message)"))
    }
    guard tensor.elementType == .int32 || tensor.elementType == .int64, tensor.shape.count == 1
    else {
      throw error("\(tensor.elementType.name) \(tensor.shape), not a list of I32 or I64")
    }
    var indices = Indices(
      file: file, byteRange: tensor.byteRange,
      byteWidth: tensor.elementType == .int32 ? 4 : 8)
    let elementCount = shape.reduce(1, *)
    var isAscending = true
    var previous = -1
    for position in 0..<indices.count {
      let element = indices.stored(position)
      guard (0..<elementCount).contains(element) else {
        throw error("\(element) is not in 0 ..< \(elementCount)")
      }
      isAscending = isAscending && element > previous
      previous = element
    }
    guard !isAscending else { return (.indices(elements: indices, entries: nil), indices.count) }
    let order = (0..<indices.count).sorted { indices.stored($0) < indices.stored($1) }
    let sorted = order.map { indices.stored($0) }
    for (first, second) in zip(sorted, sorted.dropFirst()) where first == second {
      throw error("\(first) occurs twice")
    }
    indices.sorted = sorted
    return (.indices(elements: indices, entries: order), indices.count)
  }

  /// How many bytes in `range` are not zero.
  static func selectedCount(_ mask: RawSpan, _ range: Range<Int>) -> Int {
    unsafe mask.withUnsafeBytes { bytes in
      var count = 0
      for index in range { count &+= unsafe bytes[index] == 0 ? 0 : 1 }
      return count
    }
  }
}
