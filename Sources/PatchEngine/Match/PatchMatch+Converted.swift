internal import ByteIO
internal import Checkpoints
package import ModelNames
package import PatchFormat

/// A source that holds the base's values in another form: a GGUF that was converted from the base
/// (Formats/gguf-mapping.md, section 6), or a copy in other floats.
extension PatchMatch {
  /// - Parameter mapping: of a GGUF; nil if the names are those of the patch.
  /// - Throws: ``PatchError`` naming the first tensor that is not there, or cannot be used.
  package mutating func matchConverted(_ mapping: GGUFMapping?) throws(PatchError) {
    var omitted: [PatchIndex.Tensor] = []
    // Tables of which other rows are here than all, or those that the patch calls kept.
    var cut: [StoredTensor] = []
    for entry in patch.index.tensors {
      if let tensor = try converted(entry, mapping) {
        add(tensor)
      } else if let stored = mapping?.name(of: entry.name).flatMap({ source[$0] }) {
        cut.append(stored)
      } else {
        omitted.append(entry)
      }
    }
    noteMissingRows()
    isComplete = isComplete && omitted.isEmpty && cut.isEmpty
    for tensor in cut {
      notes.append("'\(tensor.name)' has not all rows of the base, and stays: no row of it changes")
      leave(tensor)
    }
    if let first = omitted.first {
      let changed = omitted.count { $0.change != nil }
      notes.append(
        "\(omitted.count) tensors of the base have no place in this GGUF, first '\(first.name)'"
          + (changed > 0 ? "; the patch changes \(changed) of them, which are left out" : ""))
    }
    let used = Set((tensors.flatMap(\.stored) + cut).map(\.name))
    for tensor in source.tensors where !used.contains(tensor.name) {
      guard mapping != nil, GGUFMapping.isComputed(tensor.name) else {
        throw mismatch(tensor.name, "tensor '\(tensor.name)' is not in the patch's base")
      }
      leave(tensor)
    }
  }

  /// - Returns: nil if the tensor has no place in the source, by the rules of the converter.
  private func converted(
    _ entry: PatchIndex.Tensor, _ mapping: GGUFMapping?
  ) throws(PatchError) -> MatchedTensor? {
    guard let mapping else { return try converted(entry, in: entry.name, .same, false, []) }
    switch mapping.destination(of: entry.name) {
    case .omitted: return nil
    case .tensor(let name, let order, let addsOne):
      if name == GGUFMapping.head, source[name] == nil, isEmbedding(entry, mapping) { return nil }
      let copies = name == GGUFMapping.embedding ? copiesOfEmbedding(mapping) : []
      return try converted(entry, in: name, order, addsOne, copies)
    case nil:
      throw mismatch(
        entry.name,
        "tensor '\(entry.name)' of the patch's base has no known place in a GGUF of architecture "
          + mapping.architecture)
    }
  }

  /// Says of which tensors only the rows are here that a converter keeps.
  private mutating func noteMissingRows() {
    for tensor in tensors {
      guard let whole = patch[tensor.name], whole.shape != tensor.shape else { continue }
      isComplete = false
      let count = (whole.change?.elementCount ?? 0) - (tensor.entry.change?.elementCount ?? 0)
      notes.append(
        "'\(tensor.placement.storedName)' has \(tensor.shape[0]) of the \(whole.shape[0]) rows of "
          + "'\(tensor.name)'"
          + (count > 0
            ? "; the patch changes \(count) elements of the others, which are left out" : ""))
    }
  }

  private func converted(
    _ entry: PatchIndex.Tensor, in name: String, _ order: ElementOrder, _ addsOne: Bool,
    _ copies: [StoredTensor]
  ) throws(PatchError) -> MatchedTensor? {
    guard let stored = source[name] else {
      throw mismatch(
        entry.name, "tensor '\(name)', which is '\(entry.name)' of the base, is missing")
    }
    if let block = stored.elementType.block, block.elementCount > 1 { throw quantised(stored) }
    var entry = entry
    let expected = order.shape(of: entry.shape)
    if stored.shape != expected {
      let isCut = GGUFMapping.isCut(stored.shape, from: expected)
      if isCut, let part = entry.keptPart, part.shape == stored.shape {
        entry = part
      } else if isCut, entry.change == nil {
        return nil
      } else {
        throw mismatch(
          name,
          "tensor '\(name)' is \(stored.shape), but '\(entry.name)' of the base would be \(expected)"
            + (isCut ? "; the patch needs the rows that are cut" : ""))
      }
    }
    // A base of wide floats may hold no values but those of narrower ones; its digests tell.
    guard
      let conversion = FloatConversion(
        stored: stored.elementType, value: entry.elementType, addsOne: addsOne)
        ?? (addsOne
          ? nil
          : FloatConversion(
            source: stored.elementType, converted: entry.elementType, addsOne: false))
    else {
      throw mismatch(
        name,
        "tensor '\(name)' is \(stored.elementType.name), from which the "
          + "\(entry.elementType.name) values of the base cannot be read back")
    }
    return try reordered(entry, storedAs: [stored] + copies, order: order, conversion: conversion)
  }

  /// Whether a head of the base is its embedding, before and after.
  private func isEmbedding(_ head: PatchIndex.Tensor, _ mapping: GGUFMapping) -> Bool {
    patch.index.tensors.contains {
      mapping.name(of: $0.name) == GGUFMapping.embedding && $0.hasSameDigests(as: head)
    }
  }

  /// An output head that is a copy of the embedding and that the patch does not know changes with
  /// it, as the two are one in memory.
  private func copiesOfEmbedding(_ mapping: GGUFMapping) -> [StoredTensor] {
    guard let embedding = source[GGUFMapping.embedding], let head = source[GGUFMapping.head],
      !patch.index.tensors.contains(where: { mapping.name(of: $0.name) == GGUFMapping.head }),
      isCopy(head, of: embedding)
    else { return [] }
    return [head]
  }

  /// What quantising again keeps of an update was measured on SmolLM2-135M, at a learning rate of
  /// 0.01.
  private func quantised(_ stored: StoredTensor) -> PatchError {
    PatchError(
      .mismatch, path: source.path, tensor: stored.name,
      "tensor '\(stored.name)' is \(stored.elementType.name): the values of the base cannot be read "
        + "back from quantised ones, and quantising again loses most of an update (it keeps 71 % in "
        + "Q8_0, 41 % in Q6_K, 9 % in Q4_0, 4 % in Q4_K)",
      remedy: "apply the patch to the base, convert and quantise the result; or let the publisher "
        + "'diff' the two quantised files")
  }
}

extension PatchIndex.Tensor {
  /// Whether two tensors hold the same values in the base, and in the result.
  package func hasSameDigests(as other: Self) -> Bool {
    baseDigest == other.baseDigest && resultDigest == other.resultDigest
  }
}
