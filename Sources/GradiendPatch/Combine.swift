internal import Checkpoints
internal import DeltaCoding
internal import PatchEngine
internal import PatchFormat

/// Makes one patch of several that follow each other: from the base of the first to the result of the
/// last, as ``Diff`` makes it of these two.
public struct Combine: PatchOperation {
  /// The base of the first patch: checkpoint file or folder; of a split set of GGUF files, the first.
  public var base: String
  /// The patch files, in the order in which they are applied: each is for the result of the one before.
  public var patches: [String]
  /// Where the patch goes.
  public var output: String
  /// Whether to leave out what the files of the result differ in besides the bytes of tensors.
  public var valuesOnly = false
  /// Whether `output` may exist.
  public var overwrites = false
  /// 0 for one a core.
  public var threadCount = 0

  /// Combines patches with the default options.
  public init(base: String, patches: [String], output: String) {
    self.base = base
    self.patches = patches
    self.output = output
  }

  /// Applies the patches in memory, chunk by chunk, and writes the patch.
  ///
  /// - Throws: ``PatchError``; nothing then has the output's name.
  /// - Complexity: O(bytes of the base), in bounded memory; twice that if the files of the result have
  ///   another layout.
  public func run(in execution: Execution) throws(PatchError) -> PatchSummary {
    guard patches.count != 1 else {
      throw PatchError(
        .usage, path: patches[0], "there is only this patch, and nothing to combine it with",
        remedy: "name the patches that follow it")
    }
    let baseName = try InputName(self.base)
    let patches = try InputName.patches(self.patches)
    for patch in patches.patches {
      guard let carried = patch.layouts?.carried.first else { continue }
      throw PatchError(
        .usage, path: patch.path, tensor: carried,
        "the patch carries tensor '\(carried)' whole, and such patches cannot be combined",
        remedy: "make the patch from the base and the last result with diff")
    }
    let base = try baseName.checkpoint()
    try OutputGuard([base], files: patches.patches.map(\.file)).check(output)
    let run = try PatchRun(patches, base, .apply)
    guard run.match.isDirect else {
      throw PatchError(
        .badInput, path: base.path,
        "these files hold the values in another form than the patches are made for",
        remedy: "combine the patches on the base that the first was made from")
    }
    var encoder = PatchEncoder(
      base: base,
      tensors: run.match.tensors.map {
        ComparedTensor(base: $0.stored[0], result: .patched(run), keptRows: $0.keptRows)
      },
      source: .diff, output: output, overwrites: overwrites)
    encoder.patchRun = run
    encoder.origins = PatchMetadata.Origins(base: baseName.origin)
    let (layout, notes) = try run.layout(of: base, valuesOnly: valuesOnly)
    if layout.encoded != CheckpointLayout(base).encoded {
      encoder.resultLayout = (
        layout,
        { (execution) throws(PatchError) in
          try run.sorted(as: layout).fileDigests(layout, names: base.files.map(\.name), execution)
        }
      )
    }
    var summary = try encoder.run(execution)
    summary.notes += notes
    return summary
  }
}
