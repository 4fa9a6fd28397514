import CommandGrammar

/// `gradiend-patch-bench synthesise`: a large model to measure with.
struct SynthesiseCommand: BenchCommand {
  var shape = Shape.llama3B
  var layers: Int?
  var seed = 1
  var output = ""

  /// The shapes, as they are typed.
  enum Shape: String, CaseIterable, ArgumentValue {
    case llama3B = "llama-3.2-3b"
    case tiny

    var model: ModelShape {
      switch self {
      case .llama3B: .llama3B
      case .tiny: .tiny
      }
    }
  }

  static let name = "synthesise"
  static let summary = "Write a model with seeded weights and a dense GRADIEND for it."
  static let discussion = """
    FOLDER/base has the tensors of Llama-3.2-3B in bf16, in two shards: 6.4 GB. FOLDER/gradiend \
    covers all of them: 12.9 GB, and the encoder's weights, which are zeros and take no space. The \
    same seed gives the same bytes.
    """
  static let examples = [
    CommandExample("gradiend-patch-bench synthesise -o large", "a large model, in a new folder")
  ]

  static var grammar: [Argument<Self>] {
    [
      .option(\.shape, "--shape", value: "SHAPE", help: "the model's sizes"),
      .option(
        \.layers, "--layers", value: "N", help: "how many layers, for less than the whole model"),
      .option(\.seed, "--seed", value: "N", help: "what the numbers depend on"),
      .option(
        \.output, "-o", "--output", value: "FOLDER", help: "where both go", isRequired: true),
    ]
  }

  func run() throws {
    var model = shape.model
    if let layers { model.layerCount = max(layers, 0) }
    var shown = ""
    try Synthesis(shape: model, seed: UInt64(bitPattern: Int64(seed)))
      .write(to: output) { part, done, count in
        let line = "\(part): \(done * 10 / count * 10) %"
        if line != shown { Bench.note(line) }
        shown = line
      }
    print("\(output)/base and \(output)/gradiend: \(model.elementCount) parameters")
  }
}
