package import Checkpoints
package import PatchFormat

/// Tensors that a patch carries whole, with what surrounds tensors, as their types or shapes differ between
/// base and result (Formats/patch.md, section 8.1).
///
/// Quantisers write such: bitsandbytes keeps what it has to know of a weight as JSON in a tensor of bytes.
package struct CarriedTensors {
  private let names: [String]
  package var count: Int { names.count }
  private let isBase: Bool
  private let isResult: Bool

  /// Compares those of a checkpoint, which are set aside there, with those of a patch.
  ///
  /// - Parameters:
  ///   - checkpoint: the checkpoint.
  ///   - patch: the patch.
  ///   - share: whose tensors are looked at, if not all are.
  package init(of checkpoint: Checkpoint, _ patch: PatchFile, in share: FileShare?) {
    names = checkpoint.setAside.filter { share?.holds($0) ?? true }.map(\.name)
    guard !names.isEmpty, let layouts = patch.layouts else {
      (isBase, isResult) = (names.isEmpty, names.isEmpty)
      return
    }
    (isBase, isResult) = layouts.roles(of: CheckpointLayout(checkpoint).encoded)
  }

  /// The names of those that are not known to be those of the checkpoint in a role: all of them or none,
  /// as one digest tells of all.
  package func differing(from role: CheckpointRole) -> [String] {
    (role == .base ? isBase : isResult) ? [] : names
  }

  /// Larger ones would make a patch a copy of the model.
  private static let mostBytesOfOne = 64 << 10
  private static let mostBytes = 1 << 20

  static let rule =
    "only tensors of up to \(mostBytesOfOne) bytes, and \(mostBytes) in all, may have other types or shapes "
    + "in the result: in exact patches of whole safetensors files with the same tensors in each"

  /// Whether so many of such lengths may be carried.
  static func areFew(_ tensors: [TensorDescriptor]) -> Bool {
    tensors.allSatisfy { $0.byteRange.count <= mostBytesOfOne }
      && tensors.reduce(0) { $0 + $1.byteRange.count } <= mostBytes
  }

  /// The names of those that a patch from `base` to `result` has to carry, as far as it may.
  package static func names(_ base: Checkpoint, _ result: Checkpoint) -> Set<String> {
    guard !base.isGGUF, !result.isGGUF else { return [] }
    let carried = base.tensors.filter { tensor in
      guard let other = result[tensor.name] else { return false }
      return (tensor.elementType != other.elementType || tensor.shape != other.shape)
        && max(tensor.byteCount, other.byteCount) <= mostBytesOfOne
    }
    let others = carried.compactMap { result[$0.name]?.descriptor }
    // Something has to be left that a patch can be of.
    guard areFew(carried.map(\.descriptor)), areFew(others), carried.count < base.tensors.count
    else { return [] }
    return Set(carried.map(\.name))
  }
}

extension Checkpoint {
  /// This checkpoint without the tensors that `patch` carries whole, if they are all there.
  package func settingAside(carriedBy patch: PatchFile) -> Checkpoint {
    guard let carried = patch.layouts?.carried, !isGGUF else { return self }
    let found = carried.compactMap { self[$0] }
    guard found.count == carried.count, CarriedTensors.areFew(found.map(\.descriptor)) else {
      return self
    }
    return settingAside(Set(carried))
  }
}
