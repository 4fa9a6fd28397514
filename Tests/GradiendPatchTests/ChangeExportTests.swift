import Checkpoints
import GradiendPatch
import TestSupport
import Testing

/// Formats/export.md.
@Suite struct ChangeExportTests {
  let bench: Workbench

  init() throws { bench = try Workbench() }

  private func export(threads: Int = 0) throws(PatchError) -> ExportSummary {
    var export = Export(
      patch: bench.path("patch"), base: bench.path("base"), output: bench.path("changes"))
    export.overwrites = true
    export.threadCount = threads
    return try export.run()
  }

  @Test(arguments: 1...6 as ClosedRange<UInt64>)
  func `what is put at its indices makes the result`(seed: UInt64) throws {
    var base = RandomModel(seed: seed)
    base.tensors.removeAll { $0.type == "F4" }
    let result = base.changed(seed: seed + 50)
    try bench.write(base, to: "base")
    try bench.write(result, to: "result")
    try bench.diff("base", "result", to: "patch")
    let summary = try export()
    let bytes = try bench.bytes("changes")
    #expect(summary.byteCount == bytes.count)
    let file = try Checkpoint(path: bench.path("changes"))
    func read(_ name: String) -> ArraySlice<UInt8>? {
      file.tensors.first { $0.name == name }.map { bytes[$0.descriptor.byteRange] }
    }
    var count = 0
    for tensor in result.tensors {
      var values = try #require(base[tensor.name]).bytes
      if let indices = read(tensor.name + ".indices"), let changes = read(tensor.name + ".values") {
        let width = tensor.byteWidth
        for number in 0..<indices.count / 8 {
          let start = indices.startIndex + 8 * number
          let index = (0..<8).reduce(0) { $0 | Int(indices[start + $1]) << (8 * $1) }
          for byte in 0..<width {
            values[index * width + byte] = changes[changes.startIndex + number * width + byte]
          }
          count += 1
        }
      }
      #expect(values == tensor.bytes, "\(tensor.name)")
    }
    #expect(summary.elementCount == count)
    for threads in [1, 3] {
      _ = try export(threads: threads)
      #expect(try bench.bytes("changes") == bytes)
    }
  }

  @Test func `elements of half a byte are refused`() throws {
    let base = RandomModel(seed: 1)
    try bench.write(base, to: "base")
    try bench.write(base.changed(seed: 51), to: "result")
    try bench.diff("base", "result", to: "patch")
    let error = try bench.refusal(.badInput) { () throws(PatchError) in _ = try export() }
    #expect(error.message.contains("is F4, whose elements have no bytes of their own"))
  }

  @Test func `the wrong base is refused, and nothing is written`() throws {
    let base = RandomModel(seed: 9)
    try bench.write(base, to: "old")
    try bench.write(base.changed(seed: 10), to: "base")
    try bench.diff("old", "base", to: "patch")
    try bench.refusal(.mismatch) { () throws(PatchError) in _ = try export() }
  }
}
