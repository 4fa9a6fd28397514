import CommandGrammar
import GradiendPatch

/// `gradiend-patch create`: a patch from a base and a GRADIEND checkpoint.
struct CreateCommand: Command {
  var base = ""
  var gradiend = ""
  var output = Create.defaultOutput
  var featureFactors: [Float] = []
  var learningRate: Float = 0
  var part = Part.decoder
  var maxRelativeError: Float = 0
  var overwrites = false
  var common = CommonOptions()

  /// The parts of a GRADIEND, as they are typed.
  enum Part: String, CaseIterable, ArgumentValue {
    case decoder
    case decoderWeight = "decoder-weight"
    case decoderBias = "decoder-bias"
    case decoderSum = "decoder-sum"
    case encoderWeight = "encoder-weight"

    var updated: GradiendPart {
      switch self {
      case .decoder: .decoder
      case .decoderWeight: .decoderWeight
      case .decoderBias: .decoderBias
      case .decoderSum: .decoderSum
      case .encoderWeight: .encoderWeight
      }
    }
  }

  static let name = "create"
  static let summary = "Make the patch that adds a GRADIEND to a base model."
  static let discussion = """
    Computes learning rate times decoder output, adds it to the weights that the GRADIEND covers as \
    the reference package does, and writes what changes. The result itself is not written; \
    'gradiend-patch apply' makes it.
    """
  static let exitStatuses = ExitStatus.writing.filter { $0.code != "1" }
  static let examples = [
    CommandExample(
      "gradiend-patch create Llama-3.2-3B gradiend-gender -o gradiend_patch.safetensors "
        + "--feature-factor 0 --learning-rate 0.01", "a patch of a debiased model")
  ]

  static var grammar: [Argument<Self>] {
    [
      .operand(\.base, "BASE", help: "base model: safetensors, float GGUF, or name on the Hub"),
      .operand(
        \.gradiend, "GRADIEND",
        help: "GRADIEND checkpoint: folder with config.json, or name on the Hub"),
      .option(
        \.featureFactors, "--feature-factor", value: "H[,H...]",
        help: "feature factor h, one for each latent; for part decoder, and only for that"),
      .option(
        \.learningRate, "--learning-rate", value: "A",
        help: "learning rate, which multiplies the decoder output", isRequired: true),
      .option(\.output, "-o", "--output", value: "PATCH", help: "where the patch goes"),
      .option(\.part, "--part", value: "PART", help: "what is added to the weights"),
      .option(
        \.maxRelativeError, "--max-relative-error", value: "E",
        help: "make a smaller patch whose update errs by E of its RMS in each tensor; 0 is exact"),
      .flag(\.overwrites, "-f", "--force", help: "replace PATCH if it exists"),
    ] + Argument.common
  }

  mutating func validate() throws(UsageError) {
    try checkThreadCount()
    try check(maxRelativeError: maxRelativeError)
    try check(featureFactors, learningRate, part)
  }

  func run() throws(PatchError) -> ExitStatus {
    var creation = Create(
      base: base, gradiend: gradiend, output: output, featureFactors: featureFactors,
      learningRate: learningRate)
    creation.part = part.updated
    creation.maxRelativeError = Double(maxRelativeError)
    creation.overwrites = overwrites
    creation.threadCount = common.threadCount
    let line = progress("creating")
    defer { line?.finish() }
    let summary = try creation.run(progress: line?.handler)
    line?.finish()
    writeNotes(summary.notes)
    printResult(json: summary.json, text: summary.text)
    return .done
  }
}
