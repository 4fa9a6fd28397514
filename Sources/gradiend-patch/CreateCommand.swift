import CommandGrammar
import GradiendPatch

/// `gradiend-patch create`: a patch from a base and GRADIEND checkpoints.
struct CreateCommand: Command {
  var base = ""
  var gradiends: [String] = []
  var output = Create.defaultOutput
  /// For each GRADIEND, one value for each latent.
  var featureFactors: [[Float]] = []
  var learningRates: [Float] = []
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
  static let summary = "Make the patch that adds GRADIENDs to a base model."
  static let discussion = """
    Computes learning rate times decoder output, adds it to the weights that a GRADIEND covers as \
    the reference package does, and writes what changes. The result itself is not written; \
    'gradiend-patch apply' makes it.

    Several GRADIENDs have a '--feature-factor' and a '--learning-rate' each, in the same order. What \
    they add is summed up and rounded once; patches that are made and applied one after the other \
    round after each.
    """
  static let exitStatuses = ExitStatus.writing.filter { $0.code != "1" }
  static let examples = [
    CommandExample(
      "gradiend-patch create Llama-3.2-3B gradiend-gender -o gradiend_patch.safetensors "
        + "--feature-factor 0 --learning-rate 0.01", "a patch of a debiased model"),
    CommandExample(
      "gradiend-patch create Llama-3.2-3B gradiend-gender gradiend-religion --feature-factor 0 "
        + "--learning-rate 0.01 --feature-factor 1 --learning-rate 0.005", "two features at once"),
  ]

  static var grammar: [Argument<Self>] {
    [
      .operand(\.base, "BASE", help: "base model: safetensors, float GGUF, or name on the Hub"),
      .operands(
        \.gradiends, "GRADIEND",
        help: "GRADIEND checkpoint: folder with config.json, or name on the Hub"),
      .options(
        \.featureFactors, "--feature-factor", value: "H[,H...]",
        help:
          "feature factor h, one for each latent, once for each GRADIEND; for part decoder, and "
          + "only for that"),
      .options(
        \.learningRates, "--learning-rate", value: "A",
        help: "learning rate, which multiplies the decoder output, once for each GRADIEND",
        isRequired: true),
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
    guard (part == .decoder) != featureFactors.isEmpty else {
      throw UsageError(
        part == .decoder
          ? "option '--feature-factor' is missing"
          : "part '\(part.rawValue)' ignores '--feature-factor': leave it out")
    }
    for (name, count) in [
      ("--feature-factor", part == .decoder ? featureFactors.count : gradiends.count),
      ("--learning-rate", learningRates.count),
    ] where count != gradiends.count {
      throw UsageError(
        "option '\(name)' is needed once for each GRADIEND, in their order; GRADIENDs named: "
          + "\(gradiends.count), times given: \(count)")
    }
    guard featureFactors.joined().allSatisfy(\.isFinite) else {
      throw UsageError("H of '--feature-factor' must be finite")
    }
    guard learningRates.allSatisfy(\.isFinite) else {
      throw UsageError("A of '--learning-rate' must be finite")
    }
  }

  func run() throws(PatchError) -> ExitStatus {
    let summands = gradiends.indices.map { index in
      Create.Summand(
        gradiend: gradiends[index],
        featureFactors: featureFactors.isEmpty ? [] : featureFactors[index],
        learningRate: learningRates[index])
    }
    var creation = Create(base: base, adding: summands, output: output)
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
