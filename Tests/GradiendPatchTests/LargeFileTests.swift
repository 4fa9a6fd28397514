import ByteIO
import Checkpoints
import Foundation
import PatchFormat
import TestSupport
import Testing

/// Files of more than 4 GiB, sparse so that they take no room.
@Suite struct LargeFileTests {
  /// 4 GiB and a little, so that what follows lies beyond 32 bits.
  private static let holeByteCount = (4 << 30) + 8

  /// A checkpoint whose last tensor, four bf16 values, lies beyond 4 GiB.
  private func makeCheckpoint(at path: String, lastValues: [UInt16]) throws {
    let hole = Self.holeByteCount
    let text =
      #"{"hole":{"dtype":"U8","shape":[\#(hole)],"data_offsets":[0,\#(hole)]},"#
      + #""last":{"dtype":"BF16","shape":[4],"data_offsets":[\#(hole),\#(hole + 8)]}}"#
    var header: [UInt8] = []
    header.appendLittleEndian(UInt64(text.utf8.count))
    header += Array(text.utf8)
    _ = FileManager.default.createFile(atPath: path, contents: Data(header))
    let file = try #require(FileHandle(forWritingAtPath: path))
    try file.seek(toOffset: UInt64(header.count + hole))
    var values: [UInt8] = []
    for value in lastValues { values.appendLittleEndian(value) }
    try file.write(contentsOf: Data(values))
    try file.close()
  }

  @Test func `a tensor beyond 4 GiB is found where it lies`() throws {
    let folder = try TemporaryDirectory()
    let path = folder.path("base.safetensors")
    try makeCheckpoint(at: path, lastValues: [0x3F80, 0x4000, 0x4040, 0x4080])
    let checkpoint = try Checkpoint(path: path)
    let tensor = try #require(checkpoint["last"])
    let range = tensor.descriptor.byteRange
    #expect(range.lowerBound > 1 << 32)
    let bytes = checkpoint.file(of: tensor).bytes.extracting(range).array
    #expect(bytes == [0x80, 0x3F, 0x00, 0x40, 0x40, 0x40, 0x80, 0x40])
    let chunks = TensorChunks(elementType: .uint8, shape: [Self.holeByteCount])
    let last = try #require(chunks.last)
    #expect(last.firstElement + last.columns == Self.holeByteCount)
  }

  @Test func `a mapped file and an output reach beyond 4 GiB`() throws {
    let folder = try TemporaryDirectory()
    let path = folder.path("large")
    let output = try OutputFile(path: path, overwrites: false)
    let offset = Self.holeByteCount + 3
    try output.contents.write([1, 2, 3].rawSpan, at: offset)
    try output.publish()
    let file = try MappedFile(path: path)
    #expect(file.byteCount == offset + 3)
    #expect(file.bytes.extracting(offset..<offset + 3).array == [1, 2, 3])
    #expect(file.bytes[byteAt: offset - 1] == 0)
  }
}
