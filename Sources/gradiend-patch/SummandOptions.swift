import CommandGrammar
import GradiendPatch

/// GRADIENDs, and how much of each is added to a base, for `create` and `adapter`.
struct SummandOptions: Sendable {
  var gradiends: [String] = []
  /// For each GRADIEND, one value for each latent.
  var featureFactors: [[Float]] = []
  var learningRates: [Float] = []
  /// In place of both, files with what was chosen, and for which class.
  var decoders: [String] = []
  var classes: [String] = []
  var part = Part.decoder

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

  /// - Throws: ``UsageError`` for numbers that are missing, or too many.
  func validate() throws(UsageError) {
    if decoders.isEmpty { try checkNumbers() } else { try checkDecoders() }
    guard featureFactors.joined().allSatisfy(\.isFinite) else {
      throw UsageError("H of '--feature-factor' must be finite")
    }
    guard learningRates.allSatisfy(\.isFinite) else {
      throw UsageError("A of '--learning-rate' must be finite")
    }
  }

  private func checkNumbers() throws(UsageError) {
    guard classes.isEmpty else {
      throw UsageError(
        "option '--feature-class' says which choice of '--decoder' is meant, which is missing")
    }
    guard (part == .decoder) != featureFactors.isEmpty else {
      throw UsageError(
        part == .decoder
          ? "option '--feature-factor' is missing"
          : "part '\(part.rawValue)' ignores '--feature-factor': leave it out")
    }
    guard !learningRates.isEmpty else { throw UsageError("option '--learning-rate' is missing") }
    try checkCounts([
      ("--feature-factor", part == .decoder ? featureFactors.count : gradiends.count),
      ("--learning-rate", learningRates.count),
    ])
  }

  private func checkDecoders() throws(UsageError) {
    guard featureFactors.isEmpty, learningRates.isEmpty, part == .decoder else {
      throw UsageError(
        "option '--decoder' gives feature factor and learning rate for part decoder: leave out "
          + "'--feature-factor', '--learning-rate' and '--part'")
    }
    try checkCounts([
      ("--decoder", decoders.count),
      ("--feature-class", classes.isEmpty ? gradiends.count : classes.count),
    ])
  }

  private func checkCounts(_ counts: [(name: String, count: Int)]) throws(UsageError) {
    for (name, count) in counts where count != gradiends.count {
      throw UsageError(
        "option '\(name)' is needed once for each GRADIEND, in their order; GRADIENDs named: "
          + "\(gradiends.count), times given: \(count)")
    }
  }

  /// - Throws: ``PatchError`` if a file of `--decoder` does not tell.
  func summands() throws(PatchError) -> [Create.Summand] {
    try gradiends.indices.map { (index) throws(PatchError) in
      guard decoders.isEmpty else {
        return try Create.Summand(
          gradiend: gradiends[index], choice: decoders[index],
          class: classes.isEmpty ? nil : classes[index])
      }
      return Create.Summand(
        gradiend: gradiends[index],
        featureFactors: featureFactors.isEmpty ? [] : featureFactors[index],
        learningRate: learningRates[index])
    }
  }
}

/// A command that adds GRADIENDs to a base.
protocol AddingCommand: Command {
  var adding: SummandOptions { get set }
}

extension Argument where Command: AddingCommand {
  /// The rows of ``SummandOptions``.
  static var adding: [Self] {
    [
      .operands(
        \.adding.gradiends, "GRADIEND",
        help: "GRADIEND checkpoint: folder with config.json, or name on the Hub"),
      .options(
        \.adding.featureFactors, "--feature-factor", value: "H[,H...]",
        help:
          "feature factor h, one for each latent, once for each GRADIEND; for part decoder, and "
          + "only for that"),
      .options(
        \.adding.learningRates, "--learning-rate", value: "A",
        help: "learning rate, which multiplies the decoder output, once for each GRADIEND"),
      .options(
        \.adding.decoders, "--decoder", value: "FILE",
        help:
          "take both from the summary that evaluate_decoder of the reference package returned, as "
          + "JSON, once for each GRADIEND"),
      .options(
        \.adding.classes, "--feature-class", value: "NAME",
        help: "the class whose choice --decoder means, if it has several, once for each GRADIEND"),
      .option(\.adding.part, "--part", value: "PART", help: "what is added to the weights"),
    ]
  }
}
