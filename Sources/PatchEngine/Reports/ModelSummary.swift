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
  /// Whose it is, if it is not all of the output; the numbers above are then those of the share.
  public let share: Share?
  /// What a user should know, in sentences without a full stop.
  public let notes: [String]

  /// - Parameters:
  ///   - run: what was done.
  ///   - path: where the output is.
  ///   - role: which of the two it is, if any.
  ///   - changed: in how many tensors and elements it differs from the input, if not as the run says.
  ///   - share: whose tensors the run went through, if not all.
  ///   - notes: what a user should know besides.
  package init(
    _ run: PatchRun, path: String, role: CheckpointRole?,
    changed: (tensors: Int, elements: Int)? = nil,
    share: Share? = nil, notes: [String] = []
  ) {
    self.path = path
    self.role = role
    self.share = share
    byteCount = run.plan.tensors.reduce(0) { $0 + $1.tensor.byteCount }
    tensorCount = run.plan.tensors.count
    changedTensorCount = changed?.tensors ?? run.changedTensorCount
    changedElementCount = changed?.elements ?? run.changedElementCount
    self.notes = notes + run.notes
  }
}
