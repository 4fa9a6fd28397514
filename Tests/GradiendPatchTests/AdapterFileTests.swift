import Checkpoints
import GradiendPatch
import TestSupport
import Testing

/// The files of adapters (Formats/adapter.md, sections 6 and 7).
@Suite struct AdapterFileTests {
  @Test func `all layers have one rank, with zeros where a matrix has less`() throws {
    let scene = try AdapterTests.scene(rank: 2)
    let summary = try scene.make(rank: 16)
    let file = try Checkpoint(path: scene.bench.path("adapter/adapter_model.safetensors"))
    #expect(file.tensors.count == 28)
    for tensor in file.tensors {
      #expect(tensor.name.contains("lora_A") ? tensor.shape[0] == 16 : tensor.shape[1] == 16)
    }
    #expect(file.files[0].metadata("rank") == "16")
    #expect(summary.relativeError < 0.005)
  }

  @Test func `metadata say what the summary says`() throws {
    let scene = try AdapterTests.scene(rank: 6)
    let summary = try scene.make(gguf: "adapter.gguf", rank: 3)
    let file = try Checkpoint(path: scene.bench.path("adapter/adapter_model.safetensors")).files[0]
    #expect(file.metadata("format") == "pt")
    #expect(file.metadata("feature_factor") == "1.0")
    #expect(file.metadata("learning_rate") == "0.01")
    let error = try #require(file.metadata("relative_error").flatMap { Double($0) })
    #expect(abs(error - summary.relativeError) < 1e-6)
    let worst = try #require(summary.layers.first)
    let errors = try #require(file.metadata("layer_errors"))
    let shown = String(format6(worst.relativeError))
    #expect(errors.hasPrefix(#"{"\#(worst.module)":\#(shown),"#), "\(errors)")
    #expect(file.metadata("left_out")?.hasPrefix(#"{"model.norm.weight":0."#) ?? false)
    let gguf = try Checkpoint(path: scene.bench.path("adapter.gguf")).files[0]
    for key in ["rank", "relative_error", "layer_errors", "left_out", "feature_factor"] {
      #expect(gguf.metadata("gradiend_patch.\(key)") == file.metadata(key))
    }
    #expect(gguf.metadata("general.type") == "adapter")
  }

  /// With six digits after the point.
  private func format6(_ value: Double) -> String {
    let digits = String(Int((value * 1e6).rounded()))
    return "0." + String(repeating: "0", count: 6 - digits.count) + digits
  }

