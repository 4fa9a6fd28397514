internal import ByteIO
internal import Checkpoints

/// Makes the patch that turns one finished checkpoint into another.
public struct CheckpointComparison: Sendable {
  /// Checkpoint file or folder.
  public var base: String
  /// Checkpoint file or folder with the same tensors.
  public var result: String
  /// Where the patch goes.
  public var output: String
  /// Whether `output` may exist.
  public var overwrites = false
  /// 0 for one a core. The patch does not depend on it.
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
  public func run(progress: ProgressHandler? = nil) throws(PatchError) -> PatchSummary {
    let base = try PatchError.opening { () throws(CheckpointError) in
      try Checkpoint(path: self.base)
    }
    let result = try PatchError.opening { () throws(CheckpointError) in
      try Checkpoint(path: self.result)
    }
    try OutputGuard([base, result]).check(output)
    let encoding = PatchEncoding(
      base: base, result: FinishedResult(result: result, tensors: try match(base, result)),
      output: output, overwrites: overwrites, workers: Workers(threadCount), progress: progress)
    var summary = try encoding.run()
    if summary.changedElementCount == 0 {
      summary.notes.append("the patch changes nothing: both checkpoints hold the same values")
    }
    if !hasSameLayout(base, result) {
      summary.notes.append(
        "the files of the result have other headers or other names than those of the base; "
          + "applying the patch gives the result's values in the base's files")
    }
    return summary
  }

  /// The result's tensors in the order of the base's.
  private func match(
    _ base: Checkpoint, _ result: Checkpoint
  ) throws(PatchError) -> [Checkpoint.Tensor] {
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
      return other
    }
  }

  private func hasSameLayout(_ base: Checkpoint, _ result: Checkpoint) -> Bool {
    guard base.files.count == result.files.count else { return false }
    return zip(base.files, result.files).allSatisfy { before, after in
      before.mapped.bytes.extracting(0..<before.header.payloadOffset)
        .hasSameBytes(as: after.mapped.bytes.extracting(0..<after.header.payloadOffset))
        && (before.name == after.name || base.files.count == 1)
    }
  }
}
