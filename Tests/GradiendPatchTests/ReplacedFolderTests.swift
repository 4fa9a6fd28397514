import PatchTestSupport
import Foundation
import GradiendPatch
import TestSupport
import Testing

/// What a folder output may replace, and what not.
@Suite struct ReplacedFolderTests {
  let bench: Workbench

  init() throws {
    bench = try Workbench()
    let model = RandomModel(seed: 3)
    try bench.writeFolder(model, to: "base")
    try bench.folder.write("{}", to: "base/sub/modules.json")
    try bench.writeFolder(model.changed(seed: 4), to: "result")
    try bench.diff("base", "result", to: "patch")
  }

  @Test(arguments: [
    "thesis.txt", "gradiend_patch.safetensors", ".gitignore", "sub/notes", "other.safetensors",
    "model.safetensors.bak",
  ])
  func `a folder with anything that the output has not is not replaced`(name: String) throws {
    // The last output, and what somebody has put beside it.
    _ = try patching.run()
    let bytes = name.hasPrefix("gradiend") ? try bench.bytes("patch") : Array("mine".utf8)
    try bench.folder.write(bytes, to: "out/" + name)
    let error = try bench.refusal(.cannotCreate) { () throws(PatchError) in _ = try patching.run() }
    #expect(
      error.message
        == "there is a folder of this name, and its '\(name)' would be lost: the output has no such file"
    )
    #expect(try bench.bytes("out/" + name) == bytes)
  }

  @Test func `a folder with a patch and nothing else is not replaced`() throws {
    try bench.folder.write(bench.bytes("patch"), to: "out/any.safetensors")
    try bench.refusal(.cannotCreate) { () throws(PatchError) in _ = try patching.run() }
  }

  @Test func `the last output is replaced, even if it is damaged`() throws {
    _ = try patching.run()
    let tree = try bench.folder.tree()
    try bench.folder.write("cut", to: "out/model.safetensors")
    _ = try patching.run()
    #expect(try bench.folder.tree() == tree)
    #expect(try bench.bytes("out/model.safetensors") == bench.bytes("result/model.safetensors"))
  }

  @Test func `another model in other files is replaced`() throws {
    try bench.writeFolder(RandomModel(seed: 5), to: "out", shards: 2)
    _ = try patching.run()
    #expect(try bench.bytes("out/model.safetensors") == bench.bytes("result/model.safetensors"))
    #expect(
      try bench.folder.tree().filter { $0.hasPrefix("out/") } == [
        "out/config.json", "out/model.safetensors", "out/sub", "out/sub/modules.json",
      ])
  }

  @Test func `of a link, only the link is replaced`() throws {
    try bench.folder.write("my notes", to: "notes/today.txt")
    try FileManager.default.createSymbolicLink(
      atPath: bench.path("out"), withDestinationPath: "notes")
    _ = try patching.run()
    #expect(try bench.bytes("notes/today.txt") == Array("my notes".utf8))
    #expect(try bench.bytes("out/model.safetensors") == bench.bytes("result/model.safetensors"))
  }

  private var patching: Patching {
    var patching = Patching(
      .apply, checkpoint: bench.path("base"), patch: bench.path("patch"), output: bench.path("out"))
    patching.overwrites = true
    return patching
  }
}
