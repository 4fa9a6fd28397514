internal import ByteIO
internal import Checkpoints
internal import PatchFormat

/// Finds the tensors of a patch in a checkpoint that holds the same values in another form: a GGUF
/// that was converted from the base, or a copy in wider floats.
struct ConvertedBinding {
  private let patch: PatchFile
  private let checkpoint: Checkpoint
  private let mapping: GGUFMapping?
  private let isHalfway: Bool
  private(set) var found = ViewedTensors()

  /// For the parameters, see ``PatchBinding``.
  ///
  /// - Throws: ``PatchError`` naming the first tensor that is not there, or cannot be used.
  init(_ patch: PatchFile, _ checkpoint: Checkpoint, isHalfway: Bool) throws(PatchError) {
    self.isHalfway = isHalfway
    self.patch = patch
    self.checkpoint = checkpoint
    mapping =
      checkpoint.isGGUF && !checkpoint.tensors.contains { patch[$0.name] != nil }
      ? try PatchError.opening { () throws(CheckpointError) in try GGUFMapping(checkpoint) } : nil
    var dropped: [PatchIndex.Tensor] = []
    for tensor in patch.index.tensors {
      guard let view = try view(of: tensor) else {
        dropped.append(tensor)
        continue
      }
      found.views.append(view)
    }
    found.isComplete = dropped.isEmpty
    noteDropped(dropped)
    let used = Set(found.views.flatMap { $0.stored.map(\.name) })
    for tensor in checkpoint.tensors where !used.contains(tensor.name) {
      guard mapping != nil, GGUFMapping.isComputed(tensor.name) else {
        throw mismatch(tensor.name, "tensor '\(tensor.name)' is not in the patch's base")
      }
      found.copies.append(tensor)
    }
  }

  private mutating func noteDropped(_ dropped: [PatchIndex.Tensor]) {
    guard let first = dropped.first else { return }
    let changed = dropped.count { $0.change != nil }
    found.notes.append(
      "\(dropped.count) tensors of the base have no place in this GGUF, first '\(first.name)'"
        + (changed > 0 ? "; the patch changes \(changed) of them, which are left out" : ""))
  }

  /// - Returns: nil if the tensor has no place in the file, by the rules of the converter.
  private func view(of tensor: PatchIndex.Tensor) throws(PatchError) -> TensorView? {
    guard let mapping else {
      return try view(of: tensor, in: tensor.name, layout: .same, isShifted: false)
    }
    switch mapping.fate(of: tensor.name) {
    case .dropped: return nil
    case .place(let name, let layout, let isShifted):
      if name == GGUFMapping.head, checkpoint[name] == nil, isTied(tensor) { return nil }
      return try view(of: tensor, in: name, layout: layout, isShifted: isShifted)
    case nil:
      throw mismatch(
        tensor.name,
        "tensor '\(tensor.name)' of the patch's base has no known place in a GGUF of architecture "
          + mapping.architecture)
    }
  }

  private func view(
    of tensor: PatchIndex.Tensor, in name: String, layout: GGUFMapping.Layout, isShifted: Bool
  ) throws(PatchError) -> TensorView? {
    guard let stored = checkpoint[name] else {
      throw mismatch(
        tensor.name, "tensor '\(name)', which is '\(tensor.name)' of the base, is missing")
    }
    let found = stored.descriptor
    if let block = found.elementType.block, block.elementCount > 1 { throw quantised(found) }
    let expected = layout == .transposed ? tensor.shape.reversed() : tensor.shape
    guard found.shape == expected else {
      if isCut(found, expected), tensor.change == nil { return nil }
      throw mismatch(
        name,
        "tensor '\(name)' is \(found.shape), but '\(tensor.name)' of the base would be "
          + "\(expected)"
          + (isCut(found, expected) ? "; the patch needs the rows that are cut" : "")
      )
    }
    guard
      let conversion = FloatConversion(
        stored: found.elementType, value: tensor.elementType, isShifted: isShifted)
        ?? narrowConversion(found.elementType, tensor.elementType, isShifted)
    else {
      throw mismatch(
        name,
        "tensor '\(name)' is \(found.elementType.name), from which the "
          + "\(tensor.elementType.name) values of the base cannot be read back")
    }
    let view = TensorView(
      tensor: tensor, stored: [stored] + copies(of: stored), layout: layout,
      conversion: conversion)
    guard view.canBeMoved else {
      throw mismatch(name, "the rows of tensor '\(name)' cannot be put in order")
    }
    return view
  }

  /// Position and embedding rows that a model does not use are left out.
  private func isCut(_ found: TensorDescriptor, _ expected: [Int]) -> Bool {
    found.shape.count == 2 && expected.count == 2 && found.shape[1] == expected[1]
      && found.shape[0] < expected[0]
  }

  /// A base of wide floats may hold no values but those of narrower ones; its digests tell.
  private func narrowConversion(
    _ stored: ElementType, _ value: ElementType, _ isShifted: Bool
  ) -> FloatConversion? {
    isShifted ? nil : FloatConversion(source: stored, converted: value, isShifted: false)
  }

  /// Whether a head of the base is its embedding, before and after.
  private func isTied(_ head: PatchIndex.Tensor) -> Bool {
    patch.index.tensors.contains { other in
      guard case .place(GGUFMapping.embedding, _, _) = mapping?.fate(of: other.name) else {
        return false
      }
      return other.baseDigest == head.baseDigest && other.resultDigest == head.resultDigest
    }
  }

  /// An output head that is a copy of the embedding and that the patch does not know changes with
  /// it, as the two are one in memory. Halfway the two may differ, but were the same in the beginning.
  private func copies(of stored: Checkpoint.Tensor) -> [Checkpoint.Tensor] {
    guard let mapping, stored.name == GGUFMapping.embedding,
      let head = checkpoint[GGUFMapping.head],
      head.descriptor.elementType == stored.descriptor.elementType,
      !patch.index.tensors.contains(where: {
        if case .place(GGUFMapping.head, _, _) = mapping.fate(of: $0.name) { true } else { false }
      }),
      isHalfway || checkpoint.hasSameBytes(head, as: stored, of: checkpoint)
    else { return [] }
    return [head]
  }

  private func mismatch(_ tensor: String, _ message: String) -> PatchError {
    PatchError(
      .mismatch, path: checkpoint.path, tensor: tensor, message, remedy: patch.baseDescription)
  }

  /// What quantising again keeps of an update was measured on SmolLM2-135M, at a learning rate of
  /// 0.01.
  private func quantised(_ found: TensorDescriptor) -> PatchError {
    PatchError(
      .mismatch, path: checkpoint.path, tensor: found.name,
      "tensor '\(found.name)' is \(found.elementType.name): the values of the base cannot be read "
        + "back from quantised ones, and quantising again loses most of an update (it keeps 71 % in "
        + "Q8_0, 41 % in Q6_K, 9 % in Q4_0, 4 % in Q4_K)",
      remedy: "apply the patch to the base, convert and quantise the result; or let the publisher "
        + "'diff' the two quantised files")
  }
}
