import PatchTestSupport
import GradiendPatch
import TestSupport
import Testing

/// A patch is for tensors, wherever they lie.
@Suite struct LayoutTests {
  let bench: Workbench
  let base = RandomModel(seed: 21)
  let result: RandomModel

  init() throws {
    bench = try Workbench()
    result = base.changed(seed: 22)
    try bench.write(base, to: "base.safetensors")
    try bench.write(result, to: "result.safetensors")
    try bench.writeFolder(base, to: "base")
    try bench.writeFolder(result, to: "result")
    try bench.writeFolder(base, to: "base-sharded", shards: 3)
    try bench.writeFolder(result, to: "result-sharded", shards: 3)
  }

  static let layouts = ["", "-sharded", ".safetensors"]

  @Test(arguments: layouts, layouts)
  func `a patch of one layout applies to another and strips from it`(
    source: String, target: String
  ) throws {
    try bench.diff("base" + source, "result" + source, to: "patch")
    try bench.apply("patch", to: "base" + target, as: "applied")
    #expect(try Self.contents(bench, "applied") == Self.contents(bench, "result" + target))
    try bench.strip("patch", from: "applied", as: "stripped")
    #expect(try Self.contents(bench, "stripped") == Self.contents(bench, "base" + target))
    #expect(try bench.verify("applied", "patch").role == .result)
    #expect(try bench.verify("stripped", "patch").role == .base)
  }

  @Test func `base and result may have different layouts, and a note says so`() throws {
    let summary = try bench.diff("base-sharded", "result.safetensors", to: "patch")
    #expect(summary.notes.count == 1)
    #expect(summary.notes[0].hasPrefix("the files of the result have other headers"))
    try bench.apply("patch", to: "base-sharded", as: "applied")
    #expect(try Self.contents(bench, "applied") == Self.contents(bench, "result-sharded"))
  }

  @Test func `only the publisher's own files are called the publisher's`() throws {
    try bench.diff("base.safetensors", "result.safetensors", to: "patch")
    try bench.folder.write(base.file(metadata: []), to: "other-header")
    try bench.folder.write(base.file(), to: "other-name")
    #expect(try bench.verify("base.safetensors", "patch").hasPublishedFiles)
    #expect(try bench.verify("result.safetensors", "patch").hasPublishedFiles)
    #expect(try bench.verify("other-name", "patch").hasPublishedFiles)
    #expect(try !bench.verify("other-header", "patch").hasPublishedFiles)
    #expect(try !bench.verify("base-sharded", "patch").hasPublishedFiles)
  }

  @Test func `--sha256 asks for the publisher's bytes, under whatever name`() throws {
    try bench.diff("base.safetensors", "result.safetensors", to: "patch")
    try bench.folder.write(base.file(metadata: []), to: "other-header")
    try bench.folder.write(base.file(), to: "other-name")
    func apply(_ input: String) throws(PatchError) {
      var patching = Patching(
        .apply, checkpoint: bench.path(input), patch: bench.path("patch"),
        output: bench.path("applied-" + input))
      patching.checksSHA256 = true
      _ = try patching.run()
    }
    try apply("base.safetensors")
    try apply("other-name")
    let error = try bench.refusal(.mismatch) { () throws(PatchError) in try apply("other-header") }
    #expect(error.message.hasPrefix("the values are right, but the files are not"))
  }

  @Test func `a folder brings its small files along, and leaves other weights behind`() throws {
    for name in [
      "tokenizer.json", "sub/merges.txt", "pytorch_model.bin", "model.gguf", "tf_model.h5",
      "other.safetensors", ".cache/hidden", "onnx/model.onnx",
    ] {
      try bench.folder.write("content of \(name)", to: "base/" + name)
    }
    try bench.diff("base.safetensors", "result.safetensors", to: "patch")
    try bench.apply("patch", to: "base", as: "applied")
    let names = try Self.contents(bench, "applied").keys.sorted()
    #expect(names == ["config.json", "model.safetensors", "sub/merges.txt", "tokenizer.json"])
    #expect(try bench.bytes("applied/sub/merges.txt") == Array("content of sub/merges.txt".utf8))
  }

  /// The files at `name`, by their names; one without a name if it is a file.
  static func contents(_ bench: Workbench, _ name: String) throws -> [String: [UInt8]] {
    let prefix = name + "/"
    let below = try bench.folder.tree().filter { $0.hasPrefix(prefix) }
    guard !below.isEmpty else { return ["": try bench.bytes(name)] }
    var contents: [String: [UInt8]] = [:]
    for path in below {
      // Folders have no bytes to read.
      guard let bytes = try? bench.bytes(path) else { continue }
      contents[String(path.dropFirst(prefix.count))] = bytes
    }
    return contents
  }
}
