import Checkpoints
import GradiendPatch
import TestSupport
import Testing

/// What adapters hold, and say of themselves (Formats/adapter.md).
@Suite struct AdapterTests {
  static let layer = "model.layers.0."

  /// The modules of a layer of Llama and the norms that feed them.
  private static let modules: [(module: String, norm: String?)] =
    ["q", "k", "v"].map { ("self_attn.\($0)_proj", "input_layernorm") } + [
      ("self_attn.o_proj", nil), ("mlp.gate_proj", "post_attention_layernorm"),
      ("mlp.up_proj", "post_attention_layernorm"), ("mlp.down_proj", nil),
    ]

  static func scene(rank: Int, modelType: String = "llama") throws -> AdapterScene {
    var scene = try AdapterScene()
    scene.add("model.embed_tokens.weight", [9, 12])
    scene.addLayer(0)
    scene.addLayer(1)
    scene.add("model.norm.weight", [12], in: 0.1...1)
    let names = scene.tensors.map(\.name).filter { !$0.contains("embed") }
    try scene.write(modelType, over: names, rank: rank)
    return scene
  }

  @Test(arguments: [1, 3, 8])
  func `stated errors are those of a computation in double precision`(rank: Int) throws {
    let scene = try Self.scene(rank: 6)
    let summary = try scene.make(rank: rank, maxRelativeError: 1)
    #expect(summary.layers.count == 14)
    var (missed, whole) = (0.0, 0.0)
    for layer in summary.layers {
      let stem = layer.module.split(separator: ".").prefix(3).joined(separator: ".") + "."
      let found = Self.modules.first { stem + $0.module == layer.module }
      let norm = try #require(found).norm.map { stem + $0 + ".weight" }
      let change = try scene.change(layer.module + ".weight", behind: norm)
      let error = AdapterScene.error(try scene.product(layer.module, behind: norm), change)
      #expect(abs(layer.relativeError / error - 1) < 0.01, "\(layer.module)")
      missed += error * error * change.norm * change.norm
      whole += change.norm * change.norm
    }
    #expect(abs(summary.relativeError / (missed / whole).squareRoot() - 1) < 0.01)
  }

