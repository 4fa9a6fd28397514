public import Adapter
internal import Checkpoints
internal import PatchEngine
internal import PatchFormat
internal import Publishing

/// Makes a LoRA adapter of what a GRADIEND, or several, add to a base, before it is rounded
/// (Formats/adapter.md).
public struct MakeAdapter: PatchOperation {
  /// The ranks that factors can have.
  public static let ranks = AdapterMaking.ranks

  /// Checkpoint file or folder.
  public var base: String
  /// What is added to the weights.
  public var summands: [Create.Summand]
  /// The folder to make.
  public var output: String
  /// The GGUF adapter to make, if any; it may lie in the folder, if its name ends in `.gguf`.
  public var ggufOutput: String?
  /// What of each GRADIEND is added.
  public var part = GradiendPart.decoder
  /// The rank of each layer's factors. Nil for the smallest that keeps to ``maxRelativeError``, or 8 if
  /// that is nil, too.
  public var rank: Int?
  /// What the adapter may err, the Frobenius norm of the error over that of the update; nil for 0.8.
  public var maxRelativeError: Double?
  /// Whether norms and embeddings are brought whole, exact to single precision, in place of folding what
  /// can be folded and leaving out the rest. PEFT alone loads such an adapter.
  public var savesModules = false
  /// Whether outputs may exist.
  public var overwrites = false
  /// 0 for one a core.
  public var threadCount = 0

  /// Makes an adapter of one GRADIEND with the default options.
  public init(
    base: String, gradiend: String, output: String, featureFactors: [Float], learningRate: Float
  ) {
    let summand = Create.Summand(
      gradiend: gradiend, featureFactors: featureFactors, learningRate: learningRate)
    self.init(base: base, adding: [summand], output: output)
  }

  /// Makes an adapter of the sum of several with the default options.
  public init(base: String, adding summands: [Create.Summand], output: String) {
    self.base = base
    self.summands = summands
    self.output = output
  }

  /// Decomposes the update and writes the adapter.
  ///
  /// - Throws: ``PatchError`` if no adapter can be made of the base, or one that errs by no more than is
  ///   allowed; nothing then has an output's name.
  /// - Complexity: O(elements of the update · rank), with the largest matrix of a layer in memory.
  public func run(in execution: Execution) throws(PatchError) -> AdapterSummary {
    let baseName = try InputName(self.base)
    let opened = try OpenedSummands(summands, part: part.part, base: baseName)
    let base = try baseName.checkpoint()
    let outputs =
      [output]
      + [ggufOutput].compactMap { $0 }.filter {
        AdapterOutputs.name(of: $0, in: output) == nil
      }
    try OutputGuard([base], files: opened.files).check(outputs)
    let sum = try opened.sum(of: base)
    var making = try AdapterMaking(base: base, sum, savesModules: savesModules) {
      [output] (adapter) throws(PatchError) in
      try ModelCard.text(of: adapter, at: output)
    }
    let updates = try opened.updates(execution.silent)
    making.origin = PatchMetadata.entries(of: updates, part: part.name)
    if let origin = baseName.origin {
      making.origin += PatchMetadata.entries(of: [origin], "base")
      making.baseName = ("\(origin.repository)", "\(origin.commit)")
    }
    making.rank = rank
    making.maxRelativeError = maxRelativeError
    making.otherFiles = opened.files
    var summary = try making.run(
      path: output, ggufPath: ggufOutput, overwrites: overwrites, execution)
    summary.notes = sum.notes + summary.notes
    return summary
  }
}
