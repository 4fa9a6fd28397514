/// What a patch that was made holds.
public struct PatchSummary: Sendable {
  /// Where the patch is.
  public let path: String
  /// The length of the patch.
  public let byteCount: Int
  /// The length of the base's weight files.
  public let baseByteCount: Int
  /// Tensors of the base.
  public let tensorCount: Int
  /// Elements of the base.
  public let elementCount: Int
  /// Tensors that differ in the result.
  public let changedTensorCount: Int
  /// Elements that differ in the result.
  public let changedElementCount: Int
  /// What each tensor's update was allowed to err, RMS over RMS; 0 for an exact patch.
  public let maxRelativeError: Double
  /// The largest that any tensor's update errs.
  public let relativeError: Double
  /// What rounding to the base's types keeps of what was to be added, all in all; of a difference between
  /// two finished checkpoints nobody knows that.
  public let rounding: RoundingMeasure
  /// Likewise of each tensor that something was to be added to, in the order of the base.
  public let roundings: [(tensor: String, measure: RoundingMeasure)]
  /// Of a piece, whose it is; the numbers above are then those of the share.
  public package(set) var share: Share?
  /// What a user should know, in sentences without a full stop.
  public package(set) var notes: [String] = []
}
