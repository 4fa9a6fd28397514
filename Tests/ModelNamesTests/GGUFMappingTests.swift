import Checkpoints
import ModelNames
import TestSupport
import Testing

private struct NotGGUF: Error {}

@Suite struct GGUFMappingTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func mapping(_ architecture: String) throws -> GGUFMapping {
    var builder = GGUFBuilder()
    builder.add("general.architecture", architecture)
    builder.add("\(architecture).attention.head_count", 8 as UInt32)
    builder.add("\(architecture).attention.head_count_kv", 2 as UInt32)
    let path = try folder.write(builder.bytes, to: "\(architecture).gguf")
    guard case .gguf(let header) = try Checkpoint(path: path).convention else { throw NotGGUF() }
    return try GGUFMapping(header, path: path)
  }

  @Test(arguments: [3, 1 << 61, 1 << 62, Int.max, 0, -2, Int.min])
  func `a number of heads that leaves no whole pairs of rows fits no tensor`(headCount: Int) {
    #expect(!ElementOrder.interleavedHalves(headCount: headCount).fits([8, 5]))
    #expect(!ElementOrder.separatedHalves(headCount: headCount).fits([8]))
  }

  @Test(arguments: [1, 2, 4])
  func `heads of whole pairs of rows fit`(headCount: Int) {
    #expect(ElementOrder.interleavedHalves(headCount: headCount).fits([8, 5]))
  }

  static let places: [(String, String, String, ElementOrder, Bool)] = [
    ("llama", "model.embed_tokens.weight", "token_embd.weight", .same, false),
    (
      "llama", "model.layers.12.self_attn.q_proj.weight", "blk.12.attn_q.weight",
      .interleavedHalves(headCount: 8),
      false
    ),
    (
      "llama", "model.layers.0.self_attn.k_proj.bias", "blk.0.attn_k.bias",
      .interleavedHalves(headCount: 2), false
    ),
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
    architecture: String, name: String, place: String, order: ElementOrder, addsOne: Bool
  ) throws {
    #expect(
      try mapping(architecture).destination(of: name)
        == .tensor(name: place, order: order, addsOne: addsOne))
  }

  @Test(
    arguments: [
      ("gemma", "lm_head.weight"), ("gpt2", "transformer.h.0.attn.bias"),
      ("bert", "cls.predictions.transform.dense.weight"), ("bert", "bert.pooler.dense.bias"),
      ("bert", "lm_head.dense.weight"), ("bert", "vocab_transform.weight"),
      ("gemma3", "vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight"),
      ("gemma3", "model.multi_modal_projector.mm_input_projection_weight"),
    ])
  func `what the converter leaves out is known`(architecture: String, name: String) throws {
    #expect(try mapping(architecture).destination(of: name) == .omitted)
  }

  @Test(arguments: ["model.layers.0.mlp.experts.gate_up_proj", "x.weight", "", ".weight", "norm."])
  func `other names have no place`(name: String) throws {
    #expect(try mapping("llama").destination(of: name) == nil)
  }

  @Test func `another architecture is refused by name`() throws {
    let error = #expect(throws: CheckpointError.self) { try mapping("falcon") }
    #expect(error?.description.contains("this is falcon") == true)
  }

  @Test(arguments: [(1, 2), (2, 12), (3, 12), (6, 12), (4, 64)])
  func `the inverse of an order of rows puts each back`(headCount: Int, rowCount: Int) {
    for order in [
      ElementOrder.interleavedHalves(headCount: headCount), .separatedHalves(headCount: headCount),
      .same,
    ] {
      let rows = (0..<rowCount).map { order.row($0, of: rowCount) }
      #expect(rows.sorted() == Array(0..<rowCount))
      #expect(rows.map { order.inverse.row($0, of: rowCount) } == Array(0..<rowCount))
    }
    #expect(ElementOrder.interleavedHalves(headCount: 2).row(3, of: 8) == 3)
    #expect(ElementOrder.interleavedHalves(headCount: 2).row(1, of: 8) == 2)
  }

  @Test func `rows can be moved if heads are whole pairs of them`() {
    #expect(ElementOrder.interleavedHalves(headCount: 2).fits([8, 3]))
    #expect(ElementOrder.separatedHalves(headCount: 2).fits([8]))
    #expect(!ElementOrder.interleavedHalves(headCount: 2).fits([6, 3]))
    #expect(!ElementOrder.interleavedHalves(headCount: 0).fits([6, 3]))
    #expect(!ElementOrder.interleavedHalves(headCount: 2).fits([4, 2, 2]))
    #expect(!ElementOrder.transposed.fits([4]))
    #expect(ElementOrder.same.fits([]))
  }

  @Test(
    arguments: [
      ("gemma", "output_norm.weight", true), ("gemma2", "blk.11.post_ffw_norm.weight", true),
      ("gemma", "blk.0.ffn_up.weight", false), ("gemma", "output_norm.bias", false),
      ("llama", "output_norm.weight", false),
    ])
  func `a name in a GGUF tells whether 1 was added`(
    architecture: String, name: String, addsOne: Bool
  ) throws {
    #expect(try mapping(architecture).addsOne(to: name) == addsOne)
  }

  /// A configuration, a table of 10 rows, and the rows of it that a GGUF has if not all.
  static let keptRows: [(configuration: String, table: String, rows: Range<Int>?)] = [
    (
      #""roberta","pad_token_id":1"#, "roberta.embeddings.position_embeddings.weight", 2..<10
    ),
    (#""xlm-roberta","pad_token_id":0"#, "embeddings.position_embeddings.weight", 1..<10),
    (#""roberta","pad_token_id":8"#, "embeddings.position_embeddings.weight", 9..<10),
    (#""roberta","pad_token_id":9"#, "embeddings.position_embeddings.weight", nil),
    (#""roberta","pad_token_id":-1"#, "embeddings.position_embeddings.weight", nil),
    (
      #""roberta","pad_token_id":\#(Int.max)"#, "embeddings.position_embeddings.weight", nil
    ),
    (#""roberta","pad_token_id":1"#, "embeddings.word_embeddings.weight", nil),
    (#""roberta","pad_token_id":1"#, "encoder.layer.0.output.dense.weight", nil),
    (#""roberta""#, "embeddings.position_embeddings.weight", nil),
    (#""bert","pad_token_id":0"#, "embeddings.position_embeddings.weight", nil),
    (#""gemma3","image_token_index":8"#, "language_model.model.embed_tokens.weight", 0..<8),
    (#""gemma3","image_token_id":8"#, "model.language_model.embed_tokens.weight", 0..<8),
    (#""gemma3","image_token_index":8"#, "lm_head.weight", 0..<8),
    (#""gemma3","image_token_index":0"#, "model.embed_tokens.weight", nil),
    (#""gemma3","image_token_index":10"#, "model.embed_tokens.weight", nil),
    (#""gemma3","image_token_index":-8"#, "model.embed_tokens.weight", nil),
    (#""gemma3","image_token_index":8"#, "model.layers.0.mlp.up_proj.weight", nil),
    (#""gemma3_text","image_token_index":8"#, "model.embed_tokens.weight", nil),
    (#""qwen2","pad_token_id":1,"image_token_id":8"#, "model.embed_tokens.weight", nil),
  ]

  @Test(arguments: keptRows)
  func `the configuration tells which rows a GGUF has`(
    configuration: String, table: String, kept: Range<Int>?
  ) throws {
    func rows(_ type: String, _ shape: [Int], _ byteCount: Int) throws -> Range<Int>? {
      var builder = SafetensorsBuilder()
      builder.add(table, type, shape, [UInt8](repeating: 0, count: byteCount))
      try folder.write(builder.bytes, to: "model.safetensors")
      let checkpoint = try Checkpoint(path: folder.path("model.safetensors"))
      return try #require(GGUFMapping(of: checkpoint)).keptRows(of: checkpoint.tensors[0])
    }
    try folder.write(#"{"model_type":\#(configuration)}"#, to: "config.json")
    #expect(try rows("BF16", [10, 2], 40) == kept)
    #expect(try rows("I32", [10, 1], 40) == kept)
    // Others that have no such rows, or not as bytes of their own.
    #expect(try rows("BF16", [20], 40) == nil)
    #expect(try rows("BF16", [0, 2], 0) == nil)
    #expect(try rows("BF16", [10, 0], 0) == nil)
    #expect(try rows("F4", [10, 3], 15) == nil)
  }

  @Test(
    arguments: [
      ("mistral", "llama"), ("qwen3", "qwen3"), ("gemma3_text", "gemma3"), ("xlm-roberta", "bert"),
      ("distilbert", "bert"),
    ])
  func `the type of a model tells what it becomes`(type: String, architecture: String) throws {
    var builder = SafetensorsBuilder()
    builder.add("w", shape: [1], floats: [1])
    let path = try folder.write(builder.bytes, to: "model.safetensors")
    try folder.write(
      #"{"model_type":"\#(type)","text_config":{"num_attention_heads":6}}"#, to: "config.json")
    let configuration = try #require(ModelConfiguration(besides: try Checkpoint(path: path)))
    let mapping = try GGUFMapping(configuration)
    #expect(mapping.architecture == architecture)
    guard architecture == "llama" else { return }
    #expect(
      mapping.destination(of: "model.layers.0.self_attn.k_proj.weight")
        == .tensor(
          name: "blk.0.attn_k.weight", order: .interleavedHalves(headCount: 6), addsOne: false))
  }
}
