package import ByteIO
internal import Checkpoints
package import PatchFormat

/// Which of a patch's two checkpoints a source is, by the digests of its tensors.
package struct DigestVerdict: Sendable {
  private let match: PatchMatch
  private let tensors: [(tensor: MatchedTensor, digest: Digest128)]
  private let differingFromBase: [String]
  private let differingFromResult: [String]

  package var isBase: Bool { differingFromBase.isEmpty }
  package var isResult: Bool { differingFromResult.isEmpty }

  /// The names of the tensors that are not those of the checkpoint in a role.
  package func differing(from role: CheckpointRole) -> [String] {
    role == .base ? differingFromBase : differingFromResult
  }

  package func `is`(_ role: CheckpointRole) -> Bool { differing(from: role).isEmpty }

  /// Compares digests of all chunks with those in the patch.
  ///
  /// - Parameters:
  ///   - match: the patch.
  ///   - tensors: its tensors, and which chunks are those of each.
  ///   - chunks: digests of what is compared.
  package init(
    _ match: PatchMatch, _ tensors: [(tensor: MatchedTensor, chunkNumbers: Range<Int>)],
    _ chunks: ChunkDigests
  ) {
    let digests = chunks.combined(tensors.map(\.chunkNumbers))
    self.init(match, Array(zip(tensors.map(\.tensor), digests)))
  }

  /// Compares digests of tensors with those in the patch: of all tensors, or of those of a share.
  init(_ match: PatchMatch, _ tensors: [(tensor: MatchedTensor, digest: Digest128)]) {
    self.match = match
    self.tensors = tensors
    differingFromBase = Self.differing(from: .base, match, tensors)
    differingFromResult = Self.differing(from: .result, match, tensors)
  }

  /// Reads the source once and compares it.
  ///
  /// - Throws: ``PatchError`` if values cannot be read back from the form they are stored in, unless
  ///   `skipsUnreadable`: their tensors are then those of neither checkpoint.
  package init(
    of match: PatchMatch, _ execution: Execution, skipsUnreadable: Bool = false
  ) throws(PatchError) {
    let plan = ChunkPlan(match.tensors)
    let digests = try ChunkDigests.read(
      match, plan, execution, skipsUnreadable: skipsUnreadable)
    self.init(match, plan.tensors, digests)
  }

  /// The digests of single tensors have 32 bits, to name what differs; that of all has 128 and is
  /// the one to trust. If only that one differs, every tensor is suspect.
  private static func differing(
    from role: CheckpointRole, _ match: PatchMatch,
    _ tensors: [(tensor: MatchedTensor, digest: Digest128)]
  ) -> [String] {
    let names = tensors.filter { $0.tensor.entry.digest(in: role) != $0.digest.digest32 }.map {
      $0.tensor.name
    }
    guard names.isEmpty, match.isComplete, tensors.count == match.tensors.count else {
      return names
    }
    let total = TensorDigest.combine(
      tensors.map { ($0.tensor.name, $0.tensor.elementType, $0.tensor.shape, $0.digest) })
    return "\(total)" == match.patch.metadata.identity(in: role).digest
      ? [] : tensors.map(\.tensor.name)
  }

  /// What is said of a source that is what it should become.
  static func isAlready(_ role: CheckpointRole, _ path: String) -> PatchError {
    role == .result
      ? PatchError(
        .mismatch, path: path, "the patch is applied already: these are the result's values",
        remedy: "stripping the patch gives the base back")
      : PatchError(
        .mismatch, path: path, "the patch is not applied: these are the base's values",
        remedy: "there is nothing to strip")
  }

  /// - Throws: ``PatchError`` of kind `mismatch` if the source is not the `expected` checkpoint.
  package func check(is expected: CheckpointRole) throws(PatchError) {
    guard let first = differing(from: expected).first else { return }
    let (path, patch) = (match.source.path, match.patch)
    switch expected {
    case .base where isResult: throw Self.isAlready(.result, path)
    case .result where isBase: throw Self.isAlready(.base, path)
    default:
      guard let (tensor, digest) = tensors.first(where: { $0.tensor.name == first }) else { return }
      throw PatchError(
        .mismatch, path: path, tensor: first,
        "not the \(expected.name) of this patch: \(differing(from: expected).count) of "
          + "\(tensors.count) tensors differ, first '\(first)' with digest \(digest.digest32), "
          + "expected \(tensor.entry.digest(in: expected))\(tensor.placement.remark)",
        remedy: patch.baseDescription)
    }
  }
}

/// One of a patch's two checkpoints.
public struct CheckpointRole: Hashable, Sendable {
  /// `base` or `result`.
  public let name: String

  /// What the patch is applied to, and what stripping gives back.
  public static let base = CheckpointRole(name: "base")
  /// What applying the patch gives.
  public static let result = CheckpointRole(name: "result")

  package var other: CheckpointRole { self == .base ? .result : .base }
}

extension PatchIndex.Tensor {
  package func digest(in role: CheckpointRole) -> Digest32 {
    role == .base ? baseDigest : resultDigest
  }
}

extension PatchMetadata {
  package func identity(in role: CheckpointRole) -> Identity { role == .base ? base : result }
}
