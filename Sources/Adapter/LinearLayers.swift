internal import Checkpoints
internal import ModelNames
internal import PatchEngine

/// The linear layers of a family of models, and the norms that feed them (Formats/adapter.md,
/// section 2).
struct LinearLayers: Sendable {
  /// What precedes the stack of layers in memory.
  let prefix: String
  /// The stack's own name.
  let stack: String
  /// By the module's name in a layer, the norm that feeds it, if it can be folded.
  let norms: [String: String?]
  /// Norms multiply by one more than their weights.
  var addsOne = false
  /// Weights are stored as input × output.
  var isTransposed = false
  /// PEFT's name for what the models are for; nil for those that do not generate.
  var task: String? = "CAUSAL_LM"

  private static func decoder(
    attention: [String] = ["q_proj", "k_proj", "v_proj"],
    feedForward: [String] = ["gate_proj", "up_proj"],
    before feedForwardNorm: String = "post_attention_layernorm", addsOne: Bool = false
  ) -> LinearLayers {
    var norms: [String: String?] = ["self_attn.o_proj": nil, "mlp.down_proj": nil]
    for name in attention { norms["self_attn.\(name)"] = "input_layernorm" }
    for name in feedForward { norms["mlp.\(name)"] = feedForwardNorm }
    return LinearLayers(prefix: "model.", stack: "layers", norms: norms, addsOne: addsOne)
  }

  private static func others(
    _ prefix: String, _ stack: String, _ names: [String], isTransposed: Bool = false,
    task: String? = nil
  ) -> LinearLayers {
    LinearLayers(
      prefix: prefix, stack: stack,
      norms: Dictionary(uniqueKeysWithValues: names.map { ($0, nil as String?) }),
      isTransposed: isTransposed, task: task)
  }

  private static let llama = decoder()
  private static let gemma2 = decoder(before: "pre_feedforward_layernorm", addsOne: true)
  private static let bertLayers = [
    "attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
    "intermediate.dense", "output.dense",
  ]

  private static let byModelType: [String: LinearLayers] = [
    "llama": llama, "mistral": llama, "qwen2": llama, "qwen3": llama,
    "phi3": decoder(attention: ["qkv_proj"], feedForward: ["gate_up_proj"]),
    "gemma": decoder(addsOne: true), "gemma2": gemma2, "gemma3_text": gemma2,
    "gpt2": others(
      "transformer.", "h", ["attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"],
      isTransposed: true, task: "CAUSAL_LM"),
    "bert": others("bert.", "encoder.layer", bertLayers),
    "roberta": others("roberta.", "encoder.layer", bertLayers),
    "xlm-roberta": others("roberta.", "encoder.layer", bertLayers),
    "distilbert": others(
      "distilbert.", "transformer.layer",
      [
        "attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin", "ffn.lin1",
        "ffn.lin2",
      ]),
  ]

  /// Those of a base.
  ///
  /// - Throws: ``PatchError`` if its configuration is not there, or is that of models whose layers are
  ///   not known, by name.
  static func of(_ base: any TensorSource) throws(PatchError) -> LinearLayers {
    guard !base.isGGUF else {
      throw PatchError(
        .badInput, path: base.path, "this is a GGUF, but an adapter is made from the checkpoint",
        remedy: "name the checkpoint that it was converted from; the adapter fits both")
    }
    guard let configuration = base.configuration else {
      throw PatchError(
        .badInput, path: base.path,
        "there is no config.json beside the weights, which says what kind of model this is")
    }
    let type = configuration.modelType ?? "of no type"
    guard let layers = byModelType[type] else {
      throw PatchError(
        .badInput, path: configuration.path,
        "adapters are made for models of the types "
          + byModelType.keys.sorted().joined(separator: ", ") + "; this is \(type)",
        remedy: "'create' makes a patch, which fits any model")
    }
    return layers
  }

  /// A linear layer.
  struct Place {
    /// As PEFT names it.
    let module: String
    /// The name of the weight of the norm that feeds it, in the files.
    let norm: String?
  }

  /// The layer whose weight a tensor is; nil if it is none's.
  func place(of tensor: String) -> Place? {
    let location = TensorLocation(tensor)
    guard tensor.hasSuffix(".weight"), let layer = location.layer,
      location.stack == stack || location.stack == prefix + stack,
      let norm = norms[location.module]
    else { return nil }
    return Place(
      module: "\(prefix)\(stack).\(layer).\(location.module)",
      norm: norm.map { "\(location.stack).\(layer).\($0).weight" })
  }
}
