internal import Checkpoints
internal import Gradiend
internal import PatchEngine
internal import PatchFormat

/// Makes the patch that adds a GRADIEND to a base.
public struct Create: PatchOperation {
  /// The name of a patch where none is chosen.
  public static let defaultOutput = PatchFile.defaultName

  /// Checkpoint file or folder; of a split set of GGUF files, the first.
  public var base: String
  /// GRADIEND checkpoint folder.
  public var gradiend: String
  /// Where the patch goes.
  public var output: String
  /// h, one value a latent; none for a part other than ``GradiendPart/decoder``, which ignores it.
  public var featureFactors: [Float]
  /// α, which multiplies the part before it is added.
  public var learningRate: Float
  /// What is added to the weights.
  public var part = GradiendPart.decoder
  /// What each tensor's update may err, RMS of the error over RMS of the update. 0 makes an exact
  /// patch; more makes a smaller one, whose result is not quite the one that was asked for.
  public var maxRelativeError = 0.0
  /// Whether `output` may exist.
  public var overwrites = false
  /// 0 for one a core.
  public var threadCount = 0

  /// Creates a patch with the default options.
  public init(
    base: String, gradiend: String, output: String = Self.defaultOutput, featureFactors: [Float],
    learningRate: Float
  ) {
    self.base = base
    self.gradiend = gradiend
    self.output = output
    self.featureFactors = featureFactors
    self.learningRate = learningRate
  }

  /// Computes the update and writes the patch.
  ///
  /// - Throws: ``PatchError``; nothing then has the output's name.
  /// - Complexity: O(bytes of the base and of the GRADIEND), in bounded memory.
  public func run(in execution: Execution) throws(PatchError) -> PatchSummary {
    let (baseName, gradiendName) = (try InputName(self.base), try InputName(self.gradiend))
    let gradiend = try Self.gradiend(gradiendName, base: baseName)
    let base = try baseName.checkpoint()
    try checkArguments(gradiend)
    let inputs = gradiend.determiningBytes(part: part.part).map(\.file)
    try OutputGuard([base], files: inputs).check(output)
    let decoderOutput = DecoderOutput(
      gradiend, part: part.part, featureFactors: featureFactors, learningRate: learningRate)
    let match = try GradiendMatch(gradiend, of: base)
    var encoder = PatchEncoder(
      base: base,
      tensors: base.tensors.map {
        ComparedTensor(base: $0, result: .computed(match.updates[$0.name] ?? [], decoderOutput))
      },
      source: .gradiend(try source(gradiend, execution)), output: output, overwrites: overwrites)
    encoder.otherFiles = inputs
    encoder.origins = PatchMetadata.Origins(
      base: baseName.origin, gradiend: gradiendName.origin)
    encoder.maxRelativeError = maxRelativeError
    var summary = try encoder.run(execution)
    summary.notes = match.notes + summary.notes
    if summary.changedElementCount == 0 {
      summary.notes.append("the patch changes nothing: every element stays as it is")
    }
    return summary
  }

  /// Opens the GRADIEND, and says so if the two inputs are the other way round.
  static func gradiend(
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

  func checkArguments(_ gradiend: GradiendCheckpoint) throws(PatchError) {
    guard learningRate.isFinite, featureFactors.allSatisfy(\.isFinite) else {
      throw PatchError(.usage, "feature factors and learning rate must be finite numbers")
    }
    let latentCount = gradiend.configuration.latentCount
    switch part.part {
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
          "part '\(part.name)' needs a GRADIEND with 1 latent, this one has \(latentCount)",
          remedy: "use the part 'decoder', or 'decoder-sum'")
      }
    default: break
    }
  }

  func source(
    _ gradiend: GradiendCheckpoint, _ execution: Execution
  ) throws(PatchError) -> PatchMetadata.Update {
    let digest = try GradiendDigest(gradiend, part: part.part, execution.silent)
    return PatchMetadata.Update(
      featureFactors: part == .decoder
        ? featureFactors.map { "\($0)" }.joined(separator: ",") : nil,
      learningRate: "\(learningRate)", part: part.name, gradiendDigest: "\(digest)",
      // Of several latents, nothing says which of them it is about.
      featureClasses: part == .decoder && featureFactors.count == 1
        ? FeatureClasses(gradiend.featureClasses) : nil)
  }
}
