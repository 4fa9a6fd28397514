import ByteIO
import TestSupport
import Testing

@Suite struct ZstdTests {
  static let contents = Array(repeating: Array("gradiend".utf8), count: 40).flatMap { $0 }
  static let frame = Zstd.compress(contents.rawSpan)

  @Test(arguments: [0, 1, 320])
  func `what was compressed is decompressed`(byteCount: Int) throws {
    let bytes = Array(Self.contents.prefix(byteCount))
    let frame = Zstd.compress(bytes.rawSpan)
    #expect(Zstd.contentByteCount(frame.rawSpan) == byteCount)
    #expect(try Zstd.decompress(frame.rawSpan, byteCount: byteCount) == bytes)
  }

  @Test(arguments: [0, 319, 321, -1, Int.max])
  func `a frame of another size is refused before anything is allocated`(byteCount: Int) {
    #expect(throws: FormatError.corrupt("not a zstd frame of \(byteCount) bytes", at: 0)) {
      try Zstd.decompress(Self.frame.rawSpan, byteCount: byteCount)
    }
  }

  @Test(arguments: 0..<frame.count)
  func `every truncation is refused`(byteCount: Int) {
    let cut = Array(Self.frame.prefix(byteCount))
    #expect(throws: FormatError.self) { try Zstd.decompress(cut.rawSpan, byteCount: 320) }
  }

  @Test func `bytes after the frame are refused`() {
    let longer = Self.frame + [0]
    #expect(throws: FormatError.self) { try Zstd.decompress(longer.rawSpan, byteCount: 320) }
  }

  /// An empty frame, one whose contents are to be skipped, and an empty one of a format before 0.8.
  static let frames: [[UInt8]] = [
    Zstd.compress([UInt8]().rawSpan), [0x50, 0x2A, 0x4D, 0x18, 2, 0, 0, 0, 1, 2],
    [0x25, 0xB5, 0x2F, 0xFD, 0, 0, 0, 0xC0, 0, 0],
  ]

  @Test(arguments: frames)
  func `more than one frame is refused, whatever it adds`(other: [UInt8]) {
    for bytes in [Self.frame + other, other + Self.frame] {
      #expect(throws: FormatError.self) { try Zstd.decompress(bytes.rawSpan, byteCount: 320) }
    }
  }
}
