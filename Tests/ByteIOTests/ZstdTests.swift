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
}
