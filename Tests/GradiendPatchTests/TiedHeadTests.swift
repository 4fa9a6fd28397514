import GradiendPatch
import TestSupport
import Testing

/// Output heads that are the embedding, stored a second time.
@Suite struct TiedHeadTests {
  let bench: Workbench
  let matrix = (0..<12).map { Float($0) / 8 - 0.5 }

  init() throws {
    bench = try Workbench()
    var builder = GradiendBuilder([.init("model.embed_tokens.weight", [4, 3])])
    try builder.write(to: bench.folder, as: "gradiend")
  }

  @Test(arguments: [nil, "true"])
  func `a head with the embedding's bytes changes with it`(tie: String?) throws {
    try write(head: matrix, tie: tie)
    let summary = try bench.create("base", "gradiend", to: "patch", rate: 1)
    #expect(summary.changedTensorCount == 2)
    #expect(
      summary.notes == [
        "'lm_head.weight' is the same matrix as 'model.embed_tokens.weight' and changes with it"
      ])
    let payload = try applied()
    #expect(payload.prefix(48) == payload.suffix(48))
    #expect(payload.prefix(48) != bytes(matrix)[...])
  }

  @Test func `in a sum, the head changes with the embedding by what each GRADIEND adds to it`()
    throws
  {
    try write(head: matrix, tie: nil)
    var builder = GradiendBuilder([.init("model.embed_tokens.weight", [4, 3])], seed: 2)
    try builder.write(to: bench.folder, as: "second")
    builder = GradiendBuilder([.init("lm_head.weight", [4, 3])], seed: 3)
    try builder.write(to: bench.folder, as: "third")
    func create(_ names: [String]) throws(PatchError) -> PatchSummary {
      var creation = Create(
        base: bench.path("base"),
        adding: names.map {
          .init(gradiend: bench.path($0), featureFactors: [1], learningRate: 1)
        }, output: bench.path("patch"))
      creation.overwrites = true
      return try creation.run()
    }
    let tied = try create(["gradiend", "second"])
    #expect(
      tied.notes == [
        "'lm_head.weight' is the same matrix as 'model.embed_tokens.weight' and changes with it"
      ])
    let payload = try applied()
    #expect(payload.prefix(48) == payload.suffix(48) && payload.prefix(48) != bytes(matrix)[...])
    try bench.folder.remove("applied")
    // One that has the head itself adds to that alone.
    _ = try create(["gradiend", "second", "third"])
    let untied = try applied()
    #expect(untied.prefix(48) == payload.prefix(48) && untied.suffix(48) != payload.suffix(48))
  }

  @Test func `a head that config.json unties stays, though its bytes are the same`() throws {
    try write(head: matrix, tie: "false")
    let summary = try bench.create("base", "gradiend", to: "patch", rate: 1)
    #expect(summary.changedTensorCount == 1)
    #expect(summary.notes.isEmpty)
    #expect(try applied().suffix(48) == bytes(matrix)[...])
  }

  @Test func `a head that the configuration of the text unties stays as well`() throws {
    try write(head: matrix, tie: nil)
    try bench.folder.write(
      #"{"model_type":"llava","text_config":{"tie_word_embeddings":false}}"#,
      to: "base/config.json")
    #expect(try bench.create("base", "gradiend", to: "patch", rate: 1).changedTensorCount == 1)
  }

  @Test(arguments: [
    ["model.layers.0.gate.weight", "model.layers.1.gate.weight"],
    ["model.embed_tokens.weight", "model.layers.0.gate.weight"],
    ["model.layers.0.gate.weight", "lm_head.weight"],
    ["model.embed_tokens.weight", "my_lm_head.weight"],
  ])
  func `a tensor with the bytes of one that changes stays, unless the two are embedding and head`(
    names: [String]
  ) throws {
    var builder = SafetensorsBuilder()
    for name in names {
      builder.add(name, shape: [4, 3], floats: [Float](repeating: 0, count: 12))
    }
    try bench.folder.write(builder.bytes, to: "base/model.safetensors")
    try bench.folder.write(#"{"tie_word_embeddings":true}"#, to: "base/config.json")
    var gradiend = GradiendBuilder([.init(names[0], [4, 3])])
    try gradiend.write(to: bench.folder, as: "other")
    let summary = try bench.create("base", "other", to: "patch", rate: 1)
    #expect(summary.changedTensorCount == 1)
    #expect(summary.notes.isEmpty)
    #expect(try applied().suffix(48).allSatisfy { $0 == 0 })
  }

  @Test func `a head with bytes of its own stays`() throws {
    var head = matrix
    head[11] += 1
    try write(head: head, tie: nil)
    #expect(try bench.create("base", "gradiend", to: "patch", rate: 1).changedTensorCount == 1)
    #expect(try applied().suffix(48) == bytes(head)[...])
  }

  /// Writes a base whose embedding comes first in the file and whose head comes last.
  private func write(head: [Float], tie: String?) throws {
    var builder = SafetensorsBuilder()
    builder.add("model.embed_tokens.weight", shape: [4, 3], floats: matrix)
    builder.add("lm_head.weight", shape: [4, 3], floats: head)
    try bench.folder.write(builder.bytes, to: "base/model.safetensors")
    try bench.folder.write(
      tie.map { #"{"tie_word_embeddings":\#($0)}"# } ?? "{}", to: "base/config.json")
  }

  /// The bytes of both tensors after the patch.
  private func applied() throws -> [UInt8] {
    try bench.apply("patch", to: "base", as: "applied")
    return try bench.bytes("applied/model.safetensors").suffix(96)
  }

  private func bytes(_ values: [Float]) -> [UInt8] {
    SafetensorsBuilder.littleEndian(values.map(\.bitPattern))
  }
}
