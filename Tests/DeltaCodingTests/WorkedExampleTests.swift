import DeltaCoding
import TestSupport
import Testing

@Suite struct WorkedExampleTests {
  /// The bytes after each title of the example, by title.
  private func parts() throws -> [String: [UInt8]] {
    var parts: [String: [UInt8]] = [:]
    var title = ""
    for line in try Fixtures.example("hex", in: "delta-coding.md").split(separator: "\n") {
      if line.hasPrefix("# ") { title = String(line.dropFirst(2)) }
      parts[title, default: []] += line.prefix { $0 != "#" }.split(separator: " ")
        .compactMap { UInt8($0, radix: 16) }
    }
    return parts
  }

  @Test func `the worked example of the specification is such a chunk`() throws {
    let parts = try parts()
    var sample = Sample(.bfloat16, rows: 2, columns: 16)
    sample.base = try #require(parts["base"])
    sample.result = try #require(parts["result"])
    let chunk = try #require(parts["chunk"])
    #expect(sample.encoded().bytes == chunk)
    #expect(sample.encoded().changedCount == 3)
    let (applied, stripped) = try sample.decoded(chunk)
    #expect(applied == sample.result)
    #expect(stripped == sample.base)
  }
}
