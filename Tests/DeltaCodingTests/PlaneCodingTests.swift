import ByteIO
import DeltaCoding
import Testing

@Suite struct PlaneCodingTests {
  @Test(arguments: [1, 2, 4, 8])
  func `apply gives the result and strip gives the base, for words of every width`(
    byteWidth: Int
  ) throws {
    var generator = SeededGenerator(UInt64(byteWidth))
    let coder = ChunkCoder(
      ChunkShape(element: .word(byteWidth: byteWidth), rows: 7, columns: 31))
    let base = (0..<coder.shape.byteCount).map { _ in UInt8.random(in: 0...255, using: &generator) }
    var result = base
    for index in stride(from: 3, to: result.count, by: 29) { result[index] &+= 77 }
    let chunk = coder.encode(base: base.span.bytes, result: result.span.bytes)
    var applied = [UInt8](repeating: 0, count: base.count)
    var appliedSpan = applied.mutableSpan
    var appliedBytes = appliedSpan.mutableBytes
    try coder.apply(chunk.bytes.span.bytes, to: base.span.bytes, into: &appliedBytes)
    #expect(applied == result)
    var stripped = [UInt8](repeating: 0, count: base.count)
    var strippedSpan = stripped.mutableSpan
    var strippedBytes = strippedSpan.mutableBytes
    try coder.strip(chunk.bytes.span.bytes, from: result.span.bytes, into: &strippedBytes)
    #expect(stripped == base)
  }
}
