internal import ByteIO
internal import Checkpoints
internal import Hub
internal import PatchFormat

/// Says which of a patch's two checkpoints a checkpoint is.
public struct CheckpointVerification: Sendable {
  /// Checkpoint file or folder; of a split set of GGUF files, the first.
  public var checkpoint: String
  /// The patch file.
  public var patch: String
  /// 0 for one a core.
  public var threadCount = 0

  /// Verifies a checkpoint with the default options.
  public init(checkpoint: String, patch: String) {
    self.checkpoint = checkpoint
    self.patch = patch
  }

  /// Reads the whole checkpoint.
  ///
  /// - Throws: ``PatchError`` if checkpoint or patch cannot be read, or have not the same tensors.
  ///   That the values are others is a verdict, not an error.
  public func run(progress: ProgressHandler? = nil) throws(PatchError) -> Verdict {
    let patch = try InputName(self.patch).patch()
    let checkpoint = try InputName(self.checkpoint).checkpoint()
    let binding = try PatchBinding(patch, checkpoint)
    let digests = TensorDigests(binding.plan)
    let hashes = Lane(FileHasher(checkpoint))
    let isDirect = binding.placement is DirectPlacement
    let counter = ProgressCounter(binding.plan, progress)
    try Workers(threadCount).run(binding.plan.items.count, closing: [hashes]) {
      (number) throws(PatchError) in
      let item = binding.plan.items[number]
      try binding.placement.withBytes(of: item) { (bytes) throws(PatchError) in
        digests.record(Digest128(of: bytes), of: item)
      }
      // Converted values are not the file's bytes, which are then hashed at the end.
      if isDirect {
        let stored = ChunkBytes.mapped(checkpoint.files[item.fileIndex].mapped, item.byteRange)
        try hashes.leave(number) { hasher in
          stored.withBytes { hasher.update($0, of: item) }
          stored.releasePages()
        }
      }
      counter.finish(item)
    }
    let sha256 = hashes.withState { $0.finish() }
    try UnfinishedChange.check(checkpoint)
    return Verdict(
      Identification(binding, digests.tensors), sha256: sha256,
      damaged: Self.damaged(checkpoint, sha256),
      patch.metadata)
  }

  /// The files whose SHA-256 is not the one by which the Hub's cache knows them.
  private static func damaged(_ checkpoint: Checkpoint, _ sha256: String) -> [String] {
    zip(checkpoint.files, FileHasher.digests(sha256)).compactMap { file, digest in
      let expected = HubBlob.expectedSHA256(ofFile: file.mapped.path)
      return expected.map { $0 == digest } ?? true ? nil : file.name
    }
  }

  /// What was found.
  public struct Verdict: Sendable {
    /// Nil if the checkpoint is neither.
    public let role: CheckpointRole?
    /// Tensors whose values are not those of the base, in the order of the files.
    public let differingFromBase: [String]
    /// Tensors whose values are not those of the result, in the order of the files.
    public let differingFromResult: [String]
    /// Tensors of the checkpoint.
    public let tensorCount: Int
    /// Whether the files, too, are those of the publisher, by their SHA-256. False does not matter
    /// to the values: the same tensors may lie in other files.
    public let hasPublishedFiles: Bool
    /// A line for each file, as `sha256sum` writes it.
    public let sha256: String

    /// Names of the files that lie in the Hub's cache and are not what the Hub has under that name.
    public let damagedFiles: [String]

    init(
      _ identification: Identification, sha256: String, damaged: [String], _ metadata: PatchMetadata
    ) {
      damagedFiles = damaged
      differingFromBase = identification.differingFromBase
      differingFromResult = identification.differingFromResult
      tensorCount = metadata.tensorCount
      self.sha256 = sha256
      func isPublished(as identity: PatchMetadata.Identity) -> Bool {
        FileHasher.digests(sha256) == FileHasher.digests(identity.sha256)
      }
      let (isBase, isResult) = (identification.isBase, identification.isResult)
      // Where the values are the same on both sides, headers tell.
      if isResult, !isBase || isPublished(as: metadata.result) && !isPublished(as: metadata.base) {
        role = .result
        hasPublishedFiles = isPublished(as: metadata.result)
      } else {
        role = isBase ? .base : nil
        hasPublishedFiles = isBase && isPublished(as: metadata.base)
      }
    }
  }
}
