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
}