  @Test func `layers make up for the norms that feed them`() throws {
    let scene = try Self.scene(rank: 2)
    // All that there is room for: what is missing is the rounding of the factors.
    let summary = try scene.make(rank: 12)
    for layer in summary.layers { #expect(layer.relativeError < 0.005, "\(layer.module)") }
    let norm = Self.layer + "input_layernorm.weight"
    let folded = try scene.change(Self.layer + "self_attn.q_proj.weight", behind: norm)
    let plain = try scene.change(Self.layer + "self_attn.q_proj.weight")
    #expect(AdapterScene.error(folded, plain) > 0.1, "the norm matters here")
  }

  @Test func `an update of low rank is kept whole, and of a smaller rank as well as can be`() throws
  {
    var scene = try AdapterScene()
    scene.addLayer(0)
    try scene.write(over: [Self.layer + "self_attn.o_proj.weight"], rank: 3)
    #expect(try scene.make("three", rank: 3).relativeError < 0.005)
    let summary = try scene.make("two", rank: 2)
    #expect(summary.layers.map(\.module) == [Self.layer + "self_attn.o_proj"])
    // What the best matrix of rank 2 misses is the third singular value.
    let change = try scene.change(Self.layer + "self_attn.o_proj.weight")
    let third = Self.singularValues(of: change)[2]
    #expect(abs(summary.relativeError / (third / change.norm) - 1) < 0.01)
  }

  /// By one-sided Jacobi rotations.
  private static func singularValues(of matrix: AdapterScene.Product) -> [Double] {
    var columns = (0..<matrix.columns).map { column in
      (0..<matrix.rows).map { matrix.values[$0 * matrix.columns + column] }
    }
    func dot(_ left: [Double], _ right: [Double]) -> Double {
      zip(left, right).reduce(0) { $0 + $1.0 * $1.1 }
    }
    for _ in 0..<30 {
      for first in columns.indices {
        for second in columns.indices where second > first {
          let (a, b) = (columns[first], columns[second])
          let (alpha, beta, gamma) = (dot(a, a), dot(b, b), dot(a, b))
          guard abs(gamma) > 1e-15 * (alpha * beta).squareRoot(), gamma != 0 else { continue }
          let zeta = (beta - alpha) / (2 * gamma)
          let tangent = (zeta < 0 ? -1 : 1) / (abs(zeta) + (1 + zeta * zeta).squareRoot())
          let cosine = 1 / (1 + tangent * tangent).squareRoot()
          columns[first] = zip(a, b).map { cosine * ($0 - tangent * $1) }
          columns[second] = zip(a, b).map { cosine * (tangent * $0 + $1) }
        }
      }
    }
    return columns.map { dot($0, $0).squareRoot() }.sorted(by: >)
  }

  @Test func `what no layer takes is listed with its share`() throws {
    let scene = try Self.scene(rank: 2)
    let summary = try scene.make(rank: 12)
    #expect(summary.leftOut.map(\.tensor) == ["model.norm.weight"])
    func squares(_ values: [Float]) -> Double { values.reduce(0) { $0 + Double($1) * Double($1) } }
    let whole = scene.updates.values.reduce(0) { $0 + squares($1) }
    let norm = squares(try #require(scene.updates["model.norm.weight"]))
    #expect(abs(summary.leftOutShare / (norm / whole) - 1) < 1e-5)
    let folded = scene.updates.filter { $0.key.hasSuffix("layernorm.weight") }.values
      .reduce(0) { $0 + squares($1) }
    let layers = summary.layers.reduce(0) { $0 + $1.share }
    #expect(abs(layers + summary.leftOutShare + folded / whole - 1) < 1e-5)
  }

  @Test func `a column that the norm takes away counts as error`() throws {
    var scene = try AdapterScene()
    scene.addLayer(0)
    let norm = Self.layer + "input_layernorm.weight"
    scene.set(norm, 5, to: 0)
    try scene.write(rank: 2)
    let layer = try #require(try scene.make(rank: 12).layers.first)
    #expect(layer.module == Self.layer + "self_attn.q_proj")
    let change = try scene.change(layer.module + ".weight", behind: norm)
    let lost = (0..<change.rows).map { change.values[$0 * change.columns + 5] }
      .reduce(0) { $0 + $1 * $1 }.squareRoot()
    #expect(lost > 0)
    #expect(abs(layer.relativeError / (lost / change.norm) - 1) < 0.01)
  }

  @Test func `norms of Gemma multiply by one more than their weights`() throws {
    let scene = try Self.scene(rank: 2, modelType: "gemma")
    try scene.make(rank: 12)
    let (module, norm) = (
      Self.layer + "mlp.up_proj", Self.layer + "post_attention_layernorm.weight"
    )
    let change = try scene.change(module + ".weight", behind: norm, addsOne: true)
    let product = try scene.product(module, behind: norm, addsOne: true)
    #expect(AdapterScene.error(product, change) < 0.005)
  }

  @Test func `layers of GPT-2 are stored the other way round, and norms with a bias stay behind`()
    throws
  {
    var scene = try AdapterScene()
    scene.add("h.0.ln_1.weight", [8], in: 0.5...1)
    scene.add("h.0.ln_1.bias", [8])
    scene.add("h.0.attn.c_attn.weight", [8, 24])
    scene.add("h.0.attn.c_attn.bias", [24])
    try scene.write("gpt2", rank: 2)
    let summary = try scene.make(rank: 2)
    #expect(summary.layers.map(\.module) == ["transformer.h.0.attn.c_attn"])
    #expect(
      summary.leftOut.map(\.tensor) == ["h.0.attn.c_attn.bias", "h.0.ln_1.bias", "h.0.ln_1.weight"]
        || summary.leftOut.count == 3)
    let product = try scene.product("transformer.h.0.attn.c_attn")
    #expect((product.rows, product.columns) == (24, 8))
    let change = try scene.change("h.0.attn.c_attn.weight")
    var turned = product
    for row in 0..<24 {
      for column in 0..<8 { turned.values[column * 24 + row] = product.values[row * 8 + column] }
    }
    #expect(AdapterScene.error(turned, change) < 0.005)
    let configuration = String(
      decoding: try scene.bench.bytes("adapter/adapter_config.json"), as: UTF8.self)
    #expect(configuration.contains(#""fan_in_fan_out": true"#))
  }

  @Test func `a GRADIEND whose spectrum is flat is refused unless any error is allowed`() throws {
    var scene = try AdapterScene()
    let name = Self.layer + "self_attn.o_proj.weight"
    scene.add(name, [96, 96])
    try scene.write(over: [name], rank: 1)
    // What a GRADIEND starts from: random numbers.
    var builder = GradiendBuilder([.init(name, [96, 96])])
    try builder.write(to: scene.bench.folder, as: "gradiend")
    let made = scene
    let error = try made.bench.refusal(.badInput) { () throws(PatchError) in
      try made.make(rank: 4)
    }
    #expect(error.message.hasPrefix("an adapter of rank 4 errs by 0.9"), "\(error)")
    #expect(try made.make(rank: 4, maxRelativeError: 1).relativeError > 0.9)
    #expect(try made.make("whole", rank: 96).relativeError < 0.01)
  }

  @Test func `an adapter is replaced, and nothing else that lies there`() throws {
    let made = try Self.scene(rank: 1)
    _ = try made.make()
    _ = try made.make(overwrites: true)
    try made.bench.folder.write("thesis", to: "adapter/docs/thesis.txt")
    let error = try made.bench.refusal(.cannotCreate) { () throws(PatchError) in
      try made.make(overwrites: true)
    }
    #expect(error.message.contains("'docs/thesis.txt' would be lost"), "\(error)")
  }

  @Test func `what no number of single precision holds is refused`() throws {
    var scene = try AdapterScene()
    scene.addLayer(0)
    for index in 0..<12 { scene.set(Self.layer + "input_layernorm.weight", index, to: 0x1p-126) }
    try scene.write(rank: 1)
    let made = scene
    let error = try made.bench.refusal(.badInput) { () throws(PatchError) in
      try made.make(maxRelativeError: 1, learningRate: 1e4)
    }
    #expect(error.message.contains("too large for an adapter"), "\(error)")
  }

  @Test func `the smallest rank that keeps to an error is taken`() throws {
    let scene = try Self.scene(rank: 6)
    for limit in [0.1, 0.02] {
      let summary = try scene.make("at most \(limit)", maxRelativeError: limit)
      #expect(summary.relativeError <= limit)
      let smaller = try scene.make(
        "less than for \(limit)", rank: summary.rank - 1, maxRelativeError: 1)
      #expect(smaller.relativeError > limit)
    }
    let error = try scene.bench.refusal(.badInput) { () throws(PatchError) in
      try scene.make(maxRelativeError: 0.0001)
    }
    #expect(error.message.hasPrefix("no rank up to 256 errs by 0.0001 or less"), "\(error)")
  }

  @Test func `an adapter does not depend on the number of threads`() throws {
    let scene = try Self.scene(rank: 6)
    let files = try [1, 2, 7].map { threads in
      try scene.make("adapter-\(threads)", gguf: "gguf-\(threads)", rank: 3, threads: threads)
      return try scene.bench.bytes("adapter-\(threads)/adapter_model.safetensors")
        + scene.bench.bytes("gguf-\(threads)")
    }
    #expect(Set(files).count == 1)
  }

  @Test func `other models are refused by name`() throws {
    var scene = try AdapterScene()
    scene.addLayer(0)
    try scene.write("mixtral", rank: 1)
    let made = scene
    let mixtral = try made.bench.refusal(.badInput) { () throws(PatchError) in try made.make() }
    #expect(mixtral.message.hasSuffix("; this is mixtral"))
    try scene.bench.folder.remove("base/config.json")
    let unknown = try made.bench.refusal(.badInput) { () throws(PatchError) in try made.make() }
    #expect(unknown.message.hasPrefix("there is no config.json"))
  }

  @Test func `a GRADIEND that changes no linear layer is refused`() throws {
    var scene = try AdapterScene()
    scene.addLayer(0)
    scene.add("model.norm.weight", [12])
    try scene.write(over: ["model.norm.weight"], rank: 1)
    let made = scene
    let error = try made.bench.refusal(.badInput) { () throws(PatchError) in try made.make() }
    #expect(error.message == "the GRADIEND changes no linear layer of this model")
  }
}
