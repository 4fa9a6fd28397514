import CommandGrammar
import GradiendPatch

/// GRADIENDs, and how much of each is added to a base, for `create` and `adapter`.
struct SummandOptions: Sendable {
  var gradiends: [String] = []
  /// For each GRADIEND, one value for each latent.
  var featureFactors: [[Float]] = []
  var learningRates: [Float] = []
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

  var summands: [Create.Summand] {
    gradiends.indices.map { index in
      Create.Summand(
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
        help: "learning rate, which multiplies the decoder output, once for each GRADIEND",
        isRequired: true),
      .option(\.adding.part, "--part", value: "PART", help: "what is added to the weights"),
    ]
  }
}
