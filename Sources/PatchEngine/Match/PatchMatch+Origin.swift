internal import ByteIO
internal import Checkpoints
internal import ModelNames
internal import PatchFormat

/// The Hugging Face checkpoint that the GGUF of a patch was converted from (Formats/gguf-mapping.md,
/// section 7).
extension PatchMatch {
  /// A tensor here that the converter takes.
  private struct Origin {
    let tensor: StoredTensor
    let order: ElementOrder
    let addsOne: Bool
  }

  /// - Throws: ``PatchError`` naming the first tensor that is not there, or cannot be used.
  package mutating func matchOrigin() throws(PatchError) {
    guard let configuration = source.configuration else {
      throw PatchError(
        .badInput, path: source.path,
        "the patch was made for a GGUF; which tensors here are those of the GGUF is told by the "
          + "config.json of the model, which is not beside the weights",
        remedy: "put it there, or apply the patch to the GGUF")
    }
    let mapping = try PatchError.opening { () throws(CheckpointError) in
      try GGUFMapping(configuration)
    }
    var (origins, omitted) = try origins(mapping)
    // The embedding once more, where the patch knows one tensor only.
    var copies: [StoredTensor] = []
    if let embedding = origins[GGUFMapping.embedding]?.tensor, !configuration.untiesEmbeddings {
      for tensor in omitted where try isTied(tensor, to: embedding) { copies.append(tensor) }
    }
    if patch[GGUFMapping.head] == nil, let head = origins[GGUFMapping.head]?.tensor {
      guard let embedding = origins[GGUFMapping.embedding]?.tensor,
        !configuration.untiesEmbeddings, try isTied(head, to: embedding)
      else {
        throw mismatch(
          head.name,
          "tensor '\(head.name)' is a matrix of its own, but the patch's base has no output head")
      }
      copies.append(head)
      origins[GGUFMapping.head] = nil
    }
    omitted.removeAll { tensor in copies.contains { $0.name == tensor.name } }

    var missing: [String] = []
    for entry in patch.index.tensors {
      guard let origin = origins[entry.name] else {
        try checkMayBeMissing(entry)
        missing.append(entry.name)
        continue
      }
      add(
        try matched(
          entry, origin, copies: entry.name == GGUFMapping.embedding ? copies : [], mapping))
    }
    isComplete = missing.isEmpty
    if let first = missing.first {
      notes.append(
        "\(missing.count) tensors of the GGUF come from no tensor here, first '\(first)'")
    }
    if let first = omitted.first {
      notes.append(
        "\(omitted.count) tensors have no place in the GGUF that the patch was made for and stay "
          + "as they are, first '\(first.name)'")
    }
    for tensor in omitted { leave(tensor) }
  }

  /// By the name in the GGUF what it is made of, and the tensors that have no place there.
  private func origins(
    _ mapping: GGUFMapping
  ) throws(PatchError) -> (origins: [String: Origin], omitted: [StoredTensor]) {
    var origins: [String: Origin] = [:]
    var omitted: [StoredTensor] = []
    for tensor in source.tensors {
      switch mapping.destination(of: tensor.name) {
      case .omitted: omitted.append(tensor)
      case .tensor(let name, let order, let addsOne):
        guard patch[name] != nil || name == GGUFMapping.head else {
          throw mismatch(
            tensor.name,
            "tensor '\(tensor.name)' would be '\(name)' in a GGUF, which is not in the patch's base"
          )
        }
        if let other = origins[name] {
          throw mismatch(
            tensor.name,
            "tensors '\(other.tensor.name)' and '\(tensor.name)' would both be '\(name)'")
        }
        origins[name] = Origin(tensor: tensor, order: order, addsOne: addsOne)
      case nil:
        throw mismatch(
          tensor.name,
          "tensor '\(tensor.name)' has no known place in a GGUF of architecture "
            + mapping.architecture)
      }
    }
    return (origins, omitted)
  }

  /// Whether a tensor is the embedding once more, and so has to change with it.
  ///
  /// - Throws: ``PatchError`` if it should be, but is not.
  private func isTied(
    _ tensor: StoredTensor, to embedding: StoredTensor
  ) throws(PatchError) -> Bool {
    guard tensor.shape == embedding.shape, tensor.elementType == embedding.elementType else {
      return false
    }
    guard isCopy(tensor, of: embedding) else {
      throw mismatch(
        tensor.name,
        "tensor '\(tensor.name)' is not the same as '\(embedding.name)', although config.json does "
          + "not say that the two are untied")
    }
    return true
  }

  /// - Throws: ``PatchError`` if a tensor of the GGUF has to come from one that is here.
  private func checkMayBeMissing(_ entry: PatchIndex.Tensor) throws(PatchError) {
    let isComputed = GGUFMapping.isComputed(entry.name) && entry.change == nil
    let isTiedHead =
      entry.name == GGUFMapping.head
      && patch[GGUFMapping.embedding]?.hasSameDigests(as: entry) == true
    guard isComputed || isTiedHead else {
      throw mismatch(
        entry.name, "tensor '\(entry.name)' of the patch's base comes from none that is here")
    }
  }

  private func matched(
    _ entry: PatchIndex.Tensor, _ origin: Origin, copies: [StoredTensor], _ mapping: GGUFMapping
  ) throws(PatchError) -> MatchedTensor {
    let stored = origin.tensor
    let whole = origin.order.shape(of: stored.shape)
    var firstElement = 0
    if entry.shape != whole {
      guard origin.order == .same, GGUFMapping.isCut(entry.shape, from: whole) else {
        throw mismatch(
          stored.name,
          "tensor '\(stored.name)' is \(stored.shape), but '\(entry.name)' of the patch's base is "
            + "\(entry.shape)")
      }
      let skippedRowCount = mapping.isCutInFront(entry.name) ? whole[0] - entry.shape[0] : 0
      firstElement = skippedRowCount * whole.dropFirst().reduce(1, *)
    }
    guard
      let conversion = FloatConversion(
        source: stored.elementType, converted: entry.elementType, addsOne: origin.addsOne)
        ?? (origin.addsOne
          ? nil
          : FloatConversion(
            stored: stored.elementType, value: entry.elementType, addsOne: false))
    else {
      throw mismatch(
        stored.name,
        "tensor '\(stored.name)' is \(stored.elementType.name), but the patch has "
          + "\(entry.elementType.name) values of it, which do not tell those")
    }
    return try reordered(
      entry, storedAs: [stored] + copies, order: origin.order.inverse, conversion: conversion,
      firstElement: firstElement)
  }
}
