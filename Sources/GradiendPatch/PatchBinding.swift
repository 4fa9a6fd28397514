internal import ByteIO
internal import Checkpoints
internal import PatchFormat

/// A patch and a checkpoint that holds the same tensors.
struct PatchBinding: Sendable {
  let patch: PatchFile
  let checkpoint: Checkpoint
  let plan: ChunkPlan
  /// In the order of the checkpoint's tensors, or of the patch's if these have another form.
  let tensors: [PatchIndex.Tensor]
  let placement: any TensorPlacement
  /// Bytes of the checkpoint's tensors that are neither checked nor changed.
  let copies: [(fileIndex: Int, byteRange: Range<Int>)]
  /// Whether all tensors of the patch's base are there.
  let isComplete: Bool
  /// What a user should know, in sentences without a full stop.
  let notes: [String]

  /// - Parameters:
  ///   - patch: the patch.
  ///   - checkpoint: what it is applied to or stripped from.
  ///   - isHalfway: whether the checkpoint is being changed in place, so that not all its bytes are
  ///     those of one of the patch's two.
  ///   - lossCounter: counts values that the checkpoint's types cannot hold; nil refuses them.
  /// - Throws: ``PatchError`` of kind `mismatch` naming the first tensor that does not fit.
  init(
    _ patch: PatchFile, _ checkpoint: Checkpoint, isHalfway: Bool = false,
    lossCounter: LossCounter? = nil
  ) throws(PatchError) {
    if Self.isConverted(patch, checkpoint) {
      let found = try SourceBinding(patch, checkpoint, isHalfway: isHalfway).found
      self.init(patch, checkpoint, found, lossCounter)
    } else if Self.needsConversion(patch, checkpoint) {
      let found = try ConvertedBinding(patch, checkpoint, isHalfway: isHalfway).found
      self.init(patch, checkpoint, found, lossCounter)
    } else {
      try self.init(direct: patch, checkpoint)
    }
  }

  private init(direct patch: PatchFile, _ checkpoint: Checkpoint) throws(PatchError) {
    self.patch = patch
    self.checkpoint = checkpoint
    (copies, isComplete, notes) = ([], true, [])
    placement = DirectPlacement(checkpoint: checkpoint)
    tensors = try checkpoint.tensors.map { (tensor) throws(PatchError) in
      let found = tensor.descriptor
      guard let expected = patch[tensor.name] else {
        throw Self.mismatch(
          checkpoint, patch, tensor.name, "tensor '\(tensor.name)' is not in the patch's base")
      }
      guard expected.elementType == found.elementType, expected.shape == found.shape else {
        throw Self.mismatch(
          checkpoint, patch, tensor.name,
          "tensor '\(tensor.name)' is \(found.elementType.name) \(found.shape), the patch is for "
            + "\(expected.elementType.name) \(expected.shape)")
      }
      return expected
    }
    if let missing = patch.index.tensors.first(where: { checkpoint[$0.name] == nil }) {
      throw Self.mismatch(
        checkpoint, patch, missing.name,
        "tensor '\(missing.name)' of the patch's base is missing")
    }
    plan = ChunkPlan(checkpoint)
  }

  private init(
    _ patch: PatchFile, _ checkpoint: Checkpoint, _ found: ViewedTensors,
    _ lossCounter: LossCounter?
  ) {
    self.patch = patch
    self.checkpoint = checkpoint
    tensors = found.views.map(\.tensor)
    placement = ConvertedPlacement(
      checkpoint: checkpoint, views: found.views, lossCounter: lossCounter)
    copies =
      found.copies.map { ($0.fileIndex, $0.descriptor.byteRange) }
      + found.views.flatMap(\.otherByteRanges)
    (isComplete, notes) = (found.isComplete, found.notes)
    plan = ChunkPlan(
      found.views.map { view in
        let byteCount = view.tensor.elementType.byteCount(of: view.tensor.shape) ?? 0
        return Checkpoint.Tensor(
          descriptor: TensorDescriptor(
            name: view.tensor.name, elementType: view.tensor.elementType,
            shape: view.tensor.shape, byteRange: 0..<byteCount),
          fileIndex: view.stored[0].fileIndex)
      })
  }

  /// Whether the patch is one of a GGUF, and the checkpoint is not.
  private static func isConverted(_ patch: PatchFile, _ checkpoint: Checkpoint) -> Bool {
    !checkpoint.isGGUF && patch[GGUFMapping.embedding] != nil
      && !patch.index.tensors.contains { checkpoint[$0.name] != nil }
  }

  /// Whether the file has the values of a base of floats under other names, or in other floats.
  private static func needsConversion(_ patch: PatchFile, _ checkpoint: Checkpoint) -> Bool {
    func isFloat(_ type: ElementType) -> Bool {
      [.float32, .float16, .bfloat16].contains(type)
    }
    if checkpoint.isGGUF, !patch.index.tensors.contains(where: { checkpoint[$0.name] != nil }) {
      return true
    }
    return patch.index.tensors.contains { tensor in
      guard let found = checkpoint[tensor.name]?.descriptor.elementType else { return false }
      return found != tensor.elementType && isFloat(found) && isFloat(tensor.elementType)
    }
  }

  /// - Throws: ``PatchError`` if the files hold the values in another form than the publisher's.
  func checkHasPublishedBytes() throws(PatchError) {
    guard placement is DirectPlacement else {
      throw PatchError(
        .usage, path: checkpoint.path,
        "these files hold the values in another form, so they cannot have the publisher's SHA-256",
        remedy: "leave out --sha256; the values themselves are checked")
    }
  }

  /// Checks that files in a role are the publisher's.
  ///
  /// - Parameters:
  ///   - files: their digests.
  ///   - role: which of the two checkpoints they are.
  /// - Throws: ``PatchError`` of kind `mismatch`.
  func check(_ files: [FileDigest], of role: CheckpointRole) throws(PatchError) {
    let identity = role == .base ? patch.metadata.base : patch.metadata.result
    guard !identity.holds(files) else { return }
    let first = zip(files, identity.files).first { $0.sha256 != $1.sha256 }
    throw PatchError(
      .mismatch, path: checkpoint.path,
      "the values are right, but the files are not those of the publisher: "
        + (first.map { "the SHA-256 of '\($0.name)' is \($0.sha256), expected \($1.sha256)" }
          ?? "there are \(files.count), expected \(identity.files.count)"),
      remedy: "leave out --sha256 to accept the same values in other files")
  }

  private static func mismatch(
    _ checkpoint: Checkpoint, _ patch: PatchFile, _ tensor: String, _ message: String
  ) -> PatchError {
    PatchError(
      .mismatch, path: checkpoint.path, tensor: tensor, message, remedy: patch.baseDescription)
  }
}

extension PatchFile {
  /// A sentence on the base that the patch needs.
  var baseDescription: String {
    let files = metadata.base.files.map { "\($0.name) (SHA-256 \($0.sha256))" }
    let more = files.count > 1 ? " and \(files.count - 1) more" : ""
    return "the patch was made for \(files.first ?? "no file")\(more)"
  }
}
