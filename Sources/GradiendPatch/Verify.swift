internal import ByteIO
internal import Checkpoints
internal import Hub
internal import PatchEngine
internal import PatchFormat

/// Says which of a patch's two checkpoints a checkpoint is.
public struct Verify: PatchOperation {
  /// Checkpoint file or folder; of a split set of GGUF files, the first.
  public var checkpoint: String
  /// The patch file.
  public var patch: String
  /// Whether to strip the patch in memory, which proves what the base's files are. The checkpoint must
  /// then be the result, in the publisher's files.
  public var tracesBase = false
  /// Whether to refuse a patch that does not say what SHA-256 the files have.
  public var checksSHA256 = false
  /// Whose files to look at; nil for all. Tensors are then compared one by one, by 32 bits of their digests;
  /// only who looks at all can compare the digest of all, which has 128.
  public var share: Share?
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
  public func run(in execution: Execution) throws(PatchError) -> Verdict {
    let patch = try InputName(self.patch).patch()
    let checkpoint = try InputName(self.checkpoint).checkpoint().settingAside(carriedBy: patch)
    let share = share.map { FileShare($0, of: checkpoint) }
    if tracesBase {
      guard share == nil else {
        throw PatchError(.usage, "the base can only be traced from all files of the result")
      }
      let trace = try BaseTrace(patch, checkpoint, execution)
      return Verdict(
        trace.verdict, CarriedTensors(of: checkpoint, patch, in: nil), files: [], damaged: [],
        patch.metadata, baseSHA256: trace.files.lines)
    }
    let match = try PatchMatch(patch, checkpoint)
    if checksSHA256, match.isDirect { try match.checkHasPublishedBytes() }
    let plan = ChunkPlan(share.map { match.tensors(of: $0) } ?? match.tensors)
    let digests = ChunkDigests(count: plan.chunks.count)
    let hashes = OrderedStage(FileHasher(checkpoint, only: share?.fileNumbers), execution)
    try execution.forEachChunk(of: plan, closing: [hashes]) { (chunk) throws(PatchError) in
      let values = try match.values(of: chunk)
      digests.record(Digest128(of: values.rawSpan), of: chunk.number)
      // Converted values are not the file's bytes, which are then hashed at the end.
      guard match.isDirect else { return }
      try hashes.submit(chunk.number) {
        $0.update(values.rawSpan, of: chunk.tensor.stored[0], at: chunk.byteRange.lowerBound)
      }
    }
    let files = hashes.withState { $0.finish() }
    try UnfinishedChange.check(checkpoint)
    return Verdict(
      DigestVerdict(match, plan.tensors, digests), CarriedTensors(of: checkpoint, patch, in: share),
      files: files, damaged: Self.damaged(checkpoint, files, share), patch.metadata,
      tensorCount: plan.tensors.count, share: share)
  }

  /// The files whose SHA-256 is not the one by which the Hub's cache knows them.
  private static func damaged(
    _ checkpoint: Checkpoint, _ found: [FileDigest], _ share: FileShare?
  ) -> [String] {
    let files = share?.fileNumbers.map { checkpoint.files[$0] } ?? checkpoint.files
    return zip(files, found).compactMap { file, digest in
      let expected = HubBlob.expectedSHA256(ofFile: file.mapped.path)
      return expected.map { $0 == digest.sha256 } ?? true ? nil : file.name
    }
  }

  /// What was found.
  public struct Verdict: Sendable {
    /// Nil if the checkpoint is neither, and where a share has no files to look at.
    public let role: CheckpointRole?
    /// Tensors whose values are not those of the base, in the order of the files.
    public let differingFromBase: [String]
    /// Tensors whose values are not those of the result, in the order of the files.
    public let differingFromResult: [String]
    /// Tensors of the checkpoint, or of the share.
    public let tensorCount: Int
    /// Whether the files, too, are those of the publisher, by their SHA-256. False does not matter
    /// to the values: the same tensors may lie in other files.
    public let hasPublishedFiles: Bool
    /// Whether the patch says what the files of base and result are.
    public let patchNamesFiles: Bool
    /// A line for each file, as `sha256sum` writes it.
    public let sha256: String

    /// A line for each of the base's files, as `sha256sum` writes it, if the base was traced. ``sha256``
    /// is then empty, as the checkpoint's own files were not hashed.
    public let baseSHA256: String?

    /// Whose files were looked at, if not all were: what is said is of these.
    public let share: Share?

    /// Whether the share has no files: there is nothing to say of it, good or bad.
    public let isEmpty: Bool

    /// Names of the files that lie in the Hub's cache and are not what the Hub has under that name.
    public let damagedFiles: [String]

    init(
      _ verdict: DigestVerdict, _ carried: CarriedTensors, files: [FileDigest], damaged: [String],
      _ metadata: PatchMetadata, tensorCount: Int? = nil, share: FileShare? = nil,
      baseSHA256: String? = nil
    ) {
      self.share = share?.share
      self.baseSHA256 = baseSHA256
      damagedFiles = damaged
      patchNamesFiles = !metadata.base.files.isEmpty
      differingFromBase = verdict.differing(from: .base) + carried.differing(from: .base)
      differingFromResult = verdict.differing(from: .result) + carried.differing(from: .result)
      self.tensorCount = (tensorCount ?? metadata.tensorCount) + carried.count
      sha256 = files.lines
      func isPublished(as identity: PatchMetadata.Identity) -> Bool {
        guard let share, identity.files.count == share.fileCount else {
          return identity.holds(files)
        }
        return share.fileNumbers.map { identity.files[$0].sha256 } == files.map(\.sha256)
      }
      isEmpty = share?.isEmpty ?? false
      let isBase = differingFromBase.isEmpty && !isEmpty
      let isResult = differingFromResult.isEmpty && !isEmpty
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
