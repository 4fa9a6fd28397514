internal import ByteIO
internal import Checkpoints
internal import PatchEngine
internal import PatchFormat

/// Makes the patch that turns one finished checkpoint into another.
public struct Diff: PatchOperation {
  /// Checkpoint file or folder; of a split set of GGUF files, the first.
  public var base: String
  /// Checkpoint file or folder with the same tensors.
  public var result: String
  /// Where the patch goes.
  public var output: String
  /// What each tensor's update may err, RMS of the error over RMS of the update. 0 makes an exact
  /// patch; more makes a smaller one, whose result is not quite the one that was asked for.
  public var maxRelativeError = 0.0
  /// Whether to leave out what the files of the result differ in besides the bytes of tensors.
  public var valuesOnly = false
  /// Whether the patch says what SHA-256 the files have, which takes about a quarter of the time. Without, the
  /// digests of tensors guard base and result all the same, but nobody can tell whether other files with
  /// these tensors are the publisher's.
  public var hashesFiles = true
  /// Which part of the work to do; nil for all. What is written then is a piece beside ``output``, and
  /// ``Join`` makes the patch of the pieces of all shares.
  public var share: Share?
  /// Whether what is written may exist.
  public var overwrites = false
  /// 0 for one a core.
  public var threadCount = 0

  /// Compares two checkpoints with the default options.
  public init(base: String, result: String, output: String) {
    self.base = base
    self.result = result
    self.output = output
  }

  /// Compares the checkpoints and writes the patch.
  ///
  /// Tensors are matched by name, wherever in the files they lie.
  ///
  /// - Throws: ``PatchError``; nothing then has the output's name.
  /// - Complexity: O(bytes of the base), in bounded memory.
  public func run(in execution: Execution) throws(PatchError) -> PatchSummary {
    let (baseName, resultName) = (try InputName(self.base), try InputName(self.result))
    guard hashesFiles || share == nil else {
      throw PatchError(
        .usage, "pieces of a patch say what SHA-256 the files have",
        remedy: "hash them, or make the patch in one process")
    }
    let (baseFiles, resultFiles) = (try baseName.checkpoint(), try resultName.checkpoint())
    try OutputGuard([baseFiles, resultFiles]).check(
      [output] + (share.map { [$0.piece(of: output)] } ?? []))
    let differs = !baseFiles.hasSameLayout(as: resultFiles)
    let carriesLayouts =
      differs && !valuesOnly && maxRelativeError == 0 && baseFiles.hasSameFiles(as: resultFiles)
    let carried = carriesLayouts ? CarriedTensors.names(baseFiles, resultFiles) : []
    let base = baseFiles.settingAside(carried)
    let result = resultFiles.settingAside(carried)
    let share = share.map { FileShare($0, of: base) }
    let tensors = try ComparedTensor.pairs(base, result, in: share)
    var encoder = PatchEncoder(
      base: base, tensors: tensors, source: .diff, output: output, overwrites: overwrites)
    encoder.otherInputs = [result]
    encoder.share = share
    encoder.hashesFiles = hashesFiles
    if carriesLayouts {
      let numbers = share?.fileNumbers
      // Files of another layout are hashed as they are.
      encoder.resultLayout = (
        CheckpointLayout(result),
        { _ in FileHasher.digests(result.files.map(\.mapped), named: base, only: numbers) }
      )
    }
    encoder.origins = PatchMetadata.Origins(base: baseName.origin, result: resultName.origin)
    encoder.maxRelativeError = maxRelativeError
    var notes: [String] = []
    if differs, !carriesLayouts {
      notes.append(
        "the files of the result have other headers or other names than those of the base; "
          + "applying the patch gives the result's values in the base's files")
    }
    if let first = base.setAside.first {
      let others = base.setAside.count - 1
      notes.append(
        "tensor '\(first.name)' "
          + (others == 0
            ? "has another type or shape in the result and is"
            : "and \(others) more have other types or shapes in the result and are")
          + " carried whole; the patch fits these files only, with their headers")
    }
    guard let share else {
      var summary = try encoder.run(execution)
      summary.notes += notes
      return summary
    }
    return try encoder.writePiece(
      of: share, programVersion: Version.current, notes: notes, execution)
  }
}
