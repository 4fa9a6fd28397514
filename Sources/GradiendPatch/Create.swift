internal import Checkpoints
internal import Gradiend
internal import PatchEngine
internal import PatchFormat

/// Makes the patch that adds a GRADIEND, or the sum of several, to a base.
public struct Create: PatchOperation {
  /// A GRADIEND, and how much of it is added.
  public struct Summand: Sendable {
    /// GRADIEND checkpoint folder.
    public var gradiend: String
    /// h, one value a latent; none for a part other than ``GradiendPart/decoder``, which ignores it.
    public var featureFactors: [Float]
    /// α, which multiplies the part before it is added.
    public var learningRate: Float

    /// - Parameters:
    ///   - gradiend: see ``gradiend``.
    ///   - featureFactors: see ``featureFactors``.
    ///   - learningRate: see ``learningRate``.
    public init(gradiend: String, featureFactors: [Float], learningRate: Float) {
      self.gradiend = gradiend
      self.featureFactors = featureFactors
      self.learningRate = learningRate
    }
  }

  /// The name of a patch where none is chosen.
  public static let defaultOutput = PatchFile.defaultName
  /// How many GRADIENDs one patch can add.
  public static let summandLimit = 64

  /// Checkpoint file or folder; of a split set of GGUF files, the first.
  public var base: String
  /// What is added to the weights. Several are added to each other, in this order, and their sum to the
  /// weights, which are rounded once.
  public var summands: [Summand]
  /// Where the patch goes.
  public var output: String
  /// What of each GRADIEND is added.
  public var part = GradiendPart.decoder
  /// What each tensor's update may err, RMS of the error over RMS of the update. 0 makes an exact
  /// patch; more makes a smaller one, whose result is not quite the one that was asked for.
  public var maxRelativeError = 0.0
  /// Whether `output` may exist.
  public var overwrites = false
  /// 0 for one a core.
  public var threadCount = 0

  /// Creates a patch of one GRADIEND with the default options.
  public init(
    base: String, gradiend: String, output: String = Self.defaultOutput, featureFactors: [Float],
    learningRate: Float
  ) {
    let summand = Summand(
      gradiend: gradiend, featureFactors: featureFactors, learningRate: learningRate)
    self.init(base: base, adding: [summand], output: output)
  }

  /// Creates a patch of the sum of several with the default options.
  public init(base: String, adding summands: [Summand], output: String = Self.defaultOutput) {
    self.base = base
    self.summands = summands
    self.output = output
  }

  /// Computes the update and writes the patch.
  ///
  /// - Throws: ``PatchError``; nothing then has the output's name.
  /// - Complexity: O(bytes of the base and of the GRADIENDs), in bounded memory.
  public func run(in execution: Execution) throws(PatchError) -> PatchSummary {
    guard (1...Self.summandLimit).contains(summands.count) else {
      throw PatchError(
        .usage,
        summands.isEmpty
          ? "there is no GRADIEND to add"
          : "a patch adds at most \(Self.summandLimit) GRADIENDs, not \(summands.count)",
        remedy: summands.isEmpty
          ? "name one" : "create several patches, each from the result of the one before")
    }
    let baseName = try InputName(self.base)
    let opened = try summands.map { (summand) throws(PatchError) in
      try Opened(summand, part: part.part, base: baseName)
    }
    let base = try baseName.checkpoint()
    let inputs = opened.flatMap { $0.gradiend.determiningBytes(part: part.part).map(\.file) }
    try OutputGuard([base], files: inputs).check(output)
    let sum = GradiendSum(
      try opened.map { (each) throws(PatchError) in
        do throws(PatchError) {
          return (try GradiendMatch(each.gradiend, of: base), each.output)
        } catch {
          throw opened.count > 1 ? error.adding("; the GRADIEND is \(each.gradiend.path)") : error
        }
      })
    let updates = try opened.map { (each) throws(PatchError) in
      try each.update(execution.silent)
    }
    try Self.checkDiffer(opened, updates)
    var encoder = PatchEncoder(
      base: base,
      tensors: base.tensors.map {
        ComparedTensor(base: $0, result: .computed(sum.sums(of: $0.name)))
      },
      source: .gradiend(updates, part: part.name), output: output, overwrites: overwrites)
    encoder.otherFiles = inputs
    encoder.origins = PatchMetadata.Origins(base: baseName.origin)
    encoder.maxRelativeError = maxRelativeError
    var summary = try encoder.run(execution)
    summary.notes = sum.notes + summary.notes
    if summary.changedElementCount == 0 {
      summary.notes.append("the patch changes nothing: every element stays as it is")
    }
    return summary
  }

