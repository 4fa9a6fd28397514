package import ByteIO

/// The header of a GGUF file, checked against the file it came from.
///
/// Implements Formats/gguf.md, which refuses what llama.cpp refuses.
package struct GGUFHeader: Equatable, Sendable {
  package struct Metadatum: Equatable, Sendable {
    package let key: String
    package let value: GGUFValue
  }

  package let version: UInt32
  /// In the order of the header.
  package let metadata: [Metadatum]
  /// In the order of their bytes, which is that of the header.
  package let tensors: [TensorDescriptor]
  /// Tensors start at multiples of this, counted from the first one.
  package let alignment: Int

  static let magic = "GGUF"
  private static let alignmentKey = "general.alignment"

  /// Parses and checks the header of the whole file in `file`.
  ///
  /// - Throws: ``FormatError`` at the field at fault, with the key or tensor it belongs to.
  /// - Complexity: O(bytes of the header).
  package init(parsing file: RawSpan) throws(FormatError) {
    try self.init(parsing: file, fileByteCount: file.byteCount)
  }

  /// Parses and checks the header of a file of `fileByteCount` bytes, which begins with those of
  /// `file`.
  init(parsing file: RawSpan, fileByteCount: Int) throws(FormatError) {
    if let foreign = ForeignFile.describe(file, expected: .gguf) {
      throw FormatError(offset: 0, reason: .notThisFormat(foreign))
    }
    var reader = ByteReader(file)
    version = try Self.version(&reader)
    // An entry takes at least so many bytes, so a larger count cannot be meant.
    let tensorCount = try Self.count("tensors", leastByteCount: 24, &reader)
    try Checkpoint.checkTensorCount(tensorCount, at: 8)
    let keyCount = try Self.count("key-value pairs", leastByteCount: 13, &reader)
    metadata = try Self.metadata(keyCount, &reader)
    alignment = try Self.alignment(metadata, before: reader.position)
    var parser = GGUFTensorParser(alignment: alignment)
    for index in 0..<tensorCount {
      do {
        try parser.readInfo(&reader)
      } catch {
        throw error.located("tensor \(index + 1) of \(tensorCount)")
      }
    }
    tensors = try parser.finish(headerEnd: reader.position, fileByteCount: fileByteCount)
  }

  /// The value of `key`.
  ///
  /// - Complexity: O(keys).
  package subscript(key: String) -> GGUFValue? {
    metadata.first { $0.key == key }?.value
  }

  private static func version(_ reader: inout ByteReader) throws(FormatError) -> UInt32 {
    let magic = try reader.readBytes(4)
    guard magic.hasBytes(of: Self.magic) else {
      throw FormatError(
        offset: 0,
        reason: .notThisFormat("this is not a GGUF file, which would begin with 'GGUF'"))
    }
    let offset = reader.position
    let version = try reader.read(UInt32.self)
    switch version {
    case 2, 3: return version
    case _ where version != 0 && version & 0xFFFF == 0:
      throw .unsupported(
        "this is a big-endian GGUF; convert the model again for this kind of machine", at: offset)
    case 1:
      throw .unsupported(
        "GGUF version 1 is no longer in use; convert the model again", at: offset)
    case 0: throw .corrupt("GGUF version 0 does not exist", at: offset)
    default:
      throw .unsupported(
        "GGUF version \(version) is newer than the versions 2 and 3 that are read", at: offset)
    }
  }

  private static func count(
    _ what: String, leastByteCount: Int, _ reader: inout ByteReader
  ) throws(FormatError) -> Int {
    let offset = reader.position
    let count = try reader.read(UInt64.self)
    guard let checked = Int(exactly: count), checked <= reader.remaining / leastByteCount else {
      throw .corrupt(
        "the header claims \(count) \(what), more than fit the file's "
          + "\(offset + 8 + reader.remaining) bytes", at: offset)
    }
    return checked
  }

  private static func metadata(
    _ count: Int, _ reader: inout ByteReader
  ) throws(FormatError) -> [Metadatum] {
    var metadata: [Metadatum] = []
    var keys: Set<[UInt8]> = []
    for index in 0..<count {
      do throws(FormatError) {
        let offset = reader.position
        let key = try GGUFValueParser.readText(&reader)
        guard !key.isEmpty else { throw .corrupt("the key is empty", at: offset) }
        let name = String(decoding: key, as: UTF8.self)
        guard keys.insert(key).inserted else {
          throw .corrupt("key '\(name)' occurs twice", at: offset)
        }
        metadata.append(
          Metadatum(key: name, value: try GGUFValueParser.readValue(of: name, &reader)))
      } catch {
        throw error.located("key-value pair \(index + 1) of \(count)")
      }
    }
    return metadata
  }

  private static func alignment(
    _ metadata: [Metadatum], before offset: Int
  ) throws(FormatError) -> Int {
    guard let value = metadata.first(where: { $0.key == alignmentKey })?.value else { return 32 }
    guard let alignment = value.integer(.uint32) else {
      throw .corrupt("\(alignmentKey) must be a u32, found \(value)", at: offset)
    }
    guard alignment > 0, alignment & (alignment - 1) == 0 else {
      throw .corrupt("\(alignmentKey) is \(alignment), not a power of two", at: offset)
    }
    return alignment
  }
}

extension FormatError {
  /// The same error, saying which part of the header the file ends in.
  fileprivate func located(_ part: String) -> FormatError {
    guard case .truncated(let needed, let available) = reason else { return self }
    return .corrupt(
      "\(part) ends early: \(needed) bytes needed, \(available) left; the file is incomplete, "
        + "download it again", at: offset)
  }
}
