internal import ByteIO
internal import Checkpoints
internal import PatchFormat

/// Finds the tensors of a patch of a GGUF in the Hugging Face checkpoint that it was converted from
/// (Formats/gguf-mapping.md, section 7).
struct SourceBinding {
  private let patch: PatchFile
  private let checkpoint: Checkpoint
  private let mapping: GGUFMapping
  private let isHalfway: Bool
  private let isUntied: Bool
  private(set) var found = ViewedTensors()
  /// By the name in the GGUF.
  private var sources: [String: Source] = [:]

  private struct Source {
    let tensor: Checkpoint.Tensor
    let layout: GGUFMapping.Layout
    let isShifted: Bool
  }

  /// For the parameters, see ``PatchBinding``.
  ///
  /// - Throws: ``PatchError`` naming the first tensor that is not there, or cannot be used.
  init(_ patch: PatchFile, _ checkpoint: Checkpoint, isHalfway: Bool) throws(PatchError) {
    guard let configuration = ModelConfiguration(besides: checkpoint) else {
      throw PatchError(
        .badInput, path: checkpoint.path,
        "the patch was made for a GGUF; which tensors here are those of the GGUF is told by the "
          + "config.json of the model, which is not beside the weights",
        remedy: "put it there, or apply the patch to the GGUF")
    }
    self.patch = patch
    self.checkpoint = checkpoint
    self.isHalfway = isHalfway
    isUntied = configuration.untiesEmbeddings
    mapping = try PatchError.opening { () throws(CheckpointError) in
      try GGUFMapping(configuration)
    }
    let dropped = try placeTensors()
    var leftOut: [String] = []
    for tensor in patch.index.tensors {
      guard let view = try view(of: tensor) else {
        leftOut.append(tensor.name)
        continue
      }
      found.views.append(view)
    }
    found.isComplete = leftOut.isEmpty
    if let first = leftOut.first {
      found.notes.append(
        "\(leftOut.count) tensors of the GGUF come from no tensor here, first '\(first)'")
    }
    if let first = dropped.first {
      found.notes.append(
        "\(dropped.count) tensors have no place in the GGUF that the patch was made for and stay "
          + "as they are, first '\(first.name)'")
    }
    found.copies = dropped
  }

  /// Finds each tensor's place in the GGUF.
  ///
  /// - Returns: those that have none.
  private mutating func placeTensors() throws(PatchError) -> [Checkpoint.Tensor] {
    var others: [Checkpoint.Tensor] = []
    for tensor in checkpoint.tensors {
      switch mapping.fate(of: tensor.name) {
      case .dropped: others.append(tensor)
      case .place(let name, let layout, let isShifted):
        guard patch[name] != nil || name == GGUFMapping.head else {
          throw mismatch(
            tensor.name,
            "tensor '\(tensor.name)' would be '\(name)' in a GGUF, which is not in the patch's base"
          )
        }
        if let other = sources[name] {
          throw mismatch(
            tensor.name,
            "tensors '\(other.tensor.name)' and '\(tensor.name)' would both be '\(name)'")
        }
        sources[name] = Source(tensor: tensor, layout: layout, isShifted: isShifted)
      case nil:
        throw mismatch(
          tensor.name,
          "tensor '\(tensor.name)' has no known place in a GGUF of architecture "
            + mapping.architecture)
      }
    }
    if patch[GGUFMapping.head] == nil, let head = sources[GGUFMapping.head]?.tensor {
      guard try isTied(head) else {
        throw mismatch(
          head.name,
          "tensor '\(head.name)' is a matrix of its own, but the patch's base has no output head")
      }
    }
    var dropped: [Checkpoint.Tensor] = []
    for tensor in others where try !isTied(tensor) { dropped.append(tensor) }
    return dropped
  }

