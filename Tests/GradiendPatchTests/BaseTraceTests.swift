import ByteIO
import GradiendPatch
import PatchEngine
import TestSupport
import Testing

/// The base's files, hashed from the result and the patch.
@Suite struct BaseTraceTests {
  let bench: Workbench
  let base = RandomModel(seed: 71)

  init() throws {
    bench = try Workbench()
    try bench.write(base, to: "base")
    try bench.write(base.changed(seed: 72), to: "result")
    try bench.diff("base", "result", to: "patch")
  }

  private func tracing(_ result: String = "result", threads: Int = 0) -> Verify {
    var verification = Verify(checkpoint: bench.path(result), patch: bench.path("patch"))
    verification.tracesBase = true
    verification.threadCount = threads
    return verification
  }

  private func sha256(_ path: String) throws -> String {
    try MappedFile(path: bench.path(path)).sha256()
  }

  @Test(arguments: [1, 2, 4])
  func `a file of the base is traced`(threads: Int) throws {
    #expect(try tracing(threads: threads).run().baseSHA256 == sha256("base") + "  base")
  }

  @Test func `shards of the base are traced`() throws {
    try bench.writeFolder(base, to: "folder", shards: 3)
    try bench.writeFolder(base.changed(seed: 73), to: "other", shards: 3)
    try bench.folder.remove("patch")
    try bench.diff("folder", "other", to: "patch")
    let names = (1...3).map { "model-0000\($0)-of-00003.safetensors" }
    let lines = try names.map { try sha256("folder/" + $0) + "  " + $0 }
    #expect(try tracing("other").run().baseSHA256 == lines.joined(separator: "\n"))
  }

  @Test func `a base in another order, under another header, is traced`() throws {
    var result = base.changed(seed: 74)
    result.tensors.reverse()
    try bench.folder.write(result.file(metadata: [("title", "other")]), to: "turned")
    try bench.folder.remove("patch")
    try bench.diff("base", "turned", to: "patch")
    #expect(try tracing("turned").run().baseSHA256 == sha256("base") + "  base")
  }

  @Test func `the base itself, and a result in other files, are refused`() throws {
    try bench.refusal(.mismatch) { () throws(PatchError) in _ = try tracing("base").run() }
    let result = base.changed(seed: 72)
    try bench.folder.write(result.file(metadata: [("title", "other")]), to: "saved")
    let error = try bench.refusal(.mismatch) { () throws(PatchError) in
      _ = try tracing("saved").run()
    }
    #expect(error.message.contains("the SHA-256 of 'base' is"))
  }

  @Test(arguments: ["result", "patch"])
  func `one bit more or less is refused`(name: String) throws {
    let bytes = try bench.bytes(name)
    for offset in stride(from: 8, to: bytes.count, by: max(1, bytes.count / 61)) {
      var changed = bytes
      changed[offset] ^= 1
      try bench.folder.write(changed, to: name)
      #expect(throws: PatchError.self, "\(offset)") { try tracing().run() }
    }
  }
}
