import PatchTestSupport
import Foundation
import GradiendPatch
import TestSupport
import Testing

/// Outputs that would destroy an input are refused, even if overwriting is allowed.
@Suite struct OutputGuardTests {
  let bench: Workbench

  init() throws {
    bench = try Workbench()
    let base = RandomModel(seed: 61)
    try bench.write(base, to: "files/base")
    try bench.write(base.changed(seed: 62), to: "files/result")
    try bench.writeFolder(base, to: "models/base")
    try bench.writeFolder(base, to: "models/sharded", shards: 2)
    try bench.writeGradiend(for: base, to: "models/gradiend", seed: 1)
    try bench.diff("files/base", "files/result", to: "files/patch")
  }

  @Test(arguments: ["files/base", "files/patch", "files/../files/base"])
  func `a file that is an input of apply is no output`(output: String) throws {
    let error = try refusedApply("files/base", output)
    #expect(error.message == "the output is one of the inputs")
    #expect(error.path == bench.path(output))
  }

  @Test(arguments: ["files/base", "files/result"])
  func `a file that is an input of diff is no output`(output: String) throws {
    try bench.refusal(.cannotCreate) { () throws(PatchError) in
      var comparison = Diff(
        base: bench.path("files/base"), result: bench.path("files/result"),
        output: bench.path(output))
      comparison.overwrites = true
      _ = try comparison.run()
    }
  }

  @Test(arguments: [
    "base/model.safetensors", "gradiend/model.safetensors", "gradiend/config.json",
    "gradiend/masks.safetensors", "gradiend/indices.safetensors",
  ])
  func `a file that is an input of create is no output`(output: String) throws {
    try bench.refusal(.cannotCreate) { () throws(PatchError) in
      var creation = Create(
        base: bench.path("models/base"), gradiend: bench.path("models/gradiend"),
        output: bench.path("models/" + output), featureFactors: [1], learningRate: 1)
      creation.overwrites = true
      _ = try creation.run()
    }
  }

  @Test func `an index of shards is an input`() throws {
    try bench.refusal(.cannotCreate) { () throws(PatchError) in
      var comparison = Diff(
        base: bench.path("models/sharded"), result: bench.path("models/base"),
        output: bench.path("models/sharded/model.safetensors.index.json"))
      comparison.overwrites = true
      _ = try comparison.run()
    }
  }

  @Test(arguments: ["models/base", "models/base/", "models", "."])
  func `a folder that is or holds an input is no output`(output: String) throws {
    #expect(try refusedApply("models/base", output).message.hasPrefix("the output "))
  }

  @Test func `a folder that holds the patch is no output`() throws {
    try bench.folder.write(try bench.bytes("files/patch"), to: "old/patch")
    #expect(
      try refusedApply("models/base", "old", patch: "old/patch").message
        == "the output is a folder that holds one of the inputs")
    #expect(try bench.bytes("old/patch") == bench.bytes("files/patch"))
  }

  @Test func `a folder with another model is replaced`() throws {
    try bench.write(RandomModel(seed: 63), to: "old/old.safetensors")
    _ = try patching("models/base", "old", "files/patch").run()
    #expect(
      try bench.folder.tree().filter { $0.hasPrefix("old/") }.sorted() == [
        "old/config.json", "old/model.safetensors",
      ])
  }

  @Test(arguments: ["old/undo", "old/../old/undo", "link/undo", "old/sub/undo"])
  func `an undo patch is not put into a folder that is replaced`(undo: String) throws {
    try bench.folder.write("{}", to: "old/sub/config.json")
    try FileManager.default.createSymbolicLink(
      atPath: bench.path("link"), withDestinationPath: "old")
    let error = try bench.refusal(.usage) { () throws(PatchError) in
      var patching = patching("models/base", "old", "files/patch")
      patching.undo = bench.path(undo)
      _ = try patching.run()
    }
    #expect(error.message.hasSuffix("which is replaced as a whole"))
  }

  @Test(arguments: ["out-00002-of-00003.gguf", "././out-00003-of-00003.gguf"])
  func `an undo patch is none of the files of a split set`(undo: String) throws {
    let pair = try #require(try ReferenceGGUF.pairs().first { $0.base.count == 3 })
    let patch = bench.path("gguf.patch")
    _ = try Diff(base: pair.base[0], result: pair.result[0], output: patch).run()
    try bench.refusal(.usage) { () throws(PatchError) in
      var patching = Patching(
        .apply, checkpoint: pair.base[0], patch: patch,
        output: bench.path("out-00001-of-00003.gguf"))
      patching.undo = bench.path(undo)
      _ = try patching.run()
    }
  }

  private func patching(_ input: String, _ output: String, _ patch: String) -> Patching {
    var patching = Patching(
      .apply, checkpoint: bench.path(input), patch: bench.path(patch),
      output: bench.path(output))
    patching.overwrites = true
    return patching
  }

  private func refusedApply(
    _ input: String, _ output: String, patch: String = "files/patch"
  ) throws -> PatchError {
    try bench.refusal(.cannotCreate) { () throws(PatchError) in
      _ = try patching(input, output, patch).run()
    }
  }
}
