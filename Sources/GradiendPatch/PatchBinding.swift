internal import ByteIO
internal import Checkpoints
internal import PatchFormat

/// A patch and a checkpoint whose tensors have the same names, types and shapes.
struct PatchBinding: Sendable {
  let patch: PatchFile
  let checkpoint: Checkpoint
  let plan: ChunkPlan
  /// In the order of the checkpoint's tensors.
  let tensors: [PatchIndex.Tensor]

  /// - Throws: ``PatchError`` of kind `mismatch` naming the first tensor that does not fit.
  init(_ patch: PatchFile, _ checkpoint: Checkpoint) throws(PatchError) {
    self.patch = patch
    self.checkpoint = checkpoint
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
    let files = metadata.base.sha256.split(separator: "\n").map { line in
      let parts = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
      return "\(parts.last.map(String.init)?.trimmed ?? "") (SHA-256 \(parts.first ?? ""))"
    }
    let more = files.count > 1 ? " and \(files.count - 1) more" : ""
    return "the patch was made for \(files.first ?? "no file")\(more)"
  }
}

extension String {
  /// Without blanks at both ends.
  fileprivate var trimmed: String {
    var rest = Substring(self)
    while rest.first == " " { rest = rest.dropFirst() }
    while rest.last == " " { rest = rest.dropLast() }
    return String(rest)
  }
}
