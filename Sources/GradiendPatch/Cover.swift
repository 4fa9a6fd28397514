internal import ByteIO
internal import Checkpoints
internal import Gradiend

/// Which tensors of a base a GRADIEND covers.
struct Cover {
  /// Entries of a parameter, and what part of them is the tensor's.
  struct Part {
    let coverage: GradiendCheckpoint.Coverage
    let piece: ParameterPlace.Piece
    /// How the file stores the values that an update is added to.
    let conversion: FloatConversion
  }

  /// For each tensor of the base, what is added to it, one after the other.
  private(set) var parts: [[Part]]
  /// What a user should know of the choice.
  private(set) var notes: [String] = []
  private let base: Checkpoint
  private let gradiend: GradiendCheckpoint
  /// Set if the base is GGUF.
  private let places: GGUFPlaces?
  private let valueType: ElementType?

  /// Finds each parameter of `gradiend` in `base`.
  ///
  /// - Throws: ``PatchError`` naming the first parameter that is not there, is there twice, or has
  ///   another shape or a type that nothing can be added to.
  init(_ gradiend: GradiendCheckpoint, of base: Checkpoint) throws(PatchError) {
    self.base = base
    self.gradiend = gradiend
    parts = Array(repeating: [], count: base.tensors.count)
    places = base.isGGUF ? try GGUFPlaces(base) : nil
    valueType = places?.valueType()
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
    let finder: any ParameterFinder = places ?? MemoryNames(base)
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
    if let places, piece.layout == .same, shape.count == 2, trained.count == 2,
      shape[1] == trained[1], shape[0] < trained[0]
    {
      return places.isCutInFront(piece.tensorIndex) ? (trained[0] - shape[0]) * shape[1] : 0
    }
    let name = base.tensors[piece.tensorIndex].name
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
    let (parameter, tensor) = (coverage.parameter, base.tensors[piece.tensorIndex])
    // Only in the older layout can one parameter be there twice, with entries for each time.
    if let other = parts[piece.tensorIndex].first?.coverage.parameter,
      other.name != parameter.name || gradiend.configuration.layout != .older
    {
      throw PatchError(
        .badInput, path: gradiend.path, tensor: tensor.name,
        "parameters '\(other.name)' and '\(parameter.name)' are both tensor "
          + "'\(tensor.name)' of the base")
    }
    let type = tensor.descriptor.elementType
    guard FloatStorage(type) != nil else {
      throw PatchError(
        .badInput, path: base.path, tensor: tensor.name,
        "tensor '\(tensor.name)' is \(type.name); an update can be added to F32, F16 and BF16 only",
        remedy: base.isGGUF
          ? "create the patch from the checkpoint, apply it, quantise the result, and 'diff' the two "
            + "quantised files" : nil)
    }
    guard piece.layout.fits(tensor.descriptor.shape),
      let conversion = FloatConversion(
        stored: type, value: valueType ?? type, isShifted: piece.isShifted),
      !piece.isShifted || places?.holdsValues(tensor, conversion) == true
    else {
      throw PatchError(
        .badInput, path: base.path, tensor: tensor.name,
        "tensor '\(tensor.name)' is not what a converter makes of '\(parameter.name)'")
    }
    parts[piece.tensorIndex].append(Part(coverage: coverage, piece: piece, conversion: conversion))
  }

  /// Covers an output head that is the embedding, stored a second time.
  ///
  /// In memory the two are one matrix, so leaving the head behind would untie them. A head whose
  /// bytes differ is not tied, and one that the configuration calls untied stays as well.
  private mutating func coverTiedHead() {
    guard ModelConfiguration(besides: base)?.untiesEmbeddings != true else { return }
    for position in base.tensors.indices where parts[position].isEmpty {
      let head = base.tensors[position]
      guard OutputHead.isHead(head.name, isGGUF: base.isGGUF),
        let embedding = base.tensors.indices.first(where: { index in
          let other = base.tensors[index]
          return !parts[index].isEmpty && OutputHead.isEmbedding(other.name, isGGUF: base.isGGUF)
            && isSame(other, head)
        })
      else { continue }
      parts[position] = parts[embedding]
      notes.append(
        "'\(head.name)' is the same matrix as '\(base.tensors[embedding].name)' and changes with it"
      )
    }
  }

  private func isSame(_ first: Checkpoint.Tensor, _ second: Checkpoint.Tensor) -> Bool {
    guard first.name != second.name, first.descriptor.shape == second.descriptor.shape,
      first.descriptor.elementType == second.descriptor.elementType
    else { return false }
    return base.hasSameBytes(first, as: second, of: base)
  }

  /// What `output` adds to each tensor.
  func updates(_ output: DecoderOutput) -> [[PlacedUpdate]] {
    zip(base.tensors, parts).map { tensor, parts in
      parts.compactMap { part in
        TensorUpdate(output, part.coverage, type: part.conversion.value).map {
          PlacedUpdate(
            update: $0, firstElement: part.piece.firstElement, layout: part.piece.layout,
            shape: tensor.descriptor.shape, conversion: part.conversion)
        }
      }
    }
  }
}