  /// Whether a tensor is the embedding once more, and so has to change with it. Halfway the two may
  /// differ, but were the same in the beginning.
  ///
  /// - Throws: ``PatchError`` if it should be, but is not.
  private func isTied(_ tensor: Checkpoint.Tensor) throws(PatchError) -> Bool {
    guard let embedding = sources[GGUFMapping.embedding]?.tensor, !isUntied,
      tensor.name != embedding.name, tensor.descriptor.shape == embedding.descriptor.shape,
      tensor.descriptor.elementType == embedding.descriptor.elementType
    else { return false }
    guard isHalfway || checkpoint.hasSameBytes(tensor, as: embedding, of: checkpoint) else {
      throw mismatch(
        tensor.name,
        "tensor '\(tensor.name)' is not the same as '\(embedding.name)', although config.json does "
          + "not say that the two are untied")
    }
    return true
  }

  /// The tensors that are the embedding once more and that the patch does not know.
  private func copiesOfEmbedding() throws(PatchError) -> [Checkpoint.Tensor] {
    var copies: [Checkpoint.Tensor] = []
    for tensor in checkpoint.tensors {
      let isUnknown =
        switch mapping.fate(of: tensor.name) {
        case .dropped: true
        case .place(let name, _, _): name == GGUFMapping.head && patch[name] == nil
        case nil: false
        }
      if isUnknown, try isTied(tensor) { copies.append(tensor) }
    }
    return copies
  }

  /// - Returns: nil if the tensor of the GGUF may be missing here.
  private func view(of tensor: PatchIndex.Tensor) throws(PatchError) -> TensorView? {
    guard let source = sources[tensor.name] else {
      if GGUFMapping.isComputed(tensor.name), tensor.change == nil { return nil }
      if tensor.name == GGUFMapping.head, isEmbedding(tensor) { return nil }
      throw mismatch(
        tensor.name, "tensor '\(tensor.name)' of the patch's base comes from none that is here")
    }
    let stored = source.tensor.descriptor
    let whole = source.layout == .transposed ? stored.shape.reversed() : stored.shape
    var skippedRowCount = 0
    if tensor.shape != whole {
      guard source.layout == .same, whole.count == 2, tensor.shape.count == 2,
        tensor.shape[1] == whole[1], tensor.shape[0] < whole[0]
      else {
        throw mismatch(
          stored.name,
          "tensor '\(stored.name)' is \(stored.shape), but '\(tensor.name)' of the patch's base is "
            + "\(tensor.shape)")
      }
      skippedRowCount = mapping.isCutInFront(tensor.name) ? whole[0] - tensor.shape[0] : 0
    }
    guard let conversion = conversion(tensor, source) else {
      throw mismatch(
        stored.name,
        "tensor '\(stored.name)' is \(stored.elementType.name), but the patch has "
          + "\(tensor.elementType.name) values of it, which do not tell those")
    }
    let copies = tensor.name == GGUFMapping.embedding ? try copiesOfEmbedding() : []
    let view = TensorView(
      tensor: tensor, stored: [source.tensor] + copies, layout: source.layout.inverse,
      conversion: conversion, skippedRowCount: skippedRowCount)
    guard view.canBeMoved else {
      throw mismatch(stored.name, "the rows of tensor '\(stored.name)' cannot be put in order")
    }
    return view
  }

  private func conversion(_ tensor: PatchIndex.Tensor, _ source: Source) -> FloatConversion? {
    let stored = source.tensor.descriptor.elementType
    let conversion = FloatConversion(
      source: stored, converted: tensor.elementType, isShifted: source.isShifted)
    guard conversion == nil, !source.isShifted else { return conversion }
    return FloatConversion(stored: stored, value: tensor.elementType, isShifted: false)
  }

  /// Whether a head of the GGUF is its embedding, before and after.
  private func isEmbedding(_ head: PatchIndex.Tensor) -> Bool {
    guard let embedding = patch[GGUFMapping.embedding] else { return false }
    return embedding.baseDigest == head.baseDigest && embedding.resultDigest == head.resultDigest
  }

  private func mismatch(_ tensor: String, _ message: String) -> PatchError {
    PatchError(
      .mismatch, path: checkpoint.path, tensor: tensor, message, remedy: patch.baseDescription)
  }
}
