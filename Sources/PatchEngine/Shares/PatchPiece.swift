package import ByteIO
internal import Checkpoints
internal import Gradiend
internal import PatchFormat

/// What a share knows of its files and tensors, and of what it read of GRADIENDs (Formats/share.md,
/// section 3).
struct PatchPiece: Sendable {
  struct File: Sendable {
    /// Its position among the base's.
    var number: Int
    var base: FileDigest
    var result: FileDigest
    /// In the order of their bytes.
    var tensors: [EncodedTensor]

    /// How many bytes of the deltas are its.
    var byteCount: Int { tensors.reduce(0) { $0 + $1.byteCount } }
  }

  /// Ascending.
  var files: [File]
  /// For each GRADIEND.
  var readings: [GradiendReading]
  var notes: [String]

  /// The table.
  var encoded: [UInt8] {
    var bytes: [UInt8] = []
    bytes.appendVariableLength(files.count)
    for file in files {
      bytes.appendVariableLength(file.number)
      bytes.appendText(file.base.line)
      bytes.appendText(file.result.line)
      bytes.appendVariableLength(file.tensors.count)
      for tensor in file.tensors { bytes.append(tensor) }
    }
    bytes.appendVariableLength(readings.count)
    for reading in readings {
      bytes.appendVariableLength(reading.digests.count)
      for (number, digest) in reading.digests {
        bytes.appendVariableLength(number)
        bytes.append(digest)
      }
    }
    bytes.appendVariableLength(notes.count)
    for note in notes { bytes.appendText(note) }
    return bytes
  }
}

/// Pieces of a GRADIEND that a share read (Formats/patch.md, section 7).
package struct GradiendReading: Sendable {
  package var digests: [(number: Int, digest: Digest128)]

  package init(_ digests: [(number: Int, digest: Digest128)]) { self.digests = digests }
}

extension [UInt8] {
  fileprivate mutating func append(_ tensor: EncodedTensor) {
    appendText(tensor.name)
    append(tensor.elementType.code)
    appendVariableLength(tensor.shape.count)
    for dimension in tensor.shape { appendVariableLength(dimension) }
    append(tensor.digests.base)
    append(tensor.digests.result)
    for count in [tensor.changedCount, tensor.byteCount, tensor.nonFiniteCount] {
      appendVariableLength(count)
    }
    let sums = tensor.rounding
    for number in [
      tensor.relativeError, sums.meantSquares, sums.addedSquares, sums.products,
    ] { appendLittleEndian(number.bitPattern) }
    appendVariableLength(tensor.kept == nil ? 0 : 1)
    tensor.kept?.write(to: &self)
  }
}

// MARK: - Reading

extension PatchPiece {
  /// Reads a table.
  ///
  /// - Parameters:
  ///   - table: the bytes.
  ///   - deltasByteCount: which its tensors must fill.
  /// - Throws: ``FormatError``; its offset is that of `table`.
  init(parsing table: RawSpan, deltasByteCount: Int) throws(FormatError) {
    var reader = ByteReader(table)
    var end = 0
    files = try reader.readList { (reader) throws(FormatError) in
      let file = try File(parsing: &reader)
      for tensor in file.tensors {
        guard tensor.byteCount <= deltasByteCount - end else {
          throw .corrupt("tensor '\(tensor.name)' ends past the deltas", at: reader.position)
        }
        end += tensor.byteCount
      }
      return file
    }
    guard end == deltasByteCount else {
      throw .corrupt("\(deltasByteCount - end) bytes belong to no tensor", at: reader.position)
    }
    guard zip(files, files.dropFirst()).allSatisfy({ $0.number < $1.number }) else {
      throw .corrupt("the files are out of order", at: reader.position)
    }
    readings = try reader.readList { (reader) throws(FormatError) in
      GradiendReading(
        try reader.readList { (reader) throws(FormatError) in
          (try reader.readVariableLength(), try reader.readDigest128())
        })
    }
    notes = try reader.readList { (reader) throws(FormatError) in try reader.readText() }
    guard reader.isAtEnd else {
      throw .corrupt("the index goes on after its end", at: reader.position)
    }
  }
}

