import ByteIO
import DeltaCoding
import TestSupport
import Testing

@Suite struct WorkedExampleTests {
  /// The bytes after each title of a page's example, by title.
  private func parts(of page: String) throws -> [String: [UInt8]] {
    var parts: [String: [UInt8]] = [:]
    var title = ""
    for line in try Fixtures.example("hex", in: page).split(separator: "\n") {
      if line.hasPrefix("# ") { title = String(line.dropFirst(2)) }
      parts[title, default: []] += line.prefix { $0 != "#" }.split(separator: " ")
        .compactMap { UInt8($0, radix: 16) }
    }
    return parts
  }

  @Test(arguments: [
    (
      "delta-coding.md",
      ChunkShape(element: .float(.bfloat16), rows: 2, columns: 16), 3
    ),
    (
      "block-coding.md",
      ChunkShape(element: .block(.q2K, elementCount: 256), rows: 2, columns: 1), 512
    ),
  ])
  func `the worked example of a specification is such a chunk`(
    page: String, shape: ChunkShape, changedCount: Int
  ) throws {
    let parts = try parts(of: page)
    let base = try #require(parts["base"])
    let result = try #require(parts["result"])
    let chunk = try #require(parts["chunk"])
    let coder = ChunkCoder(shape)
    let encoded = coder.encode(base: base.rawSpan, result: result.rawSpan)
    #expect(encoded.bytes == chunk)
    #expect(encoded.changedCount == changedCount)
    var output = [UInt8](repeating: 0xAA, count: base.count)
    try output.withMutableRawSpan { (span) throws(FormatError) in
      try coder.apply(chunk.rawSpan, to: base.rawSpan, into: &span)
    }
    #expect(output == result)
    try output.withMutableRawSpan { (span) throws(FormatError) in
      try coder.strip(chunk.rawSpan, from: result.rawSpan, into: &span)
    }
    #expect(output == base)
  }
}
