import Checkpoints

/// The sizes of a Llama model whose head is tied to its embedding.
struct ModelShape {
  struct Tensor {
    let name: String
    let shape: [Int]

    var elementCount: Int { shape.reduce(1, *) }
  }

  let hiddenSize: Int
  var layerCount: Int
  let headCount: Int
  let keyValueHeadCount: Int
  let headSize: Int
  let intermediateSize: Int
  let vocabularySize: Int
  /// How many bytes of tensors a shard holds at most.
  let shardByteLimit: Int

  /// Llama-3.2-3B: 3,212,749,824 parameters, in two shards as on the Hub.
  static let llama3B = Self(
    hiddenSize: 3072, layerCount: 28, headCount: 24, keyValueHeadCount: 8, headSize: 128,
    intermediateSize: 8192, vocabularySize: 128_256, shardByteLimit: 5_000_000_000)

  /// The same in small, for tests.
  static let tiny = Self(
    hiddenSize: 48, layerCount: 2, headCount: 3, keyValueHeadCount: 1, headSize: 16,
    intermediateSize: 128, vocabularySize: 512, shardByteLimit: 120_000)

  /// In the order in which the model holds them.
  var tensors: [Tensor] {
    let (queries, keys) = (headCount * headSize, keyValueHeadCount * headSize)
    let layer: [(name: String, shape: [Int])] = [
      ("self_attn.q_proj", [queries, hiddenSize]), ("self_attn.k_proj", [keys, hiddenSize]),
      ("self_attn.v_proj", [keys, hiddenSize]), ("self_attn.o_proj", [hiddenSize, queries]),
      ("mlp.gate_proj", [intermediateSize, hiddenSize]),
      ("mlp.up_proj", [intermediateSize, hiddenSize]),
      ("mlp.down_proj", [hiddenSize, intermediateSize]), ("input_layernorm", [hiddenSize]),
      ("post_attention_layernorm", [hiddenSize]),
    ]
    return [Tensor(name: "model.embed_tokens.weight", shape: [vocabularySize, hiddenSize])]
      + (0..<layerCount).flatMap { number in
        layer.map { Tensor(name: "model.layers.\(number).\($0.name).weight", shape: $0.shape) }
      } + [Tensor(name: "model.norm.weight", shape: [hiddenSize])]
  }

  var elementCount: Int { tensors.reduce(0) { $0 + $1.elementCount } }

  /// The positions in ``tensors`` of what each shard holds: as many as fit, in order.
  var shards: [[Int]] {
    var shards: [[Int]] = [[]]
    var byteCount = 0
    for (position, tensor) in tensors.enumerated() {
      byteCount += 2 * tensor.elementCount
      if byteCount > shardByteLimit, !shards[shards.count - 1].isEmpty {
        shards.append([])
        byteCount = 2 * tensor.elementCount
      }
      shards[shards.count - 1].append(position)
    }
    return shards
  }

  /// The model's `config.json`.
  var configuration: JSONValue {
    .object([
      .init("architectures", .array([.string("LlamaForCausalLM")])),
      .init("model_type", .string("llama")),
      .init("hidden_size", .integer(hiddenSize)),
      .init("num_hidden_layers", .integer(layerCount)),
      .init("num_attention_heads", .integer(headCount)),
      .init("num_key_value_heads", .integer(keyValueHeadCount)),
      .init("head_dim", .integer(headSize)),
      .init("intermediate_size", .integer(intermediateSize)),
      .init("vocab_size", .integer(vocabularySize)),
      .init("hidden_act", .string("silu")),
      .init("tie_word_embeddings", .boolean(true)),
      .init("torch_dtype", .string("bfloat16")),
    ])
  }
}
