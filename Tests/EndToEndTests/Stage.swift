import TestSupport
import Testing

/// A folder with a small base, its result, the patch between them, and a GRADIEND.
struct Stage {
  let folder: TemporaryDirectory
  var program: Program

  static let base: [Float] = [0, 0.25, -0.5, 1, 2, -4, 8, 16]

  static let norm: [Float] = [1, 1, 1]
  static let ids = [UInt8](repeating: 7, count: 16)

  init() throws {
    folder = try TemporaryDirectory()
    program = Program(folder: folder.path)
    try folder.write(Self.model(Self.base), to: "base.safetensors")
    try folder.write(Self.model(Self.base.map { $0 * 2 }), to: "result.safetensors")
    for name in ["base", "result"] {
      try folder.write(folder.bytes(of: name + ".safetensors"), to: name + "/model.safetensors")
      try folder.write("{}", to: name + "/config.json")
      try folder.write("tokens", to: name + "/tokenizer.json")
    }
    var builder = GradiendBuilder([.init("up.weight", [2, 4])])
    try builder.write(to: folder, as: "gradiend")
    let made = try run("diff", "base.safetensors", "result.safetensors", "-o", "patch")
    try #require(made.status == 0, "\(made.error)")
  }

  /// Writes a model with one linear layer of Llama as `llama`, and a GRADIEND for it and for a bias, which
  /// no layer takes.
  func writeLlama() throws {
    var builder = SafetensorsBuilder()
    let layer = "model.layers.0.self_attn.o_proj."
    builder.add(layer + "weight", shape: [2, 4], floats: Self.base)
    builder.add(layer + "bias", shape: [2], floats: [1, 2])
    try folder.write(builder.bytes, to: "llama/model.safetensors")
    try folder.write(#"{"model_type":"llama"}"#, to: "llama/config.json")
    var gradiend = GradiendBuilder([.init(layer + "weight", [2, 4]), .init(layer + "bias", [2])])
    gradiend.hasBias = false
    gradiend.decoderWeight = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
    try gradiend.write(to: folder, as: "llama-gradiend")
  }

  func run(_ arguments: String...) throws -> Program.Outcome { try program.run(arguments) }

  /// The SHA-256 of a file, by the system's own tool.
  func sha256(of name: String) throws -> String {
    let tool = Program(folder: folder.path, executable: "sha256sum")
    return String(try tool.run(name).output.prefix(64))
  }

  /// Three tensors, of which `up.weight` has these values.
  static func model(_ values: [Float]) -> [UInt8] {
    var builder = SafetensorsBuilder()
    builder.add("up.weight", shape: [2, 4], floats: values)
    builder.add("norm.weight", shape: [3], floats: norm)
    builder.add("ids", "I64", [2], ids)
    return builder.bytes
  }
}

extension String {
  /// With sizes and shares replaced by `#`, as they depend on how well a patch is coded.
  var withoutSizes: String {
    replacing(#/[0-9.]+ (B|kB|MB)\b/#, with: "# B").replacing(#/[0-9.]+ %/#, with: "# %")
  }
}
