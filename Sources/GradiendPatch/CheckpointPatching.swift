internal import ByteIO
internal import Checkpoints
internal import DeltaCoding
internal import PatchFormat

/// Applies a patch to its base, or strips it from its result.
public struct CheckpointPatching: Sendable {
  /// From which checkpoint to which.
  public struct Direction: Hashable, Sendable {
    /// What the input must be.
    public let input: CheckpointRole
    /// What the output will be.
    public let output: CheckpointRole

    /// From the base to the result.
    public static let apply = Direction(input: .base, output: .result)
    /// From the result to the base.
    public static let strip = Direction(input: .result, output: .base)

    /// The one that undoes this one.
    var reversed: Direction { Direction(input: output, output: input) }
  }

  /// Whether to apply or to strip.
  public var direction: Direction
  /// Checkpoint file or folder; of a split set of GGUF files, the first.
  public var checkpoint: String
  /// The patch file.
  public var patch: String
  /// Where the output goes: a file for a file, a folder for a folder, the first file for a split
  /// set.
  public var output: String
  /// Whether `output` may exist.
  public var overwrites = false
  /// Whether to check the output's SHA-256 too, which takes longer than all the rest.
  public var checksSHA256 = false
  /// Whether to leave what belongs to no tensor as the input has it, even if the patch carries more.
  public var keepsLayout = false
  /// Where to write what restores the input, should the result not fit the types that the input has:
  /// a patch to be stripped from the output. Nil refuses such a result.
  public var undo: String?
  /// Whether to wait until the output is on the disk before it gets its name. Without, a power loss
  /// soon afterwards may leave less than the whole output under it.
  public var synchronises = true
  /// 0 for one a core.
  public var threadCount = 0

  /// Patches a checkpoint with the default options.
  public init(_ direction: Direction, checkpoint: String, patch: String, output: String) {
    self.direction = direction
    self.checkpoint = checkpoint
    self.patch = patch
    self.output = output
  }

  /// Writes the output, and gives it its name once the digests of all tensors of input and output
  /// are those in the patch.
  ///
  /// - Throws: ``PatchError``; nothing then has the output's name.
  /// - Complexity: O(bytes of the checkpoint), with two chunks of memory for each thread.
  public func run(progress: ProgressHandler? = nil) throws(PatchError) -> PatchingSummary {
    let patch = try InputName(self.patch).patch()
    let input = try InputName(checkpoint).checkpoint()
    try OutputGuard([input], files: [patch.file])
      .check(try CheckpointOutput.paths(output, for: input) + [undo].compactMap { $0 })
    try checkUndo()
    let lossCounter = undo.map { _ in LossCounter() }
    let binding = try PatchBinding(patch, input, lossCounter: lossCounter)
    if checksSHA256 { try binding.checkHasPublishedBytes() }
    var notes: [String] = []
    var layout = CheckpointLayout(input)
    if patch.layouts != nil, !keepsLayout {
      if let published = try binding.layout(of: direction.output, given: layout) {
        layout = published
      } else {
        notes.append(
          "the files have other headers than those that the patch was made from, so theirs stay; "
            + "the values are the publisher's")
      }
    }
    let target = try CheckpointOutput(
      output, for: input, layout: layout, overwrites: overwrites, synchronises: synchronises)
    try PatchingWork(binding, direction).run(Workers(threadCount), progress) {
      (item, _, bytes) throws(PatchError) in
      try binding.placement.write(bytes, of: item, to: target)
    }
    for (file, range) in binding.copies {
      let mapped = input.files[file].mapped
      try target.write(mapped.bytes.extracting(range), file: file, at: range.lowerBound)
    }
    if checksSHA256 {
      try binding.check(
        FileHasher.digests(try target.written(), named: input), of: direction.output)
    }
    try target.copyCompanions(of: input)
    if let undo, let lossCounter {
      notes.append(try writeUndo(undo, lossCounter.count, input, target, progress))
    }
    try target.publish()
    let isRounded = (lossCounter?.count ?? 0) > 0
    return PatchingSummary(
      binding, path: output, role: isRounded ? nil : direction.output, notes: notes)
  }

  // MARK: Undo

  /// - Throws: ``PatchError`` if the undo patch cannot be made, before any work is done for it.
  private func checkUndo() throws(PatchError) {
    guard let undo else { return }
    // Its temporary file goes at once.
    _ = try PatchError.writing(undo) { () throws(SystemError) in
      try OutputFile(path: undo, overwrites: overwrites)
    }
  }

  /// Writes the patch from the input to the output, if anything was lost.
  ///
  /// - Returns: a note on it.
  private func writeUndo(
    _ path: String, _ lossCount: Int, _ input: Checkpoint, _ target: CheckpointOutput,
    _ progress: ProgressHandler?
  ) throws(PatchError) -> String {
    guard lossCount > 0 else {
      return "strip gives these files back with the patch alone, so \(path) was not written"
    }
    let encoding = PatchEncoding(
      base: input, inputs: [input],
      result: FinishedResult(files: try target.written(), tensors: input.tensors),
      layoutSource: nil, origins: PatchMetadata.Origins(),
      output: path, overwrites: overwrites, maxRelativeError: 0,
      workers: Workers(threadCount), progress: progress)
    _ = try encoding.run()
    let losses =
      lossCount == 1
      ? "1 value does not fit the types of these files and was"
      : "\(Quantity.count(lossCount)) values do not fit the types of these files and were"
    return losses
      + " rounded, as by conversion; strip the output with \(path) to get these files back"
  }
}

/// What was written.
public struct PatchingSummary: Sendable {
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
  ///   - binding: the patch and the checkpoint.
  ///   - path: where the output is.
  ///   - role: which of the two it is, if any.
  ///   - isChanged: whether it differs from the input as the patch says, or not at all.
  ///   - notes: what a user should know besides.
  init(
    _ binding: PatchBinding, path: String, role: CheckpointRole?, isChanged: Bool = true,
    notes: [String] = []
  ) {
    self.path = path
    self.role = role
    byteCount = binding.plan.byteCount
    tensorCount = binding.tensors.count
    let changes = isChanged ? binding.tensors.compactMap(\.change) : []
    changedTensorCount = changes.count
    changedElementCount = changes.reduce(0) { $0 + $1.elementCount }
    self.notes = notes + binding.notes
  }
}
