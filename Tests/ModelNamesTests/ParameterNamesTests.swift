import ModelNames
import Testing

@Suite struct ParameterNamesTests {
  static let llama = ParameterNames([
    "model.embed_tokens.weight", "model.layers.0.mlp.up_proj.weight",
    "model.layers.1.mlp.up_proj.weight", "model.norm.weight", "lm_head.weight",
  ])

  static let queries: [(query: String, tensor: String?)] = [
    // The reference's rules.
    ("model.norm.weight", "model.norm.weight"),
    ("module.model.norm.weight", "model.norm.weight"),
    ("_orig_mod.module._orig_mod.model.norm.weight", "model.norm.weight"),
    ("layers.0.mlp.up_proj.weight", "model.layers.0.mlp.up_proj.weight"),
    ("0.mlp.up_proj.weight", "model.layers.0.mlp.up_proj.weight"),
    ("norm.weight", "model.norm.weight"),
    ("embed_tokens.weight", "model.embed_tokens.weight"),
    ("lm_head.weight", "lm_head.weight"),
    // Ambiguous, too short, unknown.
    ("mlp.up_proj.weight", nil),
    ("up_proj.weight", nil),
    ("weight", nil),
    ("", nil),
    ("model.layers.2.mlp.up_proj.weight", nil),
    ("Norm.weight", nil),
    // Ours: a name in memory may have a prefix that the file lacks.
    ("language_model.model.norm.weight", "model.norm.weight"),
    ("module.wrapper.lm_head.weight", "lm_head.weight"),
    ("wrapper.norm.weight", nil),
  ]

  @Test(arguments: queries)
  func `a parameter leads to one tensor or none`(query: String, tensor: String?) {
    #expect(Self.llama.tensor(for: query) == tensor)
  }

  static let wholeNames: [(query: String, tensor: String?)] = [
    ("model.norm.weight", "model.norm.weight"),
    ("wrapper.model.norm.weight", "model.norm.weight"),
    ("module.lm_head.weight", nil),
    ("layers.0.mlp.up_proj.weight", nil),
    ("norm.weight", nil),
    ("", nil),
  ]

  @Test(arguments: wholeNames)
  func `a whole name is no suffix of a tensor's`(query: String, tensor: String?) {
    #expect(Self.llama.tensor(for: query, isWhole: true) == tensor)
  }

  @Test func `an exact name wins over unwrapped ones and suffixes`() {
    let names = ParameterNames(["module.a.b.c", "a.b.c", "b.c", "x.y.z"])
    #expect(names.tensor(for: "a.b.c") == "a.b.c")
    #expect(names.tensor(for: "b.c") == "b.c")
    #expect(names.tensor(for: "module.a.b.c") == "module.a.b.c")
    #expect(names.tensor(for: "y.z") == "x.y.z")
  }

  @Test func `a wrapped file answers plain names`() {
    let names = ParameterNames(["module._orig_mod.h.0.ln_1.weight", "module.wte.weight"])
    #expect(names.tensor(for: "h.0.ln_1.weight") == "module._orig_mod.h.0.ln_1.weight")
    #expect(names.tensor(for: "0.ln_1.weight") == "module._orig_mod.h.0.ln_1.weight")
    #expect(names.tensor(for: "wte.weight") == "module.wte.weight")
  }

  @Test func `names in memory are found in a file without their prefix`() {
    let names = ParameterNames(["wte.weight", "h.0.attn.c_attn.weight", "h.1.attn.c_attn.weight"])
    #expect(names.tensor(for: "transformer.wte.weight") == "wte.weight")
    #expect(names.tensor(for: "transformer.h.1.attn.c_attn.weight") == "h.1.attn.c_attn.weight")
    #expect(names.tensor(for: "transformer.h.2.attn.c_attn.weight") == nil)
  }

  @Test func `the older names of a LayerNorm are found`() {
    let names = ParameterNames([
      "bert.embeddings.LayerNorm.gamma", "bert.embeddings.LayerNorm.beta", "bert.x.gamma",
    ])
    #expect(
      names.tensor(for: "bert.embeddings.LayerNorm.weight") == "bert.embeddings.LayerNorm.gamma")
    #expect(
      names.tensor(for: "bert.embeddings.LayerNorm.bias") == "bert.embeddings.LayerNorm.beta")
    #expect(names.tensor(for: "embeddings.LayerNorm.bias") == "bert.embeddings.LayerNorm.beta")
    #expect(names.tensor(for: "bert.x.weight") == nil)
  }

  @Test(.timeLimit(.minutes(1)))
  func `a name of a million parts takes no more than its own length`() {
    let name = String(repeating: ".", count: 1_000_000)
    let names = ParameterNames([name, "a.b"])
    #expect(names.tensor(for: "x" + name) == nil)
    #expect(names.tensor(for: name) == name)
    let parts = Array(repeating: "p", count: 63)
    #expect(names.tensor(for: (parts.dropLast() + ["a", "b"]).joined(separator: ".")) == "a.b")
    #expect(names.tensor(for: (parts + ["a", "b"]).joined(separator: ".")) == nil)
  }

  @Test func `no tensors answer nothing`() {
    #expect(ParameterNames([]).tensor(for: "a.b") == nil)
  }
}
