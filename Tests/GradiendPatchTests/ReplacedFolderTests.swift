import GradiendPatch
import TestSupport
import Testing

/// What may be replaced by an output, and what not.
@Suite struct ReplacedFolderTests {
  let bench: Workbench

  init() throws { bench = try Workbench() }

  @Test func `a folder without a model is not replaced, one with a model is`() throws {
    let model = RandomModel(seed: 3)
    try bench.writeFolder(model, to: "base")
    try bench.writeFolder(model.changed(seed: 4), to: "result")
    try bench.diff("base", "result", to: "patch")
    try bench.folder.write("my notes", to: "notes/today.txt")
    try bench.folder.write("old", to: "old/model.safetensors")

    var patching = CheckpointPatching(
      .apply, checkpoint: bench.path("base"), patch: bench.path("patch"),
      output: bench.path("notes"))
    patching.overwrites = true
    do throws(PatchError) {
      _ = try patching.run()
      Issue.record("the folder was replaced")
    } catch {
      #expect(error.kind == .cannotCreate)
      #expect(error.message == "there is a folder of this name that holds no model")
    }
    #expect(try bench.bytes("notes/today.txt") == Array("my notes".utf8))

    patching.output = bench.path("old")
    _ = try patching.run()
    #expect(try bench.bytes("old/model.safetensors") == bench.bytes("result/model.safetensors"))
  }
}
