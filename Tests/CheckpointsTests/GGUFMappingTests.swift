import Checkpoints
import TestSupport
import Testing

@Suite struct GGUFMappingTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func mapping(_ architecture: String) throws -> GGUFMapping {
    var builder = GGUFBuilder()
    builder.add("general.architecture", architecture)
    builder.add("\(architecture).attention.head_count", 8 as UInt32)
    builder.add("\(architecture).attention.head_count_kv", 2 as UInt32)
    let path = try folder.write(builder.bytes, to: "\(architecture).gguf")
    return try GGUFMapping(Checkpoint(path: path))
  }

  static let places: [(String, String, String, GGUFMapping.Layout, Bool)] = [
    ("llama", "model.embed_tokens.weight", "token_embd.weight", .same, false),
    (
      "llama", "model.layers.12.self_attn.q_proj.weight", "blk.12.attn_q.weight", .headRows(8),
      false
    ),
    ("llama", "model.layers.0.self_attn.k_proj.bias", "blk.0.attn_k.bias", .headRows(2), false),
    ("llama", "lm_head.weight", "output.weight", .same, false),
    ("qwen2", "model.layers.3.self_attn.q_proj.bias", "blk.3.attn_q.bias", .same, false),
    ("qwen3", "model.layers.3.self_attn.q_norm.weight", "blk.3.attn_q_norm.weight", .same, false),
    ("gemma", "model.norm.weight", "output_norm.weight", .same, true),
    ("gemma", "model.layers.1.mlp.up_proj.weight", "blk.1.ffn_up.weight", .same, false),
    (
      "gemma2", "model.layers.1.post_attention_layernorm.weight",
      "blk.1.post_attention_norm.weight", .same, true
    ),
    (
      "gemma3", "language_model.model.layers.1.pre_feedforward_layernorm.weight",
      "blk.1.ffn_norm.weight", .same, true
    ),
    ("gemma3", "model.layers.1.self_attn.k_norm.weight", "blk.1.attn_k_norm.weight", .same, true),
    ("phi3", "model.layers.9.mlp.gate_up_proj.weight", "blk.9.ffn_up.weight", .same, false),
    ("gpt2", "transformer.h.5.attn.c_attn.weight", "blk.5.attn_qkv.weight", .transposed, false),
    ("gpt2", "h.5.attn.c_attn.bias", "blk.5.attn_qkv.bias", .same, false),
    ("gpt2", "wpe.weight", "position_embd.weight", .same, false),
    ("bert", "bert.embeddings.LayerNorm.gamma", "token_embd_norm.weight", .same, false),
    (
      "bert", "roberta.encoder.layer.11.attention.self.query.weight", "blk.11.attn_q.weight", .same,
      false
    ),
    (
      "bert", "distilbert.transformer.layer.2.ffn.lin1.bias", "blk.2.ffn_up.bias", .same, false
    ),
  ]

  @Test(arguments: places)
  func `a tensor of Hugging Face has its place`(
    architecture: String, name: String, place: String, layout: GGUFMapping.Layout, isShifted: Bool
  ) throws {
    #expect(
      try mapping(architecture).fate(of: name)
        == .place(name: place, layout: layout, isShifted: isShifted))
  }

  @Test(
    arguments: [
      ("gemma", "lm_head.weight"), ("gpt2", "transformer.h.0.attn.bias"),
      ("bert", "cls.predictions.transform.dense.weight"), ("bert", "bert.pooler.dense.bias"),
      ("bert", "lm_head.dense.weight"), ("bert", "vocab_transform.weight"),
    ])
  func `what the converter leaves out is known`(architecture: String, name: String) throws {
    #expect(try mapping(architecture).fate(of: name) == .dropped)
  }

  @Test(arguments: ["model.layers.0.mlp.experts.gate_up_proj", "x.weight", "", ".weight", "norm."])
  func `other names have no place`(name: String) throws {
    #expect(try mapping("llama").fate(of: name) == nil)
  }

  @Test func `another architecture is refused by name`() throws {
    let error = #expect(throws: CheckpointError.self) { try mapping("falcon") }
    #expect(error?.description.contains("this is falcon") == true)
  }
}
