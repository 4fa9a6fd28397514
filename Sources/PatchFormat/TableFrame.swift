package import ByteIO
internal import Checkpoints

/// A table as it lies in a file: its digest, and one zstd frame (Formats/patch.md, section 4).
package enum TableFrame {
  private static let byteLimit = SafetensorsHeader.byteCountLimit

  /// The stored form of `table`.
  package static func pack(_ table: [UInt8]) -> [UInt8] {
    let frame = Zstd.compress(table.rawSpan, level: 19)
    var bytes: [UInt8] = []
    bytes.appendLittleEndian(Digest64(of: frame.rawSpan).value)
    return bytes + frame
  }

  /// The table in its stored form.
  ///
  /// - Parameters:
  ///   - bytes: the stored form.
  ///   - name: what messages call the table.
  ///   - remedy: what helps if it is damaged.
  /// - Returns: the table.
  /// - Throws: ``FormatError``; its offset is that of `bytes`.
  package static func unpack(
    _ bytes: RawSpan, of name: String, remedy: String
  ) throws(FormatError) -> [UInt8] {
    var reader = ByteReader(bytes)
    let digest = Digest64(value: try reader.read(UInt64.self))
    let start = reader.position
    let frame = try reader.readBytes(reader.remaining)
    guard Digest64(of: frame) == digest else {
      throw .corrupt("\(name) is damaged; \(remedy)", at: 0)
    }
    let limit = min(byteLimit, 100 * frame.byteCount + 65_536)
    guard let byteCount = Zstd.contentByteCount(frame), byteCount <= limit else {
      throw .limitExceeded("\(name) claims to be larger than \(limit) bytes", at: start)
    }
    return try Zstd.decompress(frame, byteCount: byteCount)
  }
}
