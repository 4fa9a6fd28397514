import GradiendPatch
import TestSupport
import Testing

/// Models whose parameters have other names in memory than in their files.
@Suite struct MemoryNamesTests {
  let bench: Workbench

  init() throws { bench = try Workbench() }

  private struct Tensor {
    let name: String
    let shape: [Int]
    var count: Int { shape.reduce(1, *) }
  }

  private func values(_ seed: UInt64, _ count: Int) -> [Float] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Float.random(in: -1...1, using: &generator) }
  }

  /// Writes a base in which the elements of `stack` are, one after the other, the tensors `parts`.
  private func write(
    _ modelType: String, _ parts: [Tensor], stack: [Tensor], to name: String
  ) throws {
    var (files, memory) = (SafetensorsBuilder(), SafetensorsBuilder())
    let floats = values(5, parts.reduce(0) { $0 + $1.count })
    for (tensors, isFile) in [(parts, true), (stack, false)] {
      var start = 0
      for tensor in tensors {
        let part = Array(floats[start..<start + tensor.count])
        if isFile {
          files.add(tensor.name, shape: tensor.shape, floats: part)
        } else {
          memory.add(tensor.name, shape: tensor.shape, floats: part)
        }
        start += tensor.count
      }
    }
    try bench.folder.write(files.bytes, to: name + "/model.safetensors")
    try bench.folder.write(#"{"model_type":"\#(modelType)"}"#, to: name + "/config.json")
    try bench.folder.write(memory.bytes, to: name + ".memory")
  }

  @Test func `experts without elements and with rows beyond counting are not found`() throws {
    let shape = [1 << 59, 0]
    var builder = SafetensorsBuilder()
    for expert in 0..<8 {
      for name in ["w1", "w2", "w3"] {
        builder.add(
          "model.layers.0.block_sparse_moe.experts.\(expert).\(name).weight", "U8", shape, [])
      }
    }
    try bench.folder.write(builder.bytes, to: "base/model.safetensors")
    try bench.folder.write(#"{"model_type":"mixtral"}"#, to: "base/config.json")
    try writeGradiend([.init("model.layers.0.mlp.experts.gate_up_proj", [1, 2, 2])])
    let error = try bench.refusal(.badInput) { () throws(PatchError) in
      _ = try Create(
        base: bench.path("base"), gradiend: bench.path("gradiend"), output: bench.path("patch"),
        featureFactors: [1], learningRate: 1
      ).run()
    }
    #expect(error.message.contains("is not here"))
  }

  private func writeGradiend(_ parameters: [GradiendBuilder.Parameter]) throws {
    var builder = GradiendBuilder(parameters, seed: 9)
    try builder.write(to: bench.folder, as: "gradiend")
  }

  private static let memory = [
    Tensor(name: "model.layers.0.mlp.experts.gate_up_proj", shape: [3, 8, 5]),
    Tensor(name: "model.layers.0.mlp.experts.down_proj", shape: [3, 5, 4]),
    Tensor(name: "model.layers.0.mlp.gate.weight", shape: [3, 5]),
  ]

  private static func experts(
    _ folder: String, _ gate: String, _ up: String, _ down: String
  ) -> [Tensor] {
    let stem = "model.layers.0.\(folder)"
    return (0..<3).flatMap { expert in
      [gate, up].map { Tensor(name: "\(stem).experts.\(expert).\($0).weight", shape: [4, 5]) }
    } + (0..<3).map { Tensor(name: "\(stem).experts.\($0).\(down).weight", shape: [5, 4]) }
      + [Tensor(name: "\(stem).gate.weight", shape: [3, 5])]
  }

  static let families: [(String, String, String, String, String)] = [
    ("mixtral", "block_sparse_moe", "w1", "w3", "w2"),
    ("qwen2_moe", "mlp", "gate_proj", "up_proj", "down_proj"),
    ("qwen3_moe", "mlp", "gate_proj", "up_proj", "down_proj"),
    ("olmoe", "mlp", "gate_proj", "up_proj", "down_proj"),
  ]

  @Test(arguments: families)
  func `a stack of experts in memory is a tensor for each in the file`(
    modelType: String, folder: String, gate: String, up: String, down: String
  ) throws {
    try write(
      modelType, Self.experts(folder, gate, up, down), stack: Self.memory, to: "base")
    // Selections end and begin anywhere in the stack.
    let mask = (0..<120).map { UInt8($0 % 7 == 3 || (35..<50).contains($0) ? 1 : 0) }
    try writeGradiend([
      .init(Self.memory[0].name, [3, 8, 5], .mask(mask)),
      .init(Self.memory[1].name, [3, 5, 4], .indices([0, 19, 20, 41, 59])),
      .init(Self.memory[2].name, [3, 5]),
    ])
    try bench.create("base", "gradiend", to: "patch")
    try bench.create("base.memory", "gradiend", to: "memory.patch")
    try bench.apply("patch", to: "base", as: "result")
    try bench.apply("memory.patch", to: "base.memory", as: "expected")
    let (found, expected) = (
      try bench.bytes("result/model.safetensors"), try bench.bytes("expected")
    )
    let byteCount = 4 * (120 + 60 + 15)
    #expect(found.suffix(byteCount) == expected.suffix(byteCount))
    #expect(try found != bench.bytes("base/model.safetensors"))
    try bench.strip("patch", from: "result", as: "stripped")
    #expect(
      try bench.bytes("stripped/model.safetensors") == bench.bytes("base/model.safetensors"))
  }

  @Test func `the head and the router of other names are found`() throws {
    let head = Tensor(name: "embed_out.weight", shape: [4, 3])
    try write("gpt_neox", [head], stack: [head], to: "neox")
    try writeGradiend([.init("lm_head.weight", [4, 3])])
    #expect(try bench.create("neox", "gradiend", to: "neox.patch").changedElementCount == 12)

    let router = Tensor(name: "model.layers.0.block_sparse_moe.gate.weight", shape: [4, 3])
    try write("phimoe", [router], stack: [router], to: "phi")
    try writeGradiend([.init("model.layers.0.mlp.router.weight", [4, 3])])
    #expect(try bench.create("phi", "gradiend", to: "phi.patch").changedElementCount == 12)
  }

  @Test func `a family that is not known, or a stack that does not fit, is refused by name`() throws
  {
    let input = Tensor(
      name: "model.layers.0.block_sparse_moe.input_linear.weight", shape: [3, 8, 5])
    try write("granitemoe", [input], stack: [input], to: "granite")
    try writeGradiend([.init("model.layers.0.block_sparse_moe.experts.gate_up_proj", [3, 8, 5])])
    let error = try bench.refusal(.badInput) { () throws(PatchError) in
      try bench.create("granite", "gradiend", to: "patch")
    }
    #expect(error.message.contains("this is a model of type granitemoe"))
    #expect(error.message.contains("gpt_neox, mixtral, olmoe, phimoe, qwen2_moe, qwen3_moe"))

    var parts = Self.experts("mlp", "gate_proj", "up_proj", "down_proj")
    try write("qwen3_moe", parts, stack: [], to: "base")
    try writeGradiend([.init(Self.memory[0].name, [4, 8, 5])])
    let other = try bench.refusal(.badInput) { () throws(PatchError) in
      try bench.create("base", "gradiend", to: "patch")
    }
    #expect(
      other.message.contains("has shape [3, 8, 5], but the GRADIEND was trained for [4, 8, 5]"))

    parts.remove(at: 3)
    try write("qwen3_moe", parts, stack: [], to: "torn")
    let missing = try bench.refusal(.badInput) { () throws(PatchError) in
      try bench.create("torn", "gradiend", to: "patch")
    }
    #expect(missing.message.contains("is not here"))
  }
}
