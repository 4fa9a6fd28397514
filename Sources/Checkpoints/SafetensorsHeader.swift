package import ByteIO

/// The header of a safetensors file, checked against the file it came from.
///
/// Implements Formats/safetensors.md, which is stricter than the reference where two readers could
/// see two different files.
package struct SafetensorsHeader: Equatable, Sendable {
  /// In the order of their bytes, which need not be the order of the header.
  package let tensors: [TensorDescriptor]
  /// The `__metadata__`, in the order of the header; empty if there is none.
  package let metadata: [Metadatum]
  /// Where the first tensor starts, counted from the start of the file.
  package let payloadOffset: Int

  package struct Metadatum: Equatable, Sendable {
    package var key: String
    package var value: String

    package init(_ key: String, _ value: String) {
      self.key = key
      self.value = value
    }
  }

  /// The longest header that is read, the limit of the reference.
  package static let byteCountLimit = 100_000_000

  /// Parses and checks the header of the whole file in `file`.
  ///
  /// - Throws: ``FormatError`` naming the tensor where there is one; its offset is that of the
  ///   header, or of the byte where the JSON ends to make sense.
  /// - Complexity: O(n log n) in the number of tensors.
  package init(parsing file: RawSpan) throws(FormatError) {
    try self.init(parsing: file, fileByteCount: file.byteCount)
  }

  /// Parses and checks the header of a file of `fileByteCount` bytes, which begins with those of
  /// `file`.
  init(parsing file: RawSpan, fileByteCount: Int) throws(FormatError) {
    if !Self.isPlausible(file), let foreign = ForeignFile.describe(file) {
      throw FormatError(offset: 0, reason: .notThisFormat(foreign))
    }
    var reader = ByteReader(file)
    let declared = try reader.read(UInt64.self)
    guard declared <= UInt64(Self.byteCountLimit) else {
      throw .limitExceeded(
        "the header claims \(declared) bytes, more than the \(Self.byteCountLimit) allowed; "
          + "this is not a safetensors file, or it is damaged", at: 0)
    }
    let start = reader.position
    guard try reader.readBytes(Int(declared)).hasBytes(of: "{") else {
      throw .corrupt("the header does not begin with '{'", at: start)
    }
    let payloadOffset = reader.position
    var tensors: [TensorDescriptor] = []
    var metadata: [Metadatum] = []
    try JSONValue.forEachMember(of: file, in: start..<payloadOffset) {
      (key, range) throws(FormatError) in
      let value = try JSONValue(parsingMember: file, in: range)
      if key == "__metadata__" {
        metadata = try Self.metadata(value, at: start)
      } else {
        try Checkpoint.checkTensorCount(tensors.count + 1, at: start)
        tensors.append(
          try Self.tensor(key, value, payloadOffset: payloadOffset, at: start))
      }
    }
    tensors.sort {
      ($0.byteRange.lowerBound, $0.byteRange.upperBound)
        < ($1.byteRange.lowerBound, $1.byteRange.upperBound)
    }
    (self.tensors, self.metadata, self.payloadOffset) = (tensors, metadata, payloadOffset)
    try checkCoverage(fileByteCount: fileByteCount)
  }

  package func metadata(_ key: String) -> String? {
    metadata.first { $0.key == key }?.value
  }

  /// Whether the file begins as this format does. The length alone can look like the first bytes of
  /// another kind.
  private static func isPlausible(_ file: RawSpan) -> Bool {
    var reader = ByteReader(file)
    guard let declared = try? reader.read(UInt64.self) else { return false }
    return declared <= UInt64(byteCountLimit) && file.hasBytes(of: "{", at: reader.position)
  }

  // MARK: Parts of the header

  private static func metadata(
    _ value: JSONValue, at offset: Int
  ) throws(FormatError) -> [Metadatum] {
    if value == .null { return [] }
    guard let members = value.members else {
      throw .corrupt("__metadata__ is not an object", at: offset)
    }
    var metadata: [Metadatum] = []
    for member in members {
      guard let text = member.value.string else {
        throw .corrupt("__metadata__ '\(member.key)' is not a string", at: offset)
      }
      metadata.append(Metadatum(member.key, text))
    }
    return metadata
  }

  private static func tensor(
    _ name: String, _ entry: JSONValue, payloadOffset: Int, at offset: Int
  ) throws(FormatError) -> TensorDescriptor {
    func corrupt(_ message: String) -> FormatError {
      .corrupt("tensor '\(name)': \(message)", at: offset)
    }
    guard entry.members != nil else { throw corrupt("its entry is not an object") }
    guard let typeName = entry["dtype"]?.string else {
      throw corrupt("dtype is missing or not a string")
    }
    guard let type = ElementType(rawValue: typeName), type.block == nil, type != .opaque else {
      throw .unsupported("tensor '\(name)': dtype '\(typeName)' is unknown", at: offset)
    }
    guard let shape = naturals(entry["shape"]) else {
      throw corrupt("shape is missing or not a list of integers of at least 0")
    }
    guard let ends = naturals(entry["data_offsets"]), ends.count == 2 else {
      throw corrupt("data_offsets is missing or not two integers of at least 0")
    }
    guard ends[0] <= ends[1] else { throw corrupt("it ends at \(ends[1]), before its start") }
    guard type.fits(shape) else { throw corrupt("shape \(shape) overflows") }
    guard let byteCount = type.byteCount(of: shape) else {
      throw corrupt("\(typeName) of shape \(shape) does not fill whole bytes")
    }
    guard ends[1] - ends[0] == byteCount else {
      throw corrupt(
        "\(typeName) of shape \(shape) takes \(byteCount) bytes, data_offsets give it "
          + "\(ends[1] - ends[0])")
    }
    guard let end = ends[1].plus(payloadOffset) else {
      throw corrupt("data_offsets \(ends) overflow")
    }
    return TensorDescriptor(
      name: name, elementType: type, shape: shape,
      byteRange: (end - byteCount)..<end)
  }

  /// Every byte of the payload belongs to exactly one tensor.
  private func checkCoverage(fileByteCount: Int) throws(FormatError) {
    var end = payloadOffset
    for tensor in tensors {
      guard tensor.byteRange.lowerBound == end else {
        let start = tensor.byteRange.lowerBound
        let fault = start < end ? "it overlaps what comes before it" : "it leaves a gap"
        throw .corrupt(
          "tensor '\(tensor.name)' starts at byte \(start), not \(end): \(fault)", at: start)
      }
      end = tensor.byteRange.upperBound
      guard end <= fileByteCount else {
        throw .corrupt(
          "tensor '\(tensor.name)' ends \(end - fileByteCount) bytes past the file; the file is "
            + "incomplete, download it again", at: tensor.byteRange.lowerBound)
      }
    }
    guard end == fileByteCount else {
      throw .corrupt("\(fileByteCount - end) bytes after the last tensor", at: end)
    }
  }
}

/// The elements of a JSON array of integers of at least zero.
private func naturals(_ value: JSONValue?) -> [Int]? {
  guard let elements = value?.elements else { return nil }
  var naturals: [Int] = []
  for element in elements {
    guard let integer = element.integer, integer >= 0 else { return nil }
    naturals.append(integer)
  }
  return naturals
}