  /// - Throws: ``PatchError`` if a GRADIEND is there twice: nobody means that, as one learning rate can
  ///   do it.
  private static func checkDiffer(
    _ opened: [Opened], _ updates: [PatchMetadata.Update]
  ) throws(PatchError) {
    var paths: [String: String] = [:]
    for (each, update) in zip(opened, updates) {
      let path = each.gradiend.path
      guard let other = paths.updateValue(path, forKey: update.gradiendDigest) else { continue }
      throw PatchError(
        .usage, path: path, "this is the same GRADIEND as \(other), under whatever name",
        remedy: "name it once; where the feature factors are the same, add the learning rates up")
    }
  }
}

/// A summand whose GRADIEND is open, and for which all numbers were given.
private struct Opened {
  let gradiend: GradiendCheckpoint
  let output: DecoderOutput
  private let origin: Provenance?

  init(_ summand: Create.Summand, part: UpdatePart, base: InputName) throws(PatchError) {
    let name = try InputName(summand.gradiend)
    gradiend = try Self.gradiend(name, base: base)
    origin = name.origin
    try Self.check(summand, part, gradiend)
    output = DecoderOutput(
      gradiend, part: part, featureFactors: summand.featureFactors,
      learningRate: summand.learningRate)
  }

  /// Opens the GRADIEND, and says so if the two inputs are the other way round.
  private static func gradiend(
    _ name: InputName, base: InputName
  ) throws(PatchError) -> GradiendCheckpoint {
    do throws(PatchError) {
      return try name.gradiend()
    } catch {
      guard (try? base.gradiend()) != nil else { throw error }
      throw PatchError(
        .badInput, path: base.name,
        "this is a GRADIEND checkpoint, in place of the base; \(name.name) is none",
        remedy: "name the base model first, and the GRADIEND after it")
    }
  }

  private static func check(
    _ summand: Create.Summand, _ part: UpdatePart, _ gradiend: GradiendCheckpoint
  ) throws(PatchError) {
    let featureFactors = summand.featureFactors
    guard summand.learningRate.isFinite, featureFactors.allSatisfy(\.isFinite) else {
      throw PatchError(.usage, "feature factors and learning rate must be finite numbers")
    }
    let latentCount = gradiend.configuration.latentCount
    switch part {
    case .decoder where featureFactors.count != latentCount:
      throw PatchError(
        .usage, path: gradiend.path,
        "the GRADIEND has \(latentCount) \(latentCount == 1 ? "latent" : "latents"), but "
          + "\(featureFactors.count) feature factor\(featureFactors.count == 1 ? " was" : "s were") "
          + "given", remedy: "give one for each latent, separated by commas")
    case let part where part != .decoder && !featureFactors.isEmpty:
      throw PatchError(
        .usage, "part '\(part.rawValue)' ignores feature factors, but some were given",
        remedy: "leave them out")
    case .decoderWeight, .encoderWeight:
      guard latentCount == 1 else {
        throw PatchError(
          .usage, path: gradiend.path,
          "part '\(part.rawValue)' needs a GRADIEND with 1 latent, this one has \(latentCount)",
          remedy: "use the part 'decoder', or 'decoder-sum'")
      }
    default: break
    }
  }

  /// What the patch says of it.
  func update(_ execution: Execution) throws(PatchError) -> PatchMetadata.Update {
    let digest = try GradiendDigest(gradiend, part: output.part, execution)
    let factors = output.part == .decoder ? output.featureFactors : []
    return PatchMetadata.Update(
      featureFactors: factors.isEmpty ? nil : factors.map { "\($0)" }.joined(separator: ","),
      learningRate: "\(output.learningRate)", gradiendDigest: "\(digest)",
      // Of several latents, nothing says which of them it is about.
      featureClasses: factors.count == 1 ? FeatureClasses(gradiend.featureClasses) : nil,
      origin: origin)
  }
}
