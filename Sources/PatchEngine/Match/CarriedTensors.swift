package import Checkpoints
package import PatchFormat

/// Tensors that a patch carries whole, with what surrounds tensors, as their types or shapes differ between
/// base and result (Formats/patch.md, section 8.1).
///
/// Quantisers write such: bitsandbytes keeps what it has to know of a weight as JSON in a tensor of bytes.
package struct CarriedTensors {
  private let names: [String]
  private let isBase: Bool
  private let isResult: Bool

  /// Compares those of a checkpoint, which are set aside there, with those of a patch.
  package init(of checkpoint: Checkpoint, _ patch: PatchFile) {
    names = checkpoint.setAside.map(\.name)
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
  private static let mostBytes = 16 << 20

  static let rule =
    "only small tensors, of up to \(mostBytesOfOne) bytes, may have other shapes in the result: in exact "
    + "patches of whole safetensors files with the same tensors in each"

  fileprivate static func mayBe(_ tensors: [StoredTensor]) -> Bool {
    tensors.allSatisfy { $0.byteCount <= mostBytesOfOne }
      && tensors.reduce(0) { $0 + $1.byteCount } <= mostBytes
  }

  /// The names of those that a patch from `base` to `result` has to carry; none if there are too many,
  /// or too large ones.
  package static func names(_ base: Checkpoint, _ result: Checkpoint) -> Set<String> {
    guard !base.isGGUF, !result.isGGUF else { return [] }
    let differing = base.tensors.filter { tensor in
      guard let other = result[tensor.name] else { return false }
      return tensor.elementType != other.elementType || tensor.shape != other.shape
    }
    let others = differing.compactMap { result[$0.name] }
    return mayBe(differing) && mayBe(others) ? Set(differing.map(\.name)) : []
  }
}

extension Checkpoint {
  /// This checkpoint without the tensors that `patch` may carry whole: small ones of which its index does
  /// not know, where all of which it knows are there.
  package func settingAside(carriedBy patch: PatchFile) -> Checkpoint {
    guard patch.layouts != nil, !isGGUF, tensors.count > patch.index.tensors.count else {
      return self
    }
    let unknown = tensors.filter { patch[$0.name] == nil }
    let isWhole = patch.index.tensors.allSatisfy { expected in
      guard let found = self[expected.name] else { return false }
      return found.elementType == expected.elementType && found.shape == expected.shape
    }
    guard isWhole, CarriedTensors.mayBe(unknown) else { return self }
    return settingAside(Set(unknown.map(\.name)))
  }
}
