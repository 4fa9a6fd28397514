package import ByteIO
internal import Checkpoints

/// The layouts of base and result, each coded given the other (Formats/patch.md, section 8).
package struct PatchLayouts: Sendable {
  private let base: Digest128
  private let result: Digest128
  /// The names of the tensors that the layouts carry whole (section 8.1).
  package let carried: [String]
  /// Whose dictionary is the base's layout.
  private let resultFrame: [UInt8]
  /// Whose dictionary is the result's layout.
  private let baseFrame: [UInt8]

  /// Codes two layouts, given in their stored form.
  package init(base: [UInt8], result: [UInt8], carried: [String] = []) {
    self.carried = carried
    self.base = Digest128(of: base.rawSpan)
    self.result = Digest128(of: result.rawSpan)
    resultFrame = Zstd.compress(result.rawSpan, prefix: base.rawSpan)
    baseFrame = Zstd.compress(base.rawSpan, prefix: result.rawSpan)
  }

  /// Parses the bytes of the tensor `layouts`.
  ///
  /// - Throws: ``FormatError``; offsets are those of `bytes`.
  package init(parsing bytes: RawSpan) throws(FormatError) {
    var reader = ByteReader(bytes)
    let digest = Digest64(value: try reader.read(UInt64.self))
    guard Digest64(of: bytes.extracting(reader.position..<bytes.byteCount)) == digest else {
      throw .corrupt("the patch's layouts are damaged; download the patch again", at: 0)
    }
    base = try reader.readDigest128()
    result = try reader.readDigest128()
    var resultByteCount = try reader.readVariableLength()
    if resultByteCount == 0 {
      carried = try Self.readNames(&reader)
      resultByteCount = try reader.readVariableLength()
    } else {
      carried = []
    }
    resultFrame = try reader.readBytes(resultByteCount).array
    baseFrame = try reader.readBytes(reader.remaining).array
  }

  private static func readNames(_ reader: inout ByteReader) throws(FormatError) -> [String] {
    let start = reader.position
    let frame = try reader.readBytes(try reader.readVariableLength()).array
    let limit = min(mostNameBytes, 100 * frame.count + 65_536)
    guard let byteCount = Zstd.contentByteCount(frame.rawSpan), byteCount <= limit else {
      throw .limitExceeded("the names of carried tensors claim more than \(limit) bytes", at: start)
    }
    let content = try Zstd.decompress(frame.rawSpan, byteCount: byteCount)
    var fields = ByteReader(content.rawSpan)
    var names: [String] = []
    while !fields.isAtEnd { names.append(try fields.readUTF8(try fields.readVariableLength())) }
    guard !names.isEmpty, Set(names).count == names.count else {
      throw .corrupt("the patch's layouts carry no tensor, or one twice", at: start)
    }
    return names
  }

  private static let mostNameBytes = 1 << 20

  /// The bytes of the tensor `layouts`.
  package var encoded: [UInt8] {
    var content: [UInt8] = []
    content.append(base)
    content.append(result)
    if !carried.isEmpty {
      var names: [UInt8] = []
      for name in carried {
        names.appendVariableLength(name.utf8.count)
        names += name.utf8
      }
      let frame = Zstd.compress(names.rawSpan)
      content.appendVariableLength(0)
      content.appendVariableLength(frame.count)
      content += frame
    }
    content.appendVariableLength(resultFrame.count)
    content += resultFrame + baseFrame
    var bytes: [UInt8] = []
    bytes.appendLittleEndian(Digest64(of: content.rawSpan).value)
    return bytes + content
  }

  /// The result's layout, or nil if `input` is not the layout of the base.
  ///
  /// - Throws: ``FormatError`` if the patch does not hold what it claims.
  package func result(given input: [UInt8]) throws(FormatError) -> [UInt8]? {
    try decode(resultFrame, given: input, from: base, to: result)
  }

  /// The base's layout, or nil if `input` is not the layout of the result.
  ///
  /// - Throws: ``FormatError`` if the patch does not hold what it claims.
  package func base(given input: [UInt8]) throws(FormatError) -> [UInt8]? {
    try decode(baseFrame, given: input, from: result, to: base)
  }

  /// Whether `layout` is that of the base, and whether it is that of the result.
  package func roles(of layout: [UInt8]) -> (isBase: Bool, isResult: Bool) {
    let digest = Digest128(of: layout.rawSpan)
    return (digest == base, digest == result)
  }

  private func decode(
    _ frame: [UInt8], given input: [UInt8], from source: Digest128, to target: Digest128
  ) throws(FormatError) -> [UInt8]? {
    guard Digest128(of: input.rawSpan) == source else { return nil }
    let limit = input.count + 100 * frame.count + 65_536
    guard let byteCount = Zstd.contentByteCount(frame.rawSpan), byteCount <= limit else {
      throw .limitExceeded("a layout claims to be larger than \(limit) bytes", at: 0)
    }
    let output = try Zstd.decompress(
      frame.rawSpan, byteCount: byteCount, prefix: input.rawSpan)
    guard Digest128(of: output.rawSpan) == target else {
      throw .corrupt("a layout is not the one it should be", at: 0)
    }
    return output
  }
}
