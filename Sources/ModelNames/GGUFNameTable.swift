/// How llama.cpp's converter names the tensors of one architecture (Formats/gguf-mapping.md,
/// section 3).
///
/// Names have no prefix and no ending such as `.weight`; `N` stands for the number of a layer.
struct GGUFNameTable: Sendable {
  /// What else the converter does to a tensor.
  enum Change: Sendable {
    /// Rows of each head are interleaved; of which heads.
    case queryRows, keyRows
    case transposed
    /// 1 is added to every element.
    case plusOne
  }

  var prefixes: [String]
  /// By the name in Hugging Face.
  var names: [String: (name: String, change: Change?)]
  /// Beginnings of names that have no place in a GGUF.
  var dropped: [String] = []

  private static let decoderPrefixes = [
    "model.language_model.", "language_model.model.", "model.",
  ]

  private static let decoder: [String: (name: String, change: Change?)] = [
    "embed_tokens": ("token_embd", nil), "norm": ("output_norm", nil),
    "lm_head": ("output", nil),
    "layers.N.input_layernorm": ("blk.N.attn_norm", nil),
    "layers.N.self_attn.q_proj": ("blk.N.attn_q", nil),
    "layers.N.self_attn.k_proj": ("blk.N.attn_k", nil),
    "layers.N.self_attn.v_proj": ("blk.N.attn_v", nil),
    "layers.N.self_attn.o_proj": ("blk.N.attn_output", nil),
    "layers.N.self_attn.q_norm": ("blk.N.attn_q_norm", nil),
    "layers.N.self_attn.k_norm": ("blk.N.attn_k_norm", nil),
    "layers.N.post_attention_layernorm": ("blk.N.ffn_norm", nil),
    "layers.N.mlp.gate_proj": ("blk.N.ffn_gate", nil),
    "layers.N.mlp.up_proj": ("blk.N.ffn_up", nil),
    "layers.N.mlp.down_proj": ("blk.N.ffn_down", nil),
  ]

  static let llama = GGUFNameTable(
    prefixes: decoderPrefixes,
    names: decoder.merging([
      "layers.N.self_attn.q_proj": ("blk.N.attn_q", .queryRows),
      "layers.N.self_attn.k_proj": ("blk.N.attn_k", .keyRows),
    ]) { $1 },
    dropped: ["layers.N.self_attn.rotary_emb.inv_freq"])

  static let qwen = GGUFNameTable(prefixes: decoderPrefixes, names: decoder)

  static let gemma = GGUFNameTable(
    prefixes: decoderPrefixes, names: decoder.mapValues(Self.shiftingNorms), dropped: ["lm_head"])

  /// Gemma 2 and 3 have two more norms a layer, so the one after attention is another. What Gemma 3
  /// sees images with is in a file of its own.
  static let gemma2 = GGUFNameTable(
    prefixes: decoderPrefixes,
    names: decoder.merging([
      "layers.N.post_attention_layernorm": ("blk.N.post_attention_norm", nil),
      "layers.N.pre_feedforward_layernorm": ("blk.N.ffn_norm", nil),
      "layers.N.post_feedforward_layernorm": ("blk.N.post_ffw_norm", nil),
    ]) { $1 }.mapValues(Self.shiftingNorms),
    dropped: ["lm_head", "vision_tower.", "multi_modal_projector."])

  static let phi3 = GGUFNameTable(
    prefixes: decoderPrefixes,
    names: decoder.merging([
      "layers.N.self_attn.qkv_proj": ("blk.N.attn_qkv", nil),
      "layers.N.mlp.gate_up_proj": ("blk.N.ffn_up", nil),
    ]) { $1 })

  static let gpt2 = GGUFNameTable(
    prefixes: ["transformer."],
    names: [
      "wte": ("token_embd", nil), "wpe": ("position_embd", nil), "ln_f": ("output_norm", nil),
      "lm_head": ("output", nil),
      "h.N.ln_1": ("blk.N.attn_norm", nil), "h.N.ln_2": ("blk.N.ffn_norm", nil),
      "h.N.attn.c_attn": ("blk.N.attn_qkv", .transposed),
      "h.N.attn.c_proj": ("blk.N.attn_output", .transposed),
      "h.N.mlp.c_fc": ("blk.N.ffn_up", .transposed),
      "h.N.mlp.c_proj": ("blk.N.ffn_down", .transposed),
    ],
    dropped: ["h.N.attn.bias", "h.N.attn.masked_bias"])

  /// BERT, RoBERTa and DistilBERT, which a GGUF does not tell apart.
  static let bert = GGUFNameTable(
    prefixes: ["bert.", "roberta.", "distilbert."],
    names: [
      "embeddings.word_embeddings": ("token_embd", nil),
      "embeddings.position_embeddings": ("position_embd", nil),
      "embeddings.token_type_embeddings": ("token_types", nil),
      "embeddings.LayerNorm": ("token_embd_norm", nil),
      "encoder.layer.N.attention.self.query": ("blk.N.attn_q", nil),
      "encoder.layer.N.attention.self.key": ("blk.N.attn_k", nil),
      "encoder.layer.N.attention.self.value": ("blk.N.attn_v", nil),
      "encoder.layer.N.attention.output.dense": ("blk.N.attn_output", nil),
      "encoder.layer.N.attention.output.LayerNorm": ("blk.N.attn_output_norm", nil),
      "encoder.layer.N.intermediate.dense": ("blk.N.ffn_up", nil),
      "encoder.layer.N.output.dense": ("blk.N.ffn_down", nil),
      "encoder.layer.N.output.LayerNorm": ("blk.N.layer_output_norm", nil),
      "transformer.layer.N.attention.q_lin": ("blk.N.attn_q", nil),
      "transformer.layer.N.attention.k_lin": ("blk.N.attn_k", nil),
      "transformer.layer.N.attention.v_lin": ("blk.N.attn_v", nil),
      "transformer.layer.N.attention.out_lin": ("blk.N.attn_output", nil),
      "transformer.layer.N.sa_layer_norm": ("blk.N.attn_output_norm", nil),
      "transformer.layer.N.ffn.lin1": ("blk.N.ffn_up", nil),
      "transformer.layer.N.ffn.lin2": ("blk.N.ffn_down", nil),
      "transformer.layer.N.output_layer_norm": ("blk.N.layer_output_norm", nil),
    ],
    dropped: [
      "cls.predictions.", "cls.seq_relationship", "pooler.dense", "embeddings.position_ids",
      "lm_head.", "vocab_transform", "vocab_layer_norm", "vocab_projector",
    ])

  private static func shiftingNorms(
    _ entry: (name: String, change: Change?)
  ) -> (name: String, change: Change?) {
    (entry.name, entry.name.hasSuffix("norm") ? .plusOne : entry.change)
  }

  /// What a model of Hugging Face becomes, by its `model_type`.
  static let architectures: [String: String] = [
    "llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3", "gemma": "gemma",
    "gemma2": "gemma2", "gemma3": "gemma3", "gemma3_text": "gemma3", "phi3": "phi3",
    "gpt2": "gpt2", "bert": "bert", "distilbert": "bert", "roberta": "bert", "xlm-roberta": "bert",
  ]

  /// By the value of `general.architecture`.
  static let byArchitecture: [String: GGUFNameTable] = [
    "llama": llama, "qwen2": qwen, "qwen3": qwen, "gemma": gemma, "gemma2": gemma2,
    "gemma3": gemma2, "phi3": phi3, "gpt2": gpt2, "bert": bert,
  ]
}
