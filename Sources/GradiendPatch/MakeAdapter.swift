public import Adapter
internal import Checkpoints
internal import Gradiend
internal import PatchEngine
internal import PatchFormat

/// Makes a LoRA adapter of what a GRADIEND adds to a base, before it is rounded (Formats/adapter.md).
public struct MakeAdapter: PatchOperation {
  /// The ranks that factors can have.
  public static let ranks = AdapterMaking.ranks

  /// Checkpoint file or folder.
  public var base: String
  /// GRADIEND checkpoint folder.
  public var gradiend: String
  /// The folder to make.
  public var output: String
  /// The GGUF adapter to make, if any.
  public var ggufOutput: String?
  /// h, one value a latent; none for a part other than ``GradiendPart/decoder``, which ignores it.
  public var featureFactors: [Float]
  /// α, which multiplies the part.
  public var learningRate: Float
  /// What is added to the weights.
  public var part = GradiendPart.decoder
  /// The rank of each layer's factors. Nil for the smallest that keeps to ``maxRelativeError``, or 8 if
  /// that is nil, too.
  public var rank: Int?
  /// What the adapter may err, the Frobenius norm of the error over that of the update; nil for 0.8.
  public var maxRelativeError: Double?
  /// Whether outputs may exist.
  public var overwrites = false
  /// 0 for one a core.
  public var threadCount = 0

  /// Makes an adapter with the default options.
  public init(
    base: String, gradiend: String, output: String, featureFactors: [Float], learningRate: Float
  ) {
    self.base = base
    self.gradiend = gradiend
    self.output = output
    self.featureFactors = featureFactors
    self.learningRate = learningRate
  }

  /// Decomposes the update and writes the adapter.
  ///
  /// - Throws: ``PatchError`` if no adapter can be made of the base, or one that errs by no more than is
  ///   allowed; nothing then has an output's name.
  /// - Complexity: O(elements of the update · rank), with the largest matrix of a layer in memory.
  public func run(in execution: Execution) throws(PatchError) -> AdapterSummary {
    let (baseName, gradiendName) = (try InputName(self.base), try InputName(self.gradiend))
    var creation = Create(
      base: self.base, gradiend: self.gradiend, featureFactors: featureFactors,
      learningRate: learningRate)
    creation.part = part
    let gradiend = try Create.gradiend(gradiendName, base: baseName)
    let base = try baseName.checkpoint()
    try creation.checkArguments(gradiend)
    let inputs = gradiend.determiningBytes(part: part.part).map(\.file)
    try OutputGuard([base], files: inputs).check([output, ggufOutput].compactMap { $0 })
    let update = DecoderOutput(
      gradiend, part: part.part, featureFactors: featureFactors, learningRate: learningRate)
    let match = try GradiendMatch(gradiend, of: base)
    var making = try AdapterMaking(base: base, match, update)
    let origins = PatchMetadata.Origins(base: baseName.origin, gradiend: gradiendName.origin)
    making.origin =
      [.init("gradiend_patch_adapter", "1")] + (try creation.source(gradiend, execution)).entries
      + origins.entries
    making.baseName = baseName.origin.map { ("\($0.repository)", "\($0.commit)") }
    making.rank = rank
    making.maxRelativeError = maxRelativeError
    making.otherFiles = inputs
    var summary = try making.run(
      path: output, ggufPath: ggufOutput, overwrites: overwrites, execution)
    summary.notes = match.notes + summary.notes
    return summary
  }
}
