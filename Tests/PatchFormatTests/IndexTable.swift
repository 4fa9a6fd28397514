import ByteIO
import TestSupport

/// A table of Formats/patch.md, section 4, field by field, whatever the fields say.
///
/// It is written here a second time, so that the reader is not measured by its own writer.
struct IndexTable {
  var metadataDigest: [UInt8] = Array(1...16)
  var deltasDigest: [UInt8] = Array(17...32)
  var count: [UInt8] = [2]
  var nameLengths: [UInt8] = [1, 3]
  var names: [UInt8] = Array("aβb".utf8)
  var types: [UInt8] = [14, 20]
  var ranks: [UInt8] = [2, 0]
  var dimensions: [UInt8] = [2, 0xAC, 0x02]
  var baseDigests: [UInt8] = Array(repeating: 0xBA, count: 8) + Array(repeating: 0xBB, count: 8)
  var changed: [UInt8] = [7, 0]
  var resultDigests: [UInt8] = Array(repeating: 0xCA, count: 8)
  var byteCounts: [UInt8] = [5]
  var rest: [UInt8] = []

  /// What the byte counts add up to.
  static let deltasByteCount = 5

  var bytes: [UInt8] {
    metadataDigest + deltasDigest + count + nameLengths + names + types + ranks + dimensions
      + baseDigests + changed + resultDigests + byteCounts + rest
  }

  /// The bytes of the tensor `index` that holds `table`.
  static func index(_ table: [UInt8]) -> [UInt8] {
    index(frame: Zstd.compress(table.rawSpan))
  }

  static func index(frame: [UInt8]) -> [UInt8] {
    SafetensorsBuilder.littleEndian([Digest64(of: frame.rawSpan).value]) + frame
  }
}