  @Test func `the GGUF adapter has the names and the order of rows of the converter`() throws {
    let scene = try AdapterTests.scene(rank: 2)
    try scene.make(gguf: "adapter.gguf", rank: 2)
    let gguf = try Checkpoint(path: scene.bench.path("adapter.gguf"))
    let peft = try Checkpoint(path: scene.bench.path("adapter/adapter_model.safetensors"))
    func values(_ checkpoint: Checkpoint, _ name: String, width: Int) throws -> [UInt32] {
      let tensor = try #require(checkpoint[name])
      let bytes = checkpoint.bytes(of: tensor, in: 0..<tensor.byteCount)
      return stride(from: 0, to: bytes.count, by: width).map { start in
        (0..<width).reduce(0) { $0 | UInt32(bytes[start + $1]) << (8 * (4 - width + $1)) }
      }
    }
    let attention = "base_model.model.\(AdapterTests.layer)self_attn."
    #expect(
      try values(gguf, "blk.0.attn_v.weight.lora_b", width: 4)
        == values(peft, attention + "v_proj.lora_B.weight", width: 2))
    #expect(
      try values(gguf, "blk.0.attn_q.weight.lora_a", width: 4)
        == values(peft, attention + "q_proj.lora_A.weight", width: 2))
    let rows = try values(peft, attention + "q_proj.lora_B.weight", width: 2)
    // Two heads of six rows: those of the first half and of the second in turn.
    let order = [0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11]
    #expect(
      try values(gguf, "blk.0.attn_q.weight.lora_b", width: 4)
        == order.flatMap { [rows[2 * $0], rows[2 * $0 + 1]] })
  }

  @Test func `modules that are brought whole are what the GRADIEND makes of them`() throws {
    var scene = try AdapterScene()
    scene.add("model.embed_tokens.weight", [9, 12])
    scene.addLayer(0)
    scene.add("model.norm.weight", [12], in: 0.1...1)
    try scene.write(rank: 2)
    let summary = try scene.make(rank: 12, savesModules: true)
    let layer = AdapterTests.layer
    let names = [
      "model.embed_tokens", layer + "input_layernorm", layer + "post_attention_layernorm",
      "model.norm",
    ]
    #expect(summary.savedModules.sorted() == names.sorted())
    #expect(summary.leftOut.isEmpty)
    let shares = summary.layers.reduce(0) { $0 + $1.share }
    #expect(shares > 0.1 && shares < 0.95, "the rest is in what is brought whole")
    let file = try Checkpoint(path: scene.bench.path("adapter/adapter_model.safetensors"))
    for name in names {
      let weight = name + ".weight"
      let tensor = try #require(file["base_model.model." + weight])
      let bytes = file.bytes(of: tensor, in: 0..<tensor.byteCount)
      let base = try #require(scene.tensors.first { $0.name == weight })
      #expect(tensor.shape == base.shape && tensor.elementType == .float32)
      let update = try #require(scene.updates[weight])
      for (index, value) in base.values.enumerated() {
        let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[4 * index + $1]) << (8 * $1) }
        #expect(Float(bitPattern: bits) == value + update[index])
      }
    }
    // No norm is folded.
    for found in summary.layers {
      let change = try scene.change(found.module + ".weight")
      #expect(AdapterScene.error(try scene.product(found.module), change) < 0.005)
    }
    let text = String(
      decoding: try scene.bench.bytes("adapter/adapter_config.json"), as: UTF8.self)
    #expect(text.contains(#""ensure_weight_tying": true"#))
    #expect(text.contains(#""modules_to_save": ["#) && text.contains(#""model.norm""#))
    let card = String(decoding: try scene.bench.bytes("adapter/README.md"), as: UTF8.self)
    #expect(card.contains("| Modules brought whole | 4, which PEFT alone loads |"))
    #expect(card.contains("vLLM and llama.cpp do not load it") && !card.contains("vllm serve"))
  }

  @Test func `no GGUF adapter is made with modules that are brought whole`() throws {
    let scene = try AdapterTests.scene(rank: 2)
    let before = try scene.bench.folder.tree()
    let error = try scene.bench.refusal(.usage) { () throws(PatchError) in
      try scene.make(gguf: "adapter.gguf", savesModules: true)
    }
    #expect(error.message.hasPrefix("llama.cpp takes no modules that are brought whole"))
    #expect(try scene.bench.folder.tree() == before)
  }

  @Test func `modules that are not all adapted are named in full`() throws {
    var scene = try AdapterScene()
    scene.addLayer(0)
    scene.addLayer(1)
    try scene.write(over: [AdapterTests.layer + "mlp.down_proj.weight"], rank: 1)
    try scene.make(rank: 1)
    let text = String(
      decoding: try scene.bench.bytes("adapter/adapter_config.json"), as: UTF8.self)
    #expect(text.contains(#""model.layers.0.mlp.down_proj""#))
  }

  @Test func `modules are named in full where one that is no layer has the name of one`() throws {
    var scene = try AdapterScene()
    scene.add("bert.encoder.layer.0.output.dense.weight", [12, 20])
    scene.add("cls.predictions.transform.dense.weight", [12, 12])
    try scene.write("bert", over: ["bert.encoder.layer.0.output.dense.weight"], rank: 1)
    try scene.make(rank: 1)
    let text = String(
      decoding: try scene.bench.bytes("adapter/adapter_config.json"), as: UTF8.self)
    #expect(text.contains(#""bert.encoder.layer.0.output.dense""#))
  }
}
