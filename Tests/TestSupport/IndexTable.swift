internal import ByteIO

/// A table of Formats/patch.md, section 4, field by field, whatever the fields say.
///
/// It is written here a second time, so that the reader is not measured by its own writer.
package struct IndexTable {
  package var metadataDigest: [UInt8] = Array(1...16)
  package var deltasDigest: [UInt8] = Array(17...32)
  package var count: [UInt8] = [2]
  package var nameLengths: [UInt8] = [1, 3]
  package var names: [UInt8] = Array("aβb".utf8)
  package var types: [UInt8] = [14, 20]
  package var ranks: [UInt8] = [2, 0]
  package var dimensions: [UInt8] = [2, 0xAC, 0x02]
  package var baseDigests: [UInt8] =
    Array(repeating: 0xBA, count: 4) + Array(repeating: 0xBB, count: 4)
  package var changed: [UInt8] = [7, 0]
  package var resultDigests: [UInt8] = Array(repeating: 0xCA, count: 4)
  package var byteCounts: [UInt8] = [5]
  package var rest: [UInt8] = []

  package init() {}

  /// What the byte counts add up to.
  package static let deltasByteCount = 5

  package var bytes: [UInt8] {
    metadataDigest + deltasDigest + count + nameLengths + names + types + ranks + dimensions
      + baseDigests + changed + resultDigests + byteCounts + rest
  }

  /// The bytes of the tensor `index` that holds `table`.
  package static func index(_ table: [UInt8]) -> [UInt8] {
    index(frame: Zstd.compress(table.rawSpan))
  }

  package static func index(frame: [UInt8]) -> [UInt8] {
    SafetensorsBuilder.littleEndian([Digest64(of: frame.rawSpan).value]) + frame
  }
}
