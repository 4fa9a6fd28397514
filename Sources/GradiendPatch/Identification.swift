internal import ByteIO
internal import Checkpoints
internal import PatchFormat

/// Which of a patch's two checkpoints a checkpoint is.
struct Identification: Sendable {
  /// The names of the tensors that are not those of the base, and not those of the result.
  let differingFromBase: [String]
  let differingFromResult: [String]
  private let binding: PatchBinding
  private let digests: [Digest128]

  var isBase: Bool { differingFromBase.isEmpty }
  var isResult: Bool { differingFromResult.isEmpty }

  /// Compares tensor digests with those in the patch.
  init(_ binding: PatchBinding, _ digests: [Digest128]) {
    self.binding = binding
    self.digests = digests
    let tensors = zip(binding.tensors, digests)
    differingFromBase = Self.differing(
      tensors.filter { $0.baseDigest != $1.digest64 }.map(\.0.name),
      binding, digests, binding.patch.metadata.base)
    differingFromResult = Self.differing(
      tensors.filter { $0.resultDigest != $1.digest64 }.map(\.0.name),
      binding, digests, binding.patch.metadata.result)
  }

  /// The digests of single tensors have 64 bits, to name what differs; that of all has 128 and is
  /// the one to trust. If only that one differs, every tensor is suspect.
  private static func differing(
    _ names: [String], _ binding: PatchBinding, _ digests: [Digest128],
    _ identity: PatchMetadata.Identity
  ) -> [String] {
    guard names.isEmpty, binding.isComplete else { return names }
    let total = TensorDigest.combine(
      zip(binding.tensors, digests).map { ($0.name, $0.elementType, $0.shape, $1) })
    return "\(total)" == identity.digest ? [] : binding.tensors.map(\.name)
  }

  /// Reads the checkpoint once and compares it.
  ///
  /// - Throws: ``PatchError`` only for reasons of the machine.
  static func identify(
    _ binding: PatchBinding, workers: Workers, progress: ProgressHandler? = nil
  ) throws(PatchError) -> Identification {
    let digests = TensorDigests(binding.plan)
    let counter = ProgressCounter(binding.plan, progress)
    try workers.run(binding.plan.items.count) { (number) throws(PatchError) in
      let item = binding.plan.items[number]
      let bytes = try binding.placement.bytes(of: item)
      digests.record(Digest128(of: bytes.rawSpan), of: item)
      counter.finish(item)
    }
    return Identification(binding, digests.tensors)
  }

  /// Why a checkpoint that should be the `expected` one is not.
  func error(expected: CheckpointRole) -> PatchError {
    let path = binding.checkpoint.path
    let patch = binding.patch
    switch expected {
    case .base where isResult:
      return PatchError(
        .mismatch, path: path, "the patch is applied already: these are the result's values",
        remedy: "'gradiend-patch strip' gives the base back")
    case .result where isBase:
      return PatchError(
        .mismatch, path: path, "the patch is not applied: these are the base's values",
        remedy: "there is nothing to strip")
    default:
      let differing = expected == .base ? differingFromBase : differingFromResult
      let first = differing.first ?? ""
      let index = binding.tensors.firstIndex { $0.name == first } ?? 0
      let tensor = binding.tensors[index]
      let digest = expected == .base ? tensor.baseDigest : tensor.resultDigest
      return PatchError(
        .mismatch, path: path, tensor: first,
        "not the \(expected.name) of this patch: \(differing.count) of \(binding.tensors.count) "
          + "tensors differ, first '\(first)' with digest \(digests[index].digest64), expected "
          + "\(digest)\(binding.placement.remark(onTensor: index))", remedy: patch.baseDescription)
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
}
