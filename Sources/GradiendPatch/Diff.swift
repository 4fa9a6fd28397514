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
  /// Whether `output` may exist.
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
    let base = try baseName.checkpoint()
    let result = try resultName.checkpoint()
    try OutputGuard([base, result]).check(output)
    let tensors = try match(base, result)
    let differs = !base.hasSameLayout(as: result)
    let carriesLayouts =
      differs && !valuesOnly && maxRelativeError == 0 && base.hasSameFiles(as: result)
    var encoder = PatchEncoder(
      base: base, tensors: tensors, source: .diff, output: output, overwrites: overwrites)
    encoder.otherInputs = [result]
    if carriesLayouts {
      // Files of another layout are hashed as they are.
      encoder.resultLayout = (
        CheckpointLayout(result),
        { _ in FileHasher.digests(result.files.map(\.mapped), named: base) }
      )
    }
    encoder.origins = PatchMetadata.Origins(base: baseName.origin, result: resultName.origin)
    encoder.maxRelativeError = maxRelativeError
    var summary = try encoder.run(execution)
    if summary.changedElementCount == 0 {
      summary.notes.append("the patch changes nothing: both checkpoints hold the same values")
    }
    if differs, !carriesLayouts {
      summary.notes.append(
        "the files of the result have other headers or other names than those of the base; "
          + "applying the patch gives the result's values in the base's files")
    }
    return summary
  }

  /// The base's tensors and the result's of the same names.
  private func match(
    _ base: Checkpoint, _ result: Checkpoint
  ) throws(PatchError) -> [ComparedTensor] {
    guard !base.tensors.isEmpty else {
      throw PatchError(.badInput, path: base.path, "there are no tensors, so nothing can change")
    }
    guard base.isGGUF == result.isGGUF else {
      throw PatchError(
        .badInput, path: result.path,
        "one of the two is GGUF and the other safetensors; tensors of the two have other names",
        remedy: "compare two files of one kind")
    }
    if let extra = result.tensors.first(where: { base[$0.name] == nil }) {
      throw PatchError(
        .badInput, path: result.path, tensor: extra.name,
        "tensor '\(extra.name)' is not in the base, \(base.path)")
    }
    return try base.tensors.map { (tensor) throws(PatchError) in
      guard let other = result[tensor.name] else {
        throw PatchError(
          .badInput, path: result.path, tensor: tensor.name,
          "tensor '\(tensor.name)' of the base is missing")
      }
      let (before, after) = (tensor.descriptor, other.descriptor)
      guard before.elementType == after.elementType, before.shape == after.shape else {
        throw PatchError(
          .badInput, path: result.path, tensor: tensor.name,
          "tensor '\(tensor.name)' is \(after.elementType.name) \(after.shape), in the base it is "
            + "\(before.elementType.name) \(before.shape)")
      }
      guard before.elementType != .opaque || base.isSame(tensor, as: other, of: result) else {
        throw PatchError(
          .badInput, path: result.path, tensor: tensor.name,
          "tensor '\(tensor.name)' differs, and its type is unknown to this version",
          remedy: "use a newer gradiend-patch")
      }
      return ComparedTensor(base: tensor, result: .stored(other, result))
    }
  }
}
