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

    /// A summand with the numbers that the reference package chose.
    ///
    /// - Parameters:
    ///   - gradiend: see ``gradiend``.
    ///   - choice: the summary that its `evaluate_decoder` returns, as a file of JSON
    ///     (Formats/gradiend-checkpoint.md, section 7.1).
    ///   - name: the class that it was chosen for; nil for the only one.
    /// - Throws: ``PatchError`` if the file does not tell.
    public init(gradiend: String, choice: String, class name: String? = nil) throws(PatchError) {
      let choice = try PatchError.opening { () throws(CheckpointError) in
        try DecoderChoice(path: choice, class: name)
      }
      self.init(
        gradiend: gradiend, featureFactors: choice.featureFactors,
        learningRate: choice.learningRate)
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
  /// Which part of the work to do; nil for all. What is written then is a piece beside ``output``, and
  /// ``Join`` makes the patch of the pieces of all shares.
  public var share: Share?
  /// Whether what is written may exist.
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
    let baseName = try InputName(self.base)
    let opened = try OpenedSummands(summands, part: part.part, base: baseName)
    let base = try baseName.checkpoint()
    try OutputGuard([base], files: opened.files).check(
      [output] + (share.map { [$0.piece(of: output)] } ?? []))
    let share = share.map { FileShare($0, of: base) }
    let sum = try opened.sum(of: base, in: share)
    let updates = share == nil ? try opened.updates(execution.silent) : opened.undigested
    let tensors = ComparedTensor.all(of: base, in: share) { .computed(sum.sums(of: $0.name)) }
    var encoder = PatchEncoder(
      base: base, tensors: tensors,
      source: .gradiend(updates, part: part.name), output: output, overwrites: overwrites)
    encoder.otherFiles = opened.files
    encoder.origins = PatchMetadata.Origins(base: baseName.origin)
    encoder.maxRelativeError = maxRelativeError
    guard let share else {
      var summary = try encoder.run(execution)
      summary.notes = sum.notes + summary.notes
      return summary
    }
    encoder.share = share
    return try encoder.writePiece(
      of: share, programVersion: Version.current,
      gradiends: try opened.readings(
        of: share.share, tensors.map(\.base.name), in: sum, execution.silent),
      notes: sum.notes, execution)
  }
}
