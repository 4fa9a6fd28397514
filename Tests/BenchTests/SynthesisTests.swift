import PatchTestSupport
import Checkpoints
import Foundation
import GradiendPatch
import TestSupport
import Testing

@testable import gradiend_patch_bench

@Suite struct SynthesisTests {
  private let folder: TemporaryDirectory

  init() throws {
    folder = try TemporaryDirectory()
  }

  @Test func `the large shape is that of Llama-3.2-3B`() {
    let shape = ModelShape.llama3B
    #expect(shape.elementCount == 3_212_749_824)
    #expect(shape.tensors.count == 254)
    // As on the Hub: 4.97 GB and 1.46 GB, the twenty-first layer in both.
    let byteCounts = shape.shards.map { positions in
      positions.reduce(0) { $0 + 2 * shape.tensors[$1].elementCount }
    }
    #expect(byteCounts == [4_965_777_408, 1_459_722_240])
    let last = shape.shards[0].last.map { shape.tensors[$0].name }
    #expect(last == "model.layers.20.mlp.up_proj.weight")
  }

  @Test func `a synthetic model and GRADIEND give a patch that apply and strip accept`() throws {
    let path = try synthesise("tiny", seed: 1)
    #expect(try folder.names() == ["tiny"])
    let (base, patch) = (path + "/base", folder.path("patch"))
    let creation = Create(
      base: base, gradiend: path + "/gradiend", output: patch, featureFactors: [-1],
      learningRate: 0.001)
    let summary = try creation.run()
    #expect(summary.elementCount == ModelShape.tiny.elementCount)
    // A patch worth measuring changes some elements, and not all.
    #expect((100...10_000).contains(summary.changedElementCount))

    let (result, stripped) = (folder.path("result"), folder.path("stripped"))
    _ = try Patching(.apply, checkpoint: base, patch: patch, output: result).run()
    _ = try Patching(.strip, checkpoint: result, patch: patch, output: stripped).run()
    for file in ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] {
      let original = try folder.bytes(of: "tiny/base/" + file)
      #expect(try folder.bytes(of: "stripped/" + file) == original)
      #expect(try folder.bytes(of: "result/" + file) != original)
    }
  }

  @Test func `the same seed gives the same bytes, and another seed others`() throws {
    _ = try synthesise("a", seed: 5)
    _ = try synthesise("b", seed: 5)
    _ = try synthesise("c", seed: 6)
    for file in ["base/model-00001-of-00002.safetensors", "gradiend/model.safetensors"] {
      let bytes = try folder.bytes(of: "a/" + file)
      #expect(try folder.bytes(of: "b/" + file) == bytes)
      #expect(try folder.bytes(of: "c/" + file) != bytes)
    }
  }

  @Test func `an existing folder is not touched`() throws {
    try folder.write("mine", to: "taken/note")
    #expect(throws: (any Error).self) { try synthesise("taken", seed: 1) }
    #expect(try folder.names() == ["taken"])
    #expect(try folder.bytes(of: "taken/note") == Array("mine".utf8))
  }

  @Test func `numbers are normal and depend on their position alone`() {
    let numbers = NormalNumbers(seed: 3, 1, 2)
    var all = [Float](repeating: 0, count: 100_001)
    numbers.fill(&all, from: 0)
    var part = [Float](repeating: 0, count: 1000)
    numbers.fill(&part, from: 500)
    #expect(part[...] == all[500..<1500])
    #expect(numbers[501] == all[501])

    let count = Double(all.count)
    let mean = all.reduce(0) { $0 + Double($1) } / count
    let variance = all.reduce(0) { $0 + Double($1) * Double($1) } / count
    #expect(abs(mean) < 0.015)
    #expect(abs(variance - 1) < 0.03)
    let inside = Double(all.count { abs($0) < 1 }) / count
    #expect(abs(inside - 0.6827) < 0.006)
    #expect(abs(Double(all.count { abs($0) < 0.001 }) / count - 0.0008) < 0.0004)
  }

  @Test func `an update is the same however it is cut`() {
    let update = SyntheticUpdate(shape: [7, 10], seed: 1, path: (0, 0), scale: 1)
    var whole = [Float](repeating: 0, count: 70)
    update.fill(&whole, 0..<70)
    var part = [Float](repeating: 0, count: 31)
    update.fill(&part, 26..<57)
    #expect(part[...] == whole[26..<57])
  }

  private func synthesise(_ name: String, seed: UInt64) throws -> String {
    let path = folder.path(name)
    try Synthesis(shape: .tiny, seed: seed).write(to: path) { _, _, _ in }
    return path
  }
}
