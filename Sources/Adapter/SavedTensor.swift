internal import Checkpoints
internal import Gradiend
internal import PatchEngine

/// A parameter of a module that PEFT takes whole (Formats/adapter.md, section 6.1).
struct SavedTensor: Sendable {
  /// As PEFT names it.
  let module: String
  /// The parameter's name in the module.
  let leaf: String
  let tensor: StoredTensor
  let storage: FloatStorage
  let sums: [WeightSum]

  /// What elements become, in single precision.
  func values(_ base: any TensorSource, from first: Int, count: Int) -> [Float] {
    var values = base.floats(of: tensor, storage, from: first, count: count)
    for (index, change) in sums.values(fromElement: first, count: count).enumerated() {
      values[index] += change
    }
    return values
  }

  /// The parameters of all modules outside the linear layers that hold a tensor that changes.
  ///
  /// - Parameters:
  ///   - base: the base.
  ///   - kind: its linear layers.
  ///   - update: what is added.
  ///   - layers: names of modules that are adapted, and cannot be saved besides.
  /// - Returns: them, in the order of the base.
  static func all(
    of base: any TensorSource, _ kind: LinearLayers, _ update: GradiendSum,
    besides layers: Set<String>
  ) -> [SavedTensor] {
    // Files of a model without a head have no prefix, which memory has.
    let prefix = base.tensors.contains { $0.name.hasPrefix(kind.prefix) } ? "" : kind.prefix
    func module(_ name: String) -> (module: String, leaf: String)? {
      guard let dot = name.lastIndex(of: ".") else { return nil }
      return (prefix + name[..<dot], String(name[name.index(after: dot)...]))
    }
    let parameters = base.tensors.compactMap { tensor in
      module(tensor.name).map { (tensor, $0.module, $0.leaf) }
    }
    let hasHead = base.tensors.contains { kind.isHead($0.name) }
    var chosen = Set(
      parameters.lazy.filter { update.changes($0.0.name) }.map { $0.1 }
        .filter { !layers.contains($0) && (hasHead || kind.canBeTied($0)) })
    for (tensor, module, _) in parameters where FloatStorage(tensor.elementType) == nil {
      chosen.remove(module)
    }
    return parameters.compactMap { tensor, module, leaf in
      guard chosen.contains(module), let storage = FloatStorage(tensor.elementType) else {
        return nil
      }
      return SavedTensor(
        module: module, leaf: leaf, tensor: tensor, storage: storage,
        sums: update.sums(of: tensor.name))
    }
  }
}

extension LinearLayers {
  /// Whether this is a head's weight, which is then not that of the embedding.
  func isHead(_ name: String) -> Bool {
    name == "lm_head.weight" || name.hasSuffix(".decoder.weight")
  }

  /// PEFT ties a head to these embeddings again, and to no others.
  func canBeTied(_ module: String) -> Bool {
    !["wte", "word_embeddings"].contains { module.hasSuffix("." + $0) }
  }
}
