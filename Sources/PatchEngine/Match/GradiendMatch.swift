internal import ByteIO
package import Checkpoints
internal import ModelNames
package import Gradiend

/// Which tensors of a base a GRADIEND changes, and how.
package struct GradiendMatch {
  /// By a tensor's name, what is added to it, one after the other.
  package private(set) var updates: [String: [WeightUpdate]] = [:]
  /// What a user should know of the choice.
  package private(set) var notes: [String] = []
  private let base: any TensorSource
  private let gradiend: GradiendCheckpoint
  /// Set if the base is GGUF.
  private let places: GGUFParameterNames?
  private let valueType: ElementType?
  /// Whose tensors are read, if not all of the base's are.
  private let share: FileShare?

  /// Finds each parameter of `gradiend` in `base`.
  ///
  /// Values are read only where a choice depends on them; of a share, only for its own tensors.
  ///
  /// - Throws: ``PatchError`` naming the first parameter that is not there, is there twice, or has
  ///   another shape or a type that nothing can be added to.
  package init(
    _ gradiend: GradiendCheckpoint, of base: any TensorSource, in share: FileShare? = nil
  ) throws(PatchError) {
    self.base = base
    self.share = share
    self.gradiend = gradiend
    places =
      if case .gguf(let header) = base.convention {
        try PatchError.opening { () throws(CheckpointError) in
          try GGUFParameterNames(base, header)
        }
      } else {
        nil
      }
    valueType = places.flatMap { base.valueType($0.mapping) }
    let found = try findParameters()
    let coverages = try PatchError.opening { () throws(CheckpointError) in
      try gradiend.coverages(inShapes: found.map { $0.shape ?? [] })
    }
    var leftOut: [String] = []
    for (coverage, place) in zip(coverages, found) {
      if place.pieces.isEmpty { leftOut.append(coverage.parameter.name) }
      let skippedCount = try skippedElementCount(coverage, place)
      for var piece in place.pieces {
        piece.firstElement += skippedCount
        try cover(piece, with: coverage)
      }
    }
    if let first = leftOut.first {
      notes.append(
        "\(leftOut.count) parameters of the GRADIEND have no place in this GGUF and are left out, "
          + "first '\(first)'")
    }
    coverTiedHead()
  }

  private static let remedy = "check that this is the model the GRADIEND was trained for"

  private func findParameters() throws(PatchError) -> [ParameterPlace] {
    let finder: any ParameterFinder = places ?? StateDictNames(base)
    let isWhole = gradiend.configuration.layout == .older
    return try gradiend.parameters.map { (parameter) throws(PatchError) in
      guard let place = finder.place(of: parameter.name, isWhole: isWhole) else {
        throw PatchError(
          .badInput, path: base.path, tensor: parameter.name,
          "parameter '\(parameter.name)' of the GRADIEND is not here, or not under one name only"
            + finder.remark, remedy: Self.remedy)
      }
      guard place.shape != nil || gradiend.coverages != nil else {
        throw PatchError(
          .badInput, path: base.path, tensor: parameter.name,
          "parameter '\(parameter.name)' of the GRADIEND has no place here, and nothing tells how "
            + "many elements it has",
          remedy: "create the patch from the checkpoint that the GRADIEND was trained for")
      }
      return place
    }
  }

  /// How many elements of the parameter come before those that the base has.
  ///
  /// - Throws: ``PatchError`` if the parameter has another shape than the GRADIEND says, and it is
  ///   not a table whose unused rows a converter cuts.
  private func skippedElementCount(
    _ coverage: GradiendCheckpoint.Coverage, _ place: ParameterPlace
  ) throws(PatchError) -> Int {
    let (shape, trained) = (place.shape ?? coverage.shape, coverage.shape)
    guard shape != trained, let piece = place.pieces.first else { return 0 }
    if let places, piece.order == .same, GGUFMapping.isCut(shape, from: trained) {
      return places.mapping.isCutInFront(piece.tensor.name) ? (trained[0] - shape[0]) * shape[1] : 0
    }
    let name = piece.tensor.name
    throw PatchError(
      .badInput, path: base.path, tensor: name,
      place.pieces.count == 1
        ? "tensor '\(name)' has shape \(shape), but the GRADIEND was trained for \(trained)"
        : "'\(coverage.parameter.name)', of which tensor '\(name)' is the first part, has shape "
          + "\(shape), but the GRADIEND was trained for \(trained)", remedy: Self.remedy)
  }

  private mutating func cover(
    _ piece: ParameterPlace.Piece, with coverage: GradiendCheckpoint.Coverage
  ) throws(PatchError) {
    let (parameter, tensor) = (coverage.parameter, piece.tensor)
    // Only in the older layout can one parameter be there twice, with entries for each time.
    if let other = updates[tensor.name]?.first?.coverage.parameter,
      other.name != parameter.name || gradiend.configuration.layout != .older
    {
      throw PatchError(
        .badInput, path: gradiend.path, tensor: tensor.name,
        "parameters '\(other.name)' and '\(parameter.name)' are both tensor "
          + "'\(tensor.name)' of the base")
    }
    let type = tensor.elementType
    guard FloatStorage(type) != nil else {
      throw PatchError(
        .badInput, path: base.path, tensor: tensor.name,
        "tensor '\(tensor.name)' is \(type.name); an update can be added to F32, F16 and BF16 only",
        remedy: base.isGGUF
          ? "create the patch from the checkpoint, apply it, quantise the result, and 'diff' the two "
            + "quantised files" : nil)
    }
    guard piece.order.fits(tensor.shape),
      let conversion = FloatConversion(
        stored: type, value: valueType ?? type, addsOne: piece.addsOne),
      !piece.addsOne || !isRead(tensor) || base.holdsValues(tensor, conversion)
    else {
      throw PatchError(
        .badInput, path: base.path, tensor: tensor.name,
        "tensor '\(tensor.name)' is not what a converter makes of '\(parameter.name)'")
    }
    updates[tensor.name, default: []].append(
      WeightUpdate(
        coverage: coverage, firstElement: piece.firstElement, order: piece.order,
        conversion: conversion))
  }

  private func isRead(_ tensor: StoredTensor) -> Bool { share?.holds(tensor) ?? true }

  /// Covers an output head that is the embedding, stored a second time.
  ///
  /// In memory the two are one matrix, so leaving the head behind would untie them. A head whose
  /// bytes differ is not tied, and one that the configuration calls untied stays as well.
  private mutating func coverTiedHead() {
    guard base.configuration?.untiesEmbeddings != true else { return }
    let isGGUF = base.isGGUF
    let embeddings = base.tensors.filter {
      updates[$0.name] != nil && OutputHead.isEmbedding($0.name, isGGUF: isGGUF)
    }
    for head in base.tensors
    where updates[head.name] == nil && isRead(head) && OutputHead.isHead(head.name, isGGUF: isGGUF)
    {
      guard let embedding = embeddings.first(where: { base.isSame($0, as: head, of: base) }) else {
        continue
      }
      updates[head.name] = updates[embedding.name]
      notes.append(
        "'\(head.name)' is the same matrix as '\(embedding.name)' and changes with it")
    }
  }
}
