internal import ByteIO

/// Reads the tensor infos of a GGUF header, and finds where the tensors lie.
struct GGUFTensorParser {
  private struct Info {
    let name: String
    let elementType: ElementType
    let shape: [Int]
    /// Nil for a type that is not known.
    let byteCount: Int?
    /// Counted from the start of the data.
    let start: Int
    /// Where the header says so.
    let startOffset: Int
  }

  private let alignment: Int
  private var infos: [Info] = []
  private var names: Set<String> = []
  /// Where the next tensor must start; nil after a tensor of a type that is not known.
  private var expectedStart: Int? = 0

  private static let nameByteLimit = 63
  private static let rankLimit: UInt32 = 4

  init(alignment: Int) {
    self.alignment = alignment
  }

  /// Reads the next info.
  mutating func readInfo(_ reader: inout ByteReader) throws(FormatError) {
    let name = try readName(&reader)
    let shape = try readShape(of: name, &reader)
    let typeOffset = reader.position
    let number = try reader.read(Int32.self)
    let type = try GGUFTensorType.elementType(number, of: name, at: typeOffset)
    let byteCount = try type == .opaque ? nil : Self.byteCount(type, shape, of: name, typeOffset)
    let start = try readStart(of: name, type, &reader)
    infos.append(
      Info(
        name: name, elementType: type, shape: shape, byteCount: byteCount, start: start,
        startOffset: reader.position - 8))
    expectedStart = try byteCount.map { (byteCount) throws(FormatError) in
      guard let end = start.plus(byteCount), let next = roundedUp(end) else {
        throw .corrupt("tensor '\(name)' of \(byteCount) bytes overflows", at: typeOffset)
      }
      return next
    }
  }

  /// Where all tensors lie in the file, whose data start at the first aligned byte from
  /// `headerEnd` on.
  func finish(headerEnd: Int, fileByteCount: Int) throws(FormatError) -> [TensorDescriptor] {
    guard !infos.isEmpty else { return [] }
    guard let dataStart = roundedUp(headerEnd), dataStart <= fileByteCount else {
      throw .corrupt(
        "the file ends before the tensors, whose header ends here; it is incomplete, download it "
          + "again", at: headerEnd)
    }
    var tensors: [TensorDescriptor] = []
    for (index, info) in infos.enumerated() {
      guard let start = dataStart.plus(info.start), start <= fileByteCount else {
        throw pastEnd(info, dataStart.plus(info.start), fileByteCount)
      }
      // Bytes of an unknown type reach as far as they can.
      let limit =
        index + 1 < infos.count
        ? dataStart.plus(infos[index + 1].start) ?? fileByteCount : fileByteCount
      let byteCount = info.byteCount ?? (min(limit, fileByteCount) - start)
      guard let end = start.plus(byteCount), end <= fileByteCount else {
        throw pastEnd(info, start.plus(byteCount), fileByteCount)
      }
      tensors.append(
        TensorDescriptor(
          name: info.name, elementType: info.elementType,
          shape: info.byteCount == nil ? [byteCount] : info.shape, byteRange: start..<end))
    }
    return tensors
  }

  private func pastEnd(_ info: Info, _ end: Int?, _ fileByteCount: Int) -> FormatError {
    let excess = end.map { "\($0 - fileByteCount) bytes" } ?? "far"
    return .corrupt(
      "tensor '\(info.name)' ends \(excess) past the file; the file is incomplete, download it "
        + "again", at: info.startOffset)
  }

  // MARK: Fields

  private mutating func readName(_ reader: inout ByteReader) throws(FormatError) -> String {
    let offset = reader.position
    let declared = try reader.read(UInt64.self)
    guard declared <= UInt64(Self.nameByteLimit) else {
      throw .corrupt(
        "a tensor's name claims \(declared) bytes, more than the \(Self.nameByteLimit) allowed",
        at: offset)
    }
    let name = try reader.readUTF8(Int(declared))
    guard !name.contains("\0") else {
      throw .corrupt("a tensor's name holds a NUL, which readers take for its end", at: offset)
    }
    guard names.insert(name).inserted else {
      throw .corrupt("tensor '\(name)' occurs twice", at: offset)
    }
    return name
  }

  private func readShape(
    of name: String, _ reader: inout ByteReader
  ) throws(FormatError) -> [Int] {
    let offset = reader.position
    let rank = try reader.read(UInt32.self)
    guard rank <= Self.rankLimit else {
      throw .corrupt(
        "tensor '\(name)' has \(rank) dimensions, at most \(Self.rankLimit) are allowed",
        at: offset)
    }
    var shape: [Int] = []
    for _ in 0..<rank {
      let dimensionOffset = reader.position
      let dimension = try reader.read(Int64.self)
      guard dimension >= 0 else {
        throw .corrupt("tensor '\(name)' has a dimension of \(dimension)", at: dimensionOffset)
      }
      shape.append(Int(dimension))
    }
    // GGUF has the innermost dimension first.
    shape.reverse()
    return shape
  }

  private static func byteCount(
    _ type: ElementType, _ shape: [Int], of name: String, _ offset: Int
  ) throws(FormatError) -> Int {
    if let byteCount = type.byteCount(of: shape) { return byteCount }
    if let block = type.block, !(shape.last ?? 1).isMultiple(of: block.elementCount) {
      throw .corrupt(
        "tensor '\(name)': rows of \(shape.last ?? 1) elements do not fill blocks of "
          + "\(block.elementCount), as \(type.name) needs", at: offset)
    }
    throw .corrupt("tensor '\(name)': \(type.name) of shape \(shape) overflows", at: offset)
  }

  private func readStart(
    of name: String, _ type: ElementType, _ reader: inout ByteReader
  ) throws(FormatError) -> Int {
    let offset = reader.position
    let declared = try reader.read(UInt64.self)
    guard let start = Int(exactly: declared) else {
      throw .corrupt("tensor '\(name)' starts at \(declared), past any file", at: offset)
    }
    if let expectedStart {
      guard start == expectedStart else {
        throw .corrupt(
          "tensor '\(name)' starts at \(start) of the data, not \(expectedStart): "
            + (start < expectedStart
              ? "it overlaps the one before it" : "it leaves a hole, or the alignment is wrong"),
          at: offset)
      }
      return start
    }
    let previous = infos.last?.start ?? 0
    guard start >= previous, start.isMultiple(of: alignment) else {
      throw .corrupt(
        "tensor '\(name)' starts at \(start) of the data, which is not after the one before it, or "
          + "not a multiple of \(alignment)", at: offset)
    }
    return start
  }

  /// The next multiple of the alignment.
  private func roundedUp(_ position: Int) -> Int? {
    position.plus(alignment - 1).map { $0 & ~(alignment - 1) }
  }
}