extension PatchPiece.File {
  fileprivate init(parsing reader: inout ByteReader) throws(FormatError) {
    number = try reader.readFileNumber()
    base = try reader.readFileDigest()
    result = try reader.readFileDigest()
    guard base.name == result.name else {
      throw .corrupt("a file is both '\(base.name)' and '\(result.name)'", at: reader.position)
    }
    tensors = try reader.readList { (reader) throws(FormatError) in
      try EncodedTensor(parsing: &reader)
    }
  }
}

extension EncodedTensor {
  fileprivate init(parsing reader: inout ByteReader) throws(FormatError) {
    name = try reader.readText()
    let position = reader.position
    guard let type = ElementType(code: try reader.read(UInt8.self)) else {
      throw .unsupported("tensor '\(name)' has an unknown type", at: position)
    }
    elementType = type
    let rank = try reader.readVariableLength()
    guard rank <= reader.remaining else {
      throw .corrupt("tensor '\(name)' claims \(rank) dimensions", at: position)
    }
    shape = try reader.readVariableLengths(rank)
    guard type.byteCount(of: shape) != nil else {
      throw .corrupt("tensor '\(name)': shape \(shape) cannot be", at: position)
    }
    digests = (try reader.readDigest128(), try reader.readDigest128())
    changedCount = try reader.readVariableLength()
    byteCount = try reader.readVariableLength()
    nonFiniteCount = try reader.readVariableLength()
    guard changedCount <= elementCount, nonFiniteCount <= changedCount,
      changedCount > 0 || byteCount == 0
    else {
      throw .corrupt(
        "tensor '\(name)' claims \(changedCount) changes and \(nonFiniteCount) that are not finite in "
          + "\(elementCount) elements, and \(byteCount) bytes", at: position)
    }
    func real() throws(FormatError) -> Double {
      Double(bitPattern: try reader.read(UInt64.self))
    }
    relativeError = try real()
    let sums = RoundingSums(
      meantSquares: try real(), addedSquares: try real(), products: try real())
    guard let sums, relativeError >= 0, relativeError.isFinite else {
      throw .corrupt("tensor '\(name)' has sums that nothing can have", at: position)
    }
    rounding = sums
    let rows = try reader.readList { [self] (reader) throws(FormatError) in
      try PatchIndex.KeptRows(
        parsing: &reader, of: name, elementType, shape, changedCount: changedCount)
    }
    guard rows.count <= 1 else {
      throw .corrupt("tensor '\(name)' keeps rows \(rows.count) times", at: position)
    }
    kept = rows.first
  }
}

extension ByteReader {
  /// Reads as many items as a count before them says.
  ///
  /// No count takes memory that no bytes are there for: an item takes a byte at least, and there are no
  /// more of them than tensors in any checkpoint.
  mutating func readList<Item>(
    _ item: (inout ByteReader) throws(FormatError) -> Item
  ) throws(FormatError) -> [Item] {
    let position = position
    let count = try readVariableLength()
    guard count <= min(remaining, Checkpoint.tensorCountLimit) else {
      throw .corrupt("\(count) items are claimed", at: position)
    }
    var items: [Item] = []
    for _ in 0..<count { items.append(try item(&self)) }
    return items
  }

  /// Reads the position of a weight file among those of a checkpoint.
  mutating func readFileNumber() throws(FormatError) -> Int {
    let position = position
    let number = try readVariableLength()
    guard number < Checkpoint.tensorCountLimit else {
      throw .corrupt("there is no file \(number)", at: position)
    }
    return number
  }

  fileprivate mutating func readFileDigest() throws(FormatError) -> FileDigest {
    let position = position
    let lines = [FileDigest](lines: try readText())
    guard let lines, lines.count == 1 else {
      throw .corrupt("a file's SHA-256 is not a line as sha256sum writes it", at: position)
    }
    return lines[0]
  }
}
