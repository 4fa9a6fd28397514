internal import Checkpoints
internal import PatchFormat

/// What was written.
public struct ModelSummary: Sendable {
  /// Where the output is.
  public let path: String
  /// Which checkpoint it is; nil if values were rounded, so that it is only near the result.
  public let role: CheckpointRole?
  /// Bytes of all tensors.
  public let byteCount: Int
  /// Tensors of the checkpoint.
  public let tensorCount: Int
  /// Tensors that differ between input and output.
  public let changedTensorCount: Int
  /// Elements that differ between input and output.
  public let changedElementCount: Int
  /// What a user should know, in sentences without a full stop.
  public let notes: [String]

  /// - Parameters:
  ///   - run: what was done.
  ///   - path: where the output is.
  ///   - role: which of the two it is, if any.
  ///   - isChanged: whether it differs from the input as the run says, or not at all.
  ///   - notes: what a user should know besides.
  package init(
    _ run: PatchRun, path: String, role: CheckpointRole?, isChanged: Bool = true,
    notes: [String] = []
  ) {
    self.path = path
    self.role = role
    byteCount = run.match.tensors.reduce(0) { $0 + $1.byteCount }
    tensorCount = run.match.tensors.count
    changedTensorCount = isChanged ? run.changedTensorCount : 0
    changedElementCount = isChanged ? run.changedElementCount : 0
    self.notes = notes + run.notes
  }
}
